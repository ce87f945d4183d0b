"""Ports for servers that cannot be told to take any."""

import socket


def free_ports(count: int) -> list[int]:
    """Returns distinct free ports; held together while chosen, so that none is given twice."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def free_port() -> int:
    """Returns a free port."""
    return free_ports(1)[0]
