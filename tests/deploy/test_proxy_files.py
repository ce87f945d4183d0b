"""deploy/proxy in a real nginx and a real Caddy: TLS, login, and which headers are believed."""

import base64
import contextlib
import http.server
import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
import time

import httpx
import pytest
from quintet_access import certificates
from quintet_command.ports import free_ports

from tests.deploy.programs import tool
from tests.known_secrets import known
from tests.needs import apt, skip
from tests.root import ROOT
from tools.processes import Processes

PASSWORD = "open-Sesame-42"
LOGIN = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with its name and the request's path and headers."""

    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        document = {"port": self.connection.getsockname()[1], "path": self.path, "headers": headers}
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def nginx(folder, port, gateway, page):
    """The command of nginx, its environment, and the authority of its certificate."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        skip(apt("nginx", "nginx-light openssl"))
    certificates.create(folder / "tls", ["gateway"], (), 2)
    for name in ("tls.crt", "tls.key"):
        shutil.copy(folder / "tls" / "gateway" / name, folder / name)
    hashed = printed("openssl", "passwd", "-6", "-stdin")
    (folder / "users.htpasswd").write_text(f"me:{hashed}\n", encoding="utf-8")
    text = printed(*documented_change())
    changes = {
        "/etc/quintet-proxy": str(folder),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "http://127.0.0.1:8000": f"http://127.0.0.1:{gateway}",
        "http://127.0.0.1:8501": f"http://127.0.0.1:{page}",
        "http {": f"http {{ client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;"
        f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;",
    }
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [program, "-c", str(folder / "nginx.conf"), "-g", "daemon off; user root;"]
    return command, {}, folder / "tls" / "gateway" / "ca.crt"


def documented_change():
    """The command of the page that changes the file for a gateway and a page on this machine."""
    page = (ROOT / "docs" / "how-to" / "proxy.md").read_text(encoding="utf-8")
    (line,) = (each for each in page.splitlines() if each.startswith("$ sed "))
    return shlex.split(line.removeprefix("$ ").partition(" > ")[0])


def caddy(folder, port, gateway, page):
    """The same of Caddy, which makes its certificate by its own authority."""
    program = tool("caddy")
    text = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    here = (
        f"{{\nadmin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\n"
        f"default_bind 127.0.0.1\nstorage file_system {folder}/data\n}}\n"
    )
    (folder / "Caddyfile").write_text(here + text, encoding="utf-8")
    environment = {
        "QUINTET_PROXY_NAME": f"localhost:{port}",
        "QUINTET_PROXY_USER": "me",
        "QUINTET_PROXY_HASH": printed(program, "hash-password"),
        "QUINTET_PROXY_GATEWAY": f"127.0.0.1:{gateway}",
        "QUINTET_PROXY_PAGE": f"127.0.0.1:{page}",
        "HOME": str(folder),
    }
    command = [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    return command, environment, folder / "data" / "pki" / "authorities" / "local" / "root.crt"


def printed(*command):
    """What a program prints that reads the password."""
    done = subprocess.run(
        command,
        input=f"{known(PASSWORD)}\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda program: program.__name__)
def proxy(request, tmp_path_factory):
    """A running proxy; gives a client, and the ports of the gateway and of the page."""
    folder = tmp_path_factory.mktemp("proxy")
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(2)]
    port, gateway, page = free_ports(1)[0], *(each.server_port for each in servers)
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        command, environment, authority = request.param(folder, port, gateway, page)
        processes = stack.enter_context(Processes(folder / "logs"))
        processes.start("proxy", command, {**os.environ, **environment})
        with httpx.Client(
            base_url=f"https://localhost:{port}",
            verify=trusted(authority, port, processes),
            trust_env=False,
            timeout=60,
        ) as client:
            yield client, gateway, page


def trusted(authority, port, processes):
    """The context that trusts the proxy's certificate, once the proxy listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        processes.check()
        with contextlib.suppress(OSError):
            trust = ssl.create_default_context(cafile=authority)
            with (
                socket.create_connection(("127.0.0.1", port), 5) as connection,
                trust.wrap_socket(connection, server_hostname="localhost"),
            ):
                return trust
        time.sleep(0.1)  # between looks at another program's start
    raise AssertionError("the proxy does not answer")


@pytest.mark.parametrize("path", ["/api/v1/search?q=a", "/v1/me", "/docs", "/readyz", "/healthz"])
def test_the_api_is_reached_without_a_login_and_learns_who_calls(proxy, path):
    client, gateway, _ = proxy
    headers = {"Authorization": "Bearer of-a-client", "X-Forwarded-For": "192.0.2.9"}
    seen = client.get(path, headers=headers).json()
    assert (seen["port"], seen["path"]) == (gateway, path)
    assert seen["headers"]["authorization"] == "Bearer of-a-client"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "https"
    assert seen["headers"]["host"] == f"localhost:{client.base_url.port}"


@pytest.mark.parametrize("path", ["/", "/apiary", "/_stcore/stream", "/healthz2"])
def test_the_page_needs_a_login_and_never_sees_it(proxy, path):
    client, _, page = proxy
    assert client.get(path).status_code == 401
    wrong = base64.b64encode(b"me:wrong").decode()
    assert client.get(path, headers={"Authorization": f"Basic {wrong}"}).status_code == 401
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "X-Forwarded-For": "192.0.2.9"}
    seen = client.get(path, headers={"Authorization": LOGIN, **upgrade}).json()
    assert (seen["port"], seen["path"]) == (page, path)
    assert "authorization" not in seen["headers"]
    assert seen["headers"]["upgrade"] == "websocket"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "https"
    # The page denies a WebSocket whose Origin is another host than this.
    assert seen["headers"]["host"] == f"localhost:{client.base_url.port}"
