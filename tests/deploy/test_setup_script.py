"""`deploy/setup.sh home` with real commands: clients of a new and of a restored installation."""

import os
import shutil
import subprocess

from quintet_access.clients import ClientFolder

from tests.root import ROOT
from tools.processes import environment_without


class Host:
    """One project: a home, and volumes of secrets."""

    def __init__(self, folder, home):
        self.home, self.secrets = folder / "home", folder / "secrets"
        shutil.copytree(home, self.home)
        for name in ("page", "players", "command"):
            (self.secrets / name).mkdir(parents=True)
        script = (ROOT / "deploy" / "setup.sh").read_text(encoding="utf-8")
        self.script = folder / "setup.sh"
        here = script.replace("/run/quintet-secrets", str(self.secrets))
        self.script.write_text(here, encoding="utf-8")

    def setup(self, **variables):
        environment = environment_without("QUINTET_") | {"QUINTET_HOME": str(self.home)}
        environment["PATH"] = f"{ROOT / '.venv' / 'bin'}:{environment['PATH']}"
        command = ["sh", str(self.script), "home"]
        return subprocess.run(
            command, env={**environment, **variables}, capture_output=True, text=True, timeout=250
        )

    def client(self, name):
        lines = (self.secrets / name / "client.env").read_text(encoding="utf-8").splitlines()
        values = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        return next(values[k] for k in values if k.endswith("ID")), next(
            values[k] for k in values if k.endswith("SECRET")
        )

    def known(self, name):
        return ClientFolder(self.home / "access").authenticate(*self.client(name))


def test_a_restore_onto_another_host_ends_with_clients_that_work(embedded_home, tmp_path):
    first, second = (Host(tmp_path / name, embedded_home) for name in ("first", "second"))
    for host in (first, second):
        done = host.setup()
        assert done.returncode == 0, done.stderr
    page = first.known("page")
    assert page is not None
    assert set(page.scopes) == {"read", "feedback", "library", "playlists"}
    before = first.client("page")
    # What `quintet backup restore` replaces: the clients are those of the first host.
    shutil.rmtree(second.home / "access")
    shutil.copytree(first.home / "access", second.home / "access")
    assert second.known("page") is None
    done = second.setup()
    assert done.returncode == 0, done.stderr
    assert "client page has a new secret" in done.stdout
    assert all(second.known(name) for name in ("page", "players", "command"))
    # The first host is another installation, and keeps its clients.
    assert first.client("page") == before


def test_a_failure_is_an_exit_code_and_leaves_no_empty_file(embedded_home, tmp_path):
    host = Host(tmp_path / "host", embedded_home)
    done = host.setup(QUINTET_GATEWAY_PORT="many")
    assert done.returncode != 0
    assert os.listdir(host.secrets / "page") == []
