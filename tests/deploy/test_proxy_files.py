"""deploy/proxy/nginx.conf in a real nginx: TLS, login, and which headers are believed."""

import base64
import http.server
import json
import shutil
import ssl
import subprocess
import threading

import httpx
import pytest
from quintet_access import certificates
from quintet_command.supervisor import free_ports

from tests.known_secrets import known
from tests.needs import apt, needs
from tests.root import ROOT
from tools.processes import Processes

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = needs(apt("nginx", "nginx-light openssl"), shutil.which(NGINX) is not None)
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


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """A running nginx; gives a client, and the ports of the gateway and of the page."""
    folder = tmp_path_factory.mktemp("proxy")
    certificates.create(folder / "tls", ["gateway"], (), 2)
    for name in ("tls.crt", "tls.key"):
        shutil.copy(folder / "tls" / "gateway" / name, folder / name)
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=known(PASSWORD), capture_output=True, text=True, check=True, timeout=30,
    ).stdout.strip()  # fmt: skip
    (folder / "users.htpasswd").write_text(f"me:{hashed}\n", encoding="utf-8")
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    port, gateway, page = free_ports(1)[0], *(each.server_port for each in servers)
    text = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text(encoding="utf-8")
    changes = {
        "/etc/quintet-proxy": str(folder),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "http://gateway:8000": f"http://127.0.0.1:{gateway}",
        "http://ui:8501": f"http://127.0.0.1:{page}",
        "http {": f"http {{ client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;"
        f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;",
    }
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [NGINX, "-c", str(folder / "nginx.conf"), "-g", "daemon off; user root;"]
    trust = ssl.create_default_context(cafile=folder / "tls" / "gateway" / "ca.crt")
    base = f"https://localhost:{port}"
    with (
        Processes(folder / "logs") as processes,
        httpx.Client(base_url=base, verify=trust, trust_env=False, timeout=20) as client,
    ):
        processes.start("nginx", command)
        for _ in range(200):
            try:
                client.get("/healthz")
                break
            except httpx.ConnectError:
                processes.check()
        yield client, gateway, page
    for server in servers:
        server.shutdown()
        server.server_close()


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
    upgrade = {"Authorization": LOGIN, "Upgrade": "websocket", "Connection": "Upgrade"}
    seen = client.get(path, headers=upgrade).json()
    assert (seen["port"], seen["path"]) == (page, path)
    assert "authorization" not in seen["headers"]
    assert seen["headers"]["upgrade"] == "websocket"
