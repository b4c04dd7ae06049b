"""Ports that tests, the demo and `opg devnet` listen on: nobody else takes one between the asking and the listening."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections import deque

import pytest

from opg.chain import local
from opg.chain.local import free_port
from opg.errors import OPGError

ANOTHER_PROCESS = "import sys; from opg.chain import local; local.PORTS = range(int(sys.argv[1]), int(sys.argv[2])); "
ALL = local.PORTS


@pytest.fixture
def three_ports(monkeypatch):
    """As if this machine had three ports, which nobody uses."""
    monkeypatch.setattr(local, "_leases", deque())
    while True:
        first = random.choice(local.PORTS[:-2])
        monkeypatch.setattr(local, "PORTS", range(first, first + 3))
        try:
            for _ in local.PORTS:
                free_port()
            break
        except OPGError:
            monkeypatch.setattr(local, "PORTS", ALL)
        finally:
            give_back()
    yield local.PORTS
    give_back()


def give_back():
    while local._leases:
        local._leases.pop().close()


def test_none_is_given_twice(three_ports):
    assert sorted(free_port() for _ in three_ports) == list(three_ports)
    with pytest.raises(OPGError, match="no TCP port is free"):
        free_port()


def test_none_is_given_to_another_process_meanwhile(three_ports):
    mine = {free_port(), free_port()}
    command = [sys.executable, "-c", ANOTHER_PROCESS + "print(local.free_port())"]
    ran = subprocess.run([*command, str(three_ports.start), str(three_ports.stop)], capture_output=True, check=True)
    assert {int(ran.stdout)} == set(three_ports) - mine


def test_none_is_given_where_somebody_listens(three_ports):
    with socket.create_server(("127.0.0.1", three_ports[1])):
        assert {free_port(), free_port()} == {three_ports[0], three_ports[2]}


def test_the_oldest_is_given_back(three_ports, monkeypatch):
    monkeypatch.setattr(local, "MAX_LEASES", 2)
    ports = [free_port() for _ in three_ports]
    assert free_port() == ports[0]


def test_none_is_among_those_that_linux_lends_to_outgoing_connections():
    assert ALL.stop <= 32_768
