"""Runs the `quintet` command as `python -m quintet_command`."""

from quintet_command.cli import main

if __name__ == "__main__":
    main()
