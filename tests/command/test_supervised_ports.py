"""What `quintet up` checks before it starts anything."""

import socket

import pytest
from quintet_command.programs import programs_of
from quintet_command.settings import CommandSettings
from quintet_command.supervisor import PortInUse, Program, check_ports


def test_every_port_of_a_program_is_checked_and_its_setting_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = Program("gateway", ("true",), more_ports=((port, "QUINTET_GATEWAY_GRPC_PORT"),))
        with pytest.raises(PortInUse, match=rf"{port} for gateway .* QUINTET_GATEWAY_GRPC_PORT"):
            check_ports([program], "127.0.0.1")
    check_ports([program], "127.0.0.1")


def test_the_gateways_grpc_port_is_among_those_checked(tmp_path):
    programs = programs_of(CommandSettings(home=tmp_path, gateway_grpc_port=50999))
    ports = {program.name: program.more_ports for program in programs}
    assert ports["gateway"] == ((50999, "QUINTET_GATEWAY_GRPC_PORT"),)
    assert not any(ports[name] for name in ("search", "profile", "ranker", "memory"))
