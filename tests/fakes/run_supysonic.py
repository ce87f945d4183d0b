"""Run by the Python of .library-servers: a supysonic with one folder of music, on a free port.

Arguments: the folder, a folder for its state, the user's name and password. Prints the port.
"""

import sys
from pathlib import Path

from supysonic import db
from supysonic.config import DefaultConfig
from supysonic.managers.folder import FolderManager
from supysonic.managers.user import UserManager
from supysonic.scanner import Scanner
from supysonic.web import create_application
from werkzeug.serving import make_server


def main(music: str, state: str, user: str, password: str) -> None:
    config = DefaultConfig()
    config.BASE = {**config.BASE, "database_uri": f"sqlite:///{Path(state) / 'supysonic.db'}"}
    config.WEBAPP = {**config.WEBAPP, "cache_dir": state, "mount_webui": False}
    db.init_database(config.BASE["database_uri"])
    db.open_connection(True)
    UserManager.add(user, password, admin=True)
    FolderManager.add("music", music)
    scanner = Scanner()
    scanner.queue_folder("music")
    scanner.run()
    db.close_connection()
    server = make_server("127.0.0.1", 0, create_application(config), threaded=True)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
