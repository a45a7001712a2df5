"""Measurements of the embedded server that are cancelled half way: nothing is left behind, and others go on."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from pscheduler_batch.embedded.measuring.icmp import how_allowed
from pscheduler_batch.embedded.tests.clock import ClockTest
from pscheduler_batch.embedded.tests.dns import DnsTest
from pscheduler_batch.embedded.tests.http import HttpTest
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.idlebgm import IdlebgmTest
from pscheduler_batch.embedded.tests.latency import LatencyTest
from pscheduler_batch.embedded.tests.latencybg import LatencybgTest
from pscheduler_batch.embedded.tests.rtt import RttTest
from pscheduler_batch.embedded.tests.simplestream import SimplestreamTest
from pscheduler_batch.embedded.tests.throughput import ThroughputTest
from pscheduler_batch.embedded.tests.trace import TraceTest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are counted in /proc")
needs_icmp = pytest.mark.skipif(how_allowed(socket.AF_INET) is None, reason="this account may open no ICMP socket")

LONG = "PT100S"


class Silent:
    """A server on loopback that listens and never answers."""

    def __init__(self, kind):
        self.kind = kind
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0)
        self._accepted = []
        if kind == socket.SOCK_STREAM:
            self._socket.listen()
        self.port = self._socket.getsockname()[1]

    def was_asked(self):
        """Return whether anything has been sent here since this was last true."""
        try:
            if self.kind == socket.SOCK_STREAM and not self._accepted:
                self._accepted.append(self._socket.accept()[0])
                self._accepted[0].settimeout(0)
            return bool((self._accepted or [self._socket])[0].recv(65536))
        except BlockingIOError:
            return False

    def hang_up(self):
        """Close the connection that was accepted, and be ready for another."""
        while self._accepted:
            self._accepted.pop().close()

    def close(self):
        """Close everything."""
        self.hang_up()
        self._socket.close()


def open_files():
    """Count this process's open files."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def cancel_half_way(measuring, begun):
    """Begin a measurement, cancel it once it is under way, and wait until it has ended."""

    async def drain():
        async for _ in measuring:
            pass

    async def has_begun():
        while not begun():  # noqa: ASYNC110 - there is no event for a measurement that is half done
            await asyncio.sleep(0.001)

    running = asyncio.ensure_future(drain())
    await asyncio.sleep(0)
    await asyncio.wait_for(has_begun(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(10):  # transports close their sockets a little later
        await asyncio.sleep(0)
    return open_files()


async def cancel_with_a_socket_open(measuring):
    """Cancel a measurement once it has a socket open; say how many files were open before and are open after."""
    before = open_files()
    return before, await cancel_half_way(measuring, lambda: open_files() > before)


async def cancel_while_waiting(measuring, silent):
    """Cancel a measurement once it waits for an answer; return how many files were and are open."""
    before = open_files()
    await cancel_half_way(measuring, silent.was_asked)
    silent.hang_up()
    return before, open_files()


@pytest.mark.parametrize(
    ("test", "spec"),
    [
        pytest.param(RttTest(), {"dest": "127.0.0.1", "interval": LONG}, marks=needs_icmp),
        (TraceTest(), {"dest": "127.0.0.1", "probe-type": "udp", "sendwait": LONG}),
        (LatencyTest(), {"dest": "127.0.0.1", "packet-interval": 100.0}),
        (LatencybgTest(), {"dest": "127.0.0.1", "packet-interval": 0.001, "packet-count": 5}),
        (SimplestreamTest(lambda: 0.9), {"dest": "127.0.0.1", "dawdle": LONG}),
        (ThroughputTest(), {"dest": "127.0.0.1", "parallel": 2, "bandwidth": "1M"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_cancelled_measurement_leaves_nothing_open(test, spec):
    """Every socket that the measurement opened is closed again."""
    before, after = asyncio.run(cancel_with_a_socket_open(test.measure(spec)))

    assert after == before


@pytest.mark.parametrize("test", [IdleTest(), IdlebgmTest()])
def test_a_cancelled_sleep_ends(test):
    """Otherwise the test would wait for its hundred seconds, and not end in time."""
    measuring = test.measure({"duration": LONG, "interval": LONG})

    assert asyncio.run(cancel_half_way(measuring, lambda: True)) > 0


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def silent(request):
    """Yield a peer that listens and never answers, by TCP and by UDP."""
    server = Silent(request.param)
    yield server
    server.close()


def questions(silent):
    """List the measurements that ask such a server."""
    host = f"127.0.0.1:{silent.port}"
    if silent.kind == socket.SOCK_DGRAM:
        query = {"query": "a.example", "record": "a", "nameserver": "127.0.0.1", "timeout": LONG}
        return [(DnsTest(silent.port), query)]
    return [
        (ClockTest(), {"dest": host, "timeout": LONG}),
        (HttpTest(), {"url": f"http://{host}/", "timeout": LONG}),
        (HttpTest(), {"url": f"https://{host}/", "timeout": LONG}),
    ]


def test_a_cancelled_question_leaves_nothing_open(silent):
    """This also holds while another server does not answer."""
    counts = [asyncio.run(cancel_while_waiting(test.measure(spec), silent)) for test, spec in questions(silent)]

    assert [after - before for before, after in counts] == [0] * len(counts)
