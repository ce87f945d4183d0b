"""`quintet playlists`: import playlists for training, and make playlists of lists."""

import typer

from quintet_command.cli.playlists.importing import compact, delete, import_files, info
from quintet_command.cli.playlists.pushing import forget, push, saved

playlists_app = typer.Typer(help="Playlists: import them for training, make them of lists.")
playlists_app.command("import")(import_files)
playlists_app.command("info")(info)
playlists_app.command("delete")(delete)
playlists_app.command("compact")(compact)
playlists_app.command("push")(push)
playlists_app.command("saved")(saved)
playlists_app.command("forget")(forget)
