"""Runs the `quintet` command as `python -m quintet_training`."""

from quintet_training.cli import main

if __name__ == "__main__":
    main()
