"""Shows that the product calls no other machine: `make egress`, as root or where users may unshare.

Demo, services, page, registry of models and command run in a network namespace that has the
loopback interface and no route. strace records every connect and every datagram of every process.
An address of another machine, or a look-up of a name, is reported with its program, and fails. A
browser opens the page; what the page asks for elsewhere is reported too.
"""

import argparse
import fcntl
import ipaddress
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quintet_command.ports import free_ports

from tools.processes import Processes, children_of, environment_without

ROOT: Final = Path(__file__).parent.parent
_STRACE: Final = ("strace", "--seccomp-bpf", "-f", "-qqq", "-s", "0", "-e", "signal=none")
_CALLS: Final = ("-e", "trace=execve,connect,sendto,sendmsg,sendmmsg")
_PORT: Final = re.compile(r"sin6?_port=htons\((\d+)\)")
_ADDRESS: Final = re.compile(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
_RESOLVER: Final = re.compile(r'sun_path="(/[^"]*(?:nscd|resolve)[^"]*)".* = 0$')
_DOMAIN: Final = 53
_MULTICAST_DOMAIN: Final = 5353
_SERVICES: Final = ("search", "profile", "ranker", "memory", "gateway", "ui", "mlflow")
_READY_SECONDS: Final = 240.0
_STOP_SECONDS: Final = 120.0
_GET_FLAGS: Final = 0x8913  # SIOCGIFFLAGS of linux/sockios.h
_SET_FLAGS: Final = 0x8914
_UP: Final = 1


@dataclass(frozen=True)
class Call:
    """A connect or a datagram of the record."""

    address: str
    port: int

    @property
    def leaves(self) -> bool:
        """Whether it was for another machine, or to learn the address of a name."""
        if self.address.startswith("/") or self.port in (_DOMAIN, _MULTICAST_DOMAIN):
            return True
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None) or address
        return not (mapped.is_loopback or mapped.is_unspecified)

    def __str__(self) -> str:
        if self.address.startswith("/"):
            return f"a look-up by {self.address}"
        what = "a look-up at " if self.port in (_DOMAIN, _MULTICAST_DOMAIN) else ""
        return f"{what}{self.address} port {self.port}"


def calls_of(record: Iterable[str]) -> Iterator[Call]:
    """Yield the calls of a record of strace; of sockets in the file system, only resolvers."""
    for line in record:
        if resolver := _RESOLVER.search(line):
            yield Call(resolver[1], 0)
        # A message that has several destinations has several addresses in its line.
        for address, port in zip(_ADDRESS.findall(line), _PORT.findall(line), strict=True):
            yield Call(address, int(port))


def bring_loopback_up() -> None:
    """Set the interface lo of this network namespace up; nothing else is in it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(handle, _GET_FLAGS, request))[1]
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def recorded(folder: Path, name: str, command: Sequence[str]) -> list[str]:
    """Put strace before a command; its record is `folder`/`name`.strace."""
    return [*_STRACE, *_CALLS, "-o", str(folder / f"{name}.strace"), *command]


def asked_by_page(address: str) -> list[str]:
    """Open the page in Chromium, pick a song, and return what it asked of other hosts.

    Returns:
        The addresses; nothing where there is no Chromium, which is said.
    """
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.stdout.write("page: not opened, because there is no Chromium\n")
        return []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        tab = browser.new_page(locale="en-US")
        tab.set_default_timeout(120_000)
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address)
        box = tab.get_by_role("combobox")
        box.first.wait_for()
        box.first.fill("hotel california")
        box.first.press("Enter")
        tab.locator(".seed:not(.empty)").first.wait_for()
        browser.close()
    near = (address, address.replace("http", "ws"), "data:", "blob:")
    sys.stdout.write(f"page: {len(asked)} requests of the browser\n")
    return [url for url in asked if not url.startswith(near)]


def use_everything(folder: Path) -> list[str]:
    """Run demo, services, page, registry and a command, recorded; return what the page asked."""
    quintet = str(ROOT / ".venv" / "bin" / "quintet")
    ports = dict(zip(_SERVICES, free_ports(len(_SERVICES)), strict=True))
    environment = environment_without("SPOTIPY_", "QUINTET_", "http", "HTTP", "all_proxy")
    environment |= {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    environment |= {"QUINTET_HOME": str(folder / "home"), "QUINTET_GATEWAY_GRPC_PORT": "0"}
    with Processes(folder / "logs", environment) as processes:
        processes.run("demo", recorded(folder, "demo", [quintet, "demo"]), {}, 500)
        processes.start("up", recorded(folder, "up", [quintet, "up"]))
        gateway, page = (f"http://127.0.0.1:{ports[name]}" for name in ("gateway", "ui"))
        for address in (f"{gateway}/readyz", f"{page}/_stcore/health"):
            processes.await_answer(address, _READY_SECONDS)
        command = [quintet, "recommend", "hotel california eagles"]
        processes.run("command", recorded(folder, "command", command), {}, 240)
        elsewhere = asked_by_page(page)
        # strace passes no signal on to the program that it records, and ends after it.
        recorder = processes["up"]
        os.kill(children_of(recorder.pid)[0], signal.SIGINT)
        recorder.wait(timeout=_STOP_SECONDS)
    return elsewhere


def inside() -> int:
    """Use the product in this namespace and report every call; return 1 where one leaves."""
    bring_loopback_up()
    with tempfile.TemporaryDirectory(prefix="quintet-egress-") as name:
        folder = Path(name)
        left = [f"page: {url}" for url in use_everything(folder)]
        for record in sorted(folder.glob("*.strace")):
            lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
            calls = list(calls_of(lines))
            gone = [f"{record.stem}: {call}" for call in calls if call.leaves]
            programs = len({line.split()[0] for line in lines if "execve(" in line})
            sys.stdout.write(
                f"{record.stem}: {programs} programs, {len(calls) - len(gone)} calls of this"
                f" machine, {len(gone)} of others or look-ups\n"
            )
            left += gone
    sys.stdout.writelines(f"  {each}\n" for each in sorted(set(left)))
    sys.stdout.write("no call leaves this machine\n" if not left else "calls leave this machine\n")
    return int(bool(left))


def main() -> int:
    """Start again in a namespace without a route, or report what is needed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().inside:
        return inside()
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    unshare = ("unshare", "--net", *user)
    for command in ((*unshare, "true"), ("strace", "-qqq", "-e", "trace=none", "true")):
        if shutil.which(command[0]) is None or subprocess.run(command, check=False).returncode:
            sys.stderr.write(f"egress: `{' '.join(command)}` does not work here\n")
            return 2
    again = [*unshare, sys.executable, "-m", "tools.egress", "--inside"]
    return subprocess.run(again, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
