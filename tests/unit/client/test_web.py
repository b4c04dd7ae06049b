"""What strangers serve is read for so long and so far, and fails in one way."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from opg import web
from opg.errors import OperatorUnreachable
from tests.strangers import UNREADABLE, dripping, stranger, whole

LIMIT = 10_000_000


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_one_named_error(kind):
    with stranger(UNREADABLE[kind]) as url, pytest.raises(OperatorUnreachable, match=url):
        web.read(url, 10, LIMIT).json()


@pytest.mark.parametrize(
    "url", ["", "http://", "http://[::bad/", "ftp://x/", "http://\ud800/", "http://127.0.0.1:99999/", "http://a..b/"]
)
def test_an_address_that_is_none_is_the_same_error(url):
    with pytest.raises(OperatorUnreachable):
        web.read(url, 10, LIMIT)


@pytest.mark.parametrize("slow", [dripping(60), [(b"HTTP/1.1 200 OK\r\n", 0)] + [(b"X: y\r\n", 0.3)] * 60, [(b"", 60)]])
def test_a_reply_that_drips_is_given_up_in_time(slow):
    with stranger(slow) as url:
        begun = time.monotonic()
        with pytest.raises(OperatorUnreachable, match="not done after 1 s"):
            web.read(url, 1, LIMIT)
        assert time.monotonic() - begun < 15  # of some 20 or 60


def test_a_handshake_that_never_ends_is_given_up_in_time():
    with stranger([(b"\x16\x03", 60)]) as url, pytest.raises(OperatorUnreachable, match="not done after 1 s"):
        web.read(url.replace("http:", "https:"), 1, LIMIT)


def test_a_name_that_is_never_found_is_given_up_in_time(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60))
    with pytest.raises(OperatorUnreachable, match="not done after 1 s"):
        web.read("http://somewhere.example/", 1, LIMIT)
    over.set()


@pytest.mark.parametrize("packed", [False, True])
def test_no_more_is_read_than_was_allowed(packed):
    content = b'{"a": "' + b"x" * LIMIT + b'"}'
    reply = whole(gzip.compress(content), b"Content-Encoding: gzip") if packed else whole(content)
    with stranger(reply) as url, pytest.raises(OperatorUnreachable, match="more than 1,000 bytes"):
        web.read(url, 10, 1_000)


def test_packed_content_is_unpacked():
    with stranger(whole(gzip.compress(b'{"a": 1}'), b"Content-Encoding: gzip")) as url:
        assert web.read(url, 10, 1_000).json() == {"a": 1}


def test_no_redirection_is_followed():
    with ExitStack() as stack:
        inner = stack.enter_context(stranger(whole(b'{"secret": 1}')))
        url = stack.enter_context(stranger(whole(b"{}", b"Location: " + inner.encode(), status=b"302 Found")))
        reply = web.read(url, 10, LIMIT)
    assert (reply.status, reply.json()) == (302, {})


def test_it_works_inside_of_an_event_loop():
    async def inside():
        return web.read(url, 10, LIMIT).json()

    with stranger(whole(b'{"a": 1}')) as url:
        assert asyncio.run(inside()) == {"a": 1}


PRIVATE = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "[::]"]


@pytest.mark.parametrize("host", PRIVATE)
def test_nothing_in_this_network_is_connected_to(host):
    """Not even when its port is open."""
    with stranger(whole(b"{}")) as url, pytest.raises(OperatorUnreachable, match=r"a private network|ConnectError"):
        web.read(url.replace("127.0.0.1", host), 10, LIMIT, private=False)


@pytest.mark.parametrize(
    "proxies",
    [{"https_proxy": "http://127.0.0.1:9"}, {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}],
    ids=["for https alone", "not for this"],
)
def test_what_goes_around_a_proxy_is_guarded_too(monkeypatch, proxies):
    monkeypatch.setattr(web, "_CLIENTS", {})
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in proxies.items():
        monkeypatch.setenv(name, value)
    with stranger(whole(b"{}")) as url, pytest.raises(OperatorUnreachable, match="a private network"):
        web.read(url, 10, LIMIT, private=False)


def test_behind_a_proxy_nothing_is_looked_up_here(monkeypatch):
    monkeypatch.setattr(web, "_CLIENTS", {})
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with stranger(whole(b'{"a": 1}')) as url:
        monkeypatch.setenv("http_proxy", url)
        assert web.read("http://somewhere.invalid/", 10, LIMIT, private=False).json() == {"a": 1}


def test_a_chain_for_development_may_name_this_network(stage, monkeypatch):
    assert stage.chain.is_private
    monkeypatch.setattr(stage.chain, "id", 8453)
    assert not stage.chain.is_private
    monkeypatch.setenv("OPG_PRIVATE_ENDPOINTS", "1")
    assert stage.chain.is_private


@pytest.mark.parametrize("address", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
                                     "fd00::1", "fe80::1%eth0", "2002:7f00:1::", "::ffff:10.0.0.1", "192.0.2.1",
                                     "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.5", "64:ff9b:1::10.0.0.5", "::127.0.0.1", "::ffff:0:127.0.0.1",
                                     "fec0::1", "2001::a00:1", "192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16"])  # fmt: skip
def test_addresses_that_the_world_cannot_reach(address):
    assert not web.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"])
def test_addresses_that_it_can(address):
    assert web.is_public(address)


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(monkeypatch):
    """Whoever owns a name could answer differently a moment later."""
    asked, connected = [], []

    async def look_up(_, host, port, **__):
        asked.append(host)
        found = ["93.184.215.14", "127.0.0.1"] if len(asked) == 1 else ["127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    async def connect(_, host, port, *__, **___):
        connected.append(host)
        raise web.httpcore.ConnectError("nobody there")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
    monkeypatch.setattr(web.httpcore.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(OperatorUnreachable):
        web.read("http://rebinding.example/", 10, LIMIT, private=False)
    assert connected == ["93.184.215.14"]  # the second try was told of nothing but 127.0.0.1
    assert asked == ["rebinding.example"] * 2


SILENT = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


@pytest.fixture
def named(monkeypatch):
    """`named({address: port or None or an exception})`: a name with these addresses, at some of which somebody listens. Gives what was tried."""
    connect, tried = web.httpcore.AnyIOBackend.connect_tcp, []

    def begin(doors):
        async def look_up(_, host, port, **__):
            return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", (address, port)) for address in doors]

        async def go(backend, address, port, *arguments, **options):
            tried.append(address)
            if isinstance(doors[address], Exception):
                raise doors[address]
            if doors[address] is None:
                await asyncio.sleep(3600)
            return await connect(backend, "127.0.0.1", doors[address], *arguments, **options)

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
        monkeypatch.setattr(web.httpcore.AnyIOBackend, "connect_tcp", go)
        return tried

    return begin


def port_of(url):
    return int(url.rsplit(":", 1)[1].strip("/"))


def test_an_address_where_nobody_answers_does_not_cost_the_others_their_time(named):
    """As where IPv6 leads nowhere: the time for all is not used up by one."""
    with stranger(whole(b'{"a": 1}')) as url:
        tried = named({SILENT: None, "93.184.215.14": port_of(url)})
        assert web.read("http://two.example/", 60, LIMIT, private=False).json() == {"a": 1}
    assert tried == [SILENT, "93.184.215.14"]


def test_both_kinds_of_addresses_are_tried_by_turns_and_not_all_of_many(named):
    refused = web.httpcore.ConnectError("refused")
    sixes, fours = [f"2606:4700::{n}" for n in range(1, 6)], [f"1.1.1.{n}" for n in range(1, 6)]
    tried = named(dict.fromkeys([*sixes, *fours], refused))
    with pytest.raises(OperatorUnreachable, match="ConnectError"):
        web.read("http://many.example/", 60, LIMIT, private=False)
    once = [sixes[0], fours[0], sixes[1], fours[1], sixes[2], fours[2]]
    assert tried == once * 2  # a connection that breaks is tried again


def test_the_first_address_is_given_a_head_start(named, monkeypatch):
    monkeypatch.setattr(web, "HEAD_START_SECONDS", 60)
    with stranger(whole(b"{}")) as first, stranger(whole(b"{}")) as second:
        tried = named({SILENT: port_of(first), "1.1.1.1": port_of(second)})
        web.read("http://two.example/", 60, LIMIT, private=False)
    assert tried == [SILENT]
