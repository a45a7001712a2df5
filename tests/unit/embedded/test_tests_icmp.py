"""The tests of the embedded server that send ICMP or trace: rtt and trace, for real over loopback."""

from __future__ import annotations

import asyncio
import socket
import stat
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.measuring import ping
from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary
from pscheduler_batch.embedded.measuring.icmp import Echo, EchoOptions, how_allowed
from pscheduler_batch.embedded.measuring.ping import Pings, Series, ping_by_command
from pscheduler_batch.embedded.measuring.traceroute import Hop, Route, parse_traceroute, trace
from pscheduler_batch.embedded.tests import rtt as rtt_module
from pscheduler_batch.embedded.tests.rtt import NO_ICMP, RttTest
from pscheduler_batch.embedded.tests.trace import TraceTest
from tests.support.embedded_bench import outcomes

needs_icmp = pytest.mark.skipif(how_allowed(socket.AF_INET) is None, reason="this account may open no ICMP socket")
needs_linux = pytest.mark.skipif(not ancillary.LINUX, reason="ICMP errors reach UDP sockets on Linux only")


@needs_icmp
def test_rtt_measures_with_the_keys_of_the_recording():
    """Two echo requests to loopback come back, as in recording g-rttok-result-nofmt."""
    (outcome,) = outcomes(RttTest(), {"dest": "127.0.0.1", "count": 2, "interval": "PT0.01S"})
    merged = outcome.merged
    recorded = "max min loss lost mean sent schema stddev received reorders succeeded duplicates roundtrips"

    assert set(merged) == set(recorded.split())
    assert (merged["sent"], merged["received"], merged["lost"], merged["loss"]) == (2, 2, 0, 0.0)
    assert [trip["seq"] for trip in merged["roundtrips"]] == [1, 2]
    assert all(trip["ip"] == "127.0.0.1" and trip["length"] == 64 for trip in merged["roundtrips"])
    assert outcome.full[0]["result"] == merged


@needs_icmp
def test_rtt_says_length_and_ttl_of_the_replies():
    """The length is that of the data and the ICMP header, as in recording f-rttfail."""
    spec = {"dest": "127.0.0.1", "count": 1, "length": 8000, "hostnames": False}
    (outcome,) = outcomes(RttTest(), spec)
    (trip,) = outcome.merged["roundtrips"]

    assert trip["length"] == 8008
    assert trip.get("ttl", 64) > 0
    assert "hostname" not in trip


@needs_icmp
def test_many_rtt_at_once_do_not_take_each_others_replies():
    """Fifty series side by side each get all of their own replies and no other."""
    spec = {"dest": "127.0.0.1", "count": 3, "interval": "PT0.02S", "hostnames": False, "timeout": "PT10S"}

    async def one():
        return [outcome.merged async for outcome in RttTest().measure(spec)]

    async def many():
        return await asyncio.gather(*(one() for _ in range(50)))

    results = asyncio.run(many())

    assert [(result["received"], result["duplicates"]) for (result,) in results] == [(3, 0)] * 50


def test_rtt_fails_where_the_name_does_not_resolve():
    """The reason names the host, in the report and not in the merged result."""
    (outcome,) = outcomes(RttTest(), {"dest": "nosuch.invalid"})

    assert outcome.merged == {"succeeded": False}
    assert "nosuch.invalid" in outcome.full[0]["error"]


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({"count": 2, "interval": "PT0.1S"}, 1.3),
        ({"count": 3}, 3.2),
        ({"count": 100, "deadline": "PT2S"}, 2.2),
        ({"count": 1, "timeout": "PT0.3S"}, 0.5),
    ],
)
def test_rtt_announces_a_tight_duration(spec, seconds):
    """Clients sleep until the announced end, so it is hardly more than the longest that the series can take."""

    assert RttTest().duration({"dest": "127.0.0.1", **spec}) == timedelta(seconds=seconds)


def test_a_machine_without_icmp_says_how_to_mend_it(monkeypatch):
    """Where neither a socket nor a command may be used, the reason names the setting."""
    monkeypatch.setattr(rtt_module, "how_allowed", lambda _family: None)
    monkeypatch.setattr(rtt_module, "command", lambda: None)

    assert RttTest().unable({"dest": "127.0.0.1"}) == NO_ICMP
    assert "net.ipv4.ping_group_range" in NO_ICMP


def test_losses_duplicates_and_reorders_are_counted():
    """Of five, one is lost, one comes twice, one comes late, and one brings an error."""
    answers = [
        (Echo(2, "192.0.2.1", 0.0, 60, 64), 0.002),
        (Echo(1, "192.0.2.1", 0.0, 60, 64), 0.004),
        (Echo(2, "192.0.2.1", 0.0, 60, 64), 0.009),
        (Echo(3, "192.0.2.7", 0.0, error="host-unreachable"), 0.001),
        (Echo(4, "192.0.2.1", 0.0, 60, 64), 0.003),
    ]
    result = asyncio.run(rtt_module._result({"hostnames": False}, Pings(5, answers, "")))

    assert (result["received"], result["lost"], result["loss"]) == (3, 2, 0.4)
    assert (result["duplicates"], result["reorders"]) == (1, 1)
    assert (result["min"], result["mean"], result["max"]) == ("PT0.002S", "PT0.003S", "PT0.004S")
    assert {"ip": "192.0.2.7", "seq": 3, "error": "host-unreachable"} in result["roundtrips"]


def test_a_series_without_answers_has_no_times():
    """All lost is a measurement too: it succeeded, and there is nothing to take a mean of."""
    result = asyncio.run(rtt_module._result({}, Pings(2, [], "")))

    assert (result["succeeded"], result["loss"]) == (True, 1.0)
    assert "mean" not in result
    assert "100% Packet Loss  RTT Min/Mean/Max/StdDev = Unknown/" in RttTest().plain({}, result)


RECORDED = {
    "max": "PT0.000042S",
    "min": "PT0.000034S",
    "loss": 0.0,
    "mean": "PT0.000038S",
    "stddev": "PT0.000004S",
    "roundtrips": [
        {"ip": "127.0.0.1", "rtt": "PT0.000034S", "seq": 1, "ttl": 64, "length": 64, "hostname": "localhost"},
        {"ip": "127.0.0.1", "rtt": "PT0.000042S", "seq": 2, "ttl": 64, "length": 64, "hostname": "<b>"},
    ],
}


def test_rtt_is_rendered_as_recorded():
    """The text is that of recording g-rttok-result-plain."""
    lines = RttTest().plain({}, RECORDED).splitlines()

    assert lines[0] == "1       localhost (127.0.0.1)  64 Bytes  TTL 64  RTT 0.0340 ms"
    assert lines[-1] == "0% Packet Loss  RTT Min/Mean/Max/StdDev = 0.0340/0.0380/0.0420/0.0040 ms"


def test_the_table_of_rtt_is_escaped():
    """A host name is whatever the name service has."""
    html = RttTest().html({}, RECORDED)

    assert "<td>&lt;b&gt;</td><td>127.0.0.1</td><td>64</td><td>64</td><td>0.0420</td>" in html
    assert "<b>" not in html


PING = """PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.
64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.034 ms

--- 127.0.0.1 ping statistics ---
2 packets transmitted, 1 received, 50% packet loss, time 1000ms
"""


@pytest.fixture
def fake_ping(tmp_path, monkeypatch):
    """Put a command named ping into the path that says what it is told to say."""

    def put(output, status):
        script = tmp_path / "ping"
        script.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{output}END\necho no luck >&2\nexit {status}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


def test_the_ping_command_is_understood(fake_ping):
    """Without sockets of its own, the measurement is what the command says."""
    fake_ping(PING, 0)
    pings = asyncio.run(ping_by_command(Series(socket.AF_INET, "127.0.0.1", 2, 0.2, 1.0)))

    assert pings.sent == 2
    assert pings.answers == [(Echo(1, "127.0.0.1", 0.0, 64, 64), 0.000034)]
    assert "-c 2 -i 0.2 -W 1" in pings.diags


def test_a_ping_command_that_fails_says_why(fake_ping):
    """The reason is the command's own words."""
    fake_ping("", 2)
    with pytest.raises(OSError, match="no luck"):
        asyncio.run(ping_by_command(Series(socket.AF_INET, "127.0.0.1", 1, 1.0, 1.0)))


def test_every_option_reaches_the_ping_command():
    """What the sockets would do, the command is told to do."""
    options = EchoOptions("127.0.0.1", 100, 9, 8, fragment=False, loopback=False)
    arguments = ping._arguments(Series(socket.AF_INET6, "::1", 3, 0.5, 2.0, 7.5, options))

    assert " ".join(arguments[1:]) == "-6 -n -c 3 -i 0.5 -W 2 -s 100 -t 9 -Q 8 -I 127.0.0.1 -M do -L -w 8 ::1"


def _trace_spec(kind):
    return {"dest": "127.0.0.1", "probe-type": kind, "hostnames": False, "queries": 2}


@pytest.mark.parametrize("kind", [pytest.param("icmp", marks=needs_icmp), pytest.param("udp", marks=needs_linux)])
def test_trace_finds_loopback_one_hop_away(kind):
    """Both kinds of probes find the same path, once for each query."""
    (outcome,) = outcomes(TraceTest(), _trace_spec(kind))
    paths = outcome.merged["paths"]

    assert [[hop["ip"] for hop in path] for path in paths] == [["127.0.0.1"], ["127.0.0.1"]]
    assert all("rtt" in hop and "error" not in hop for path in paths for hop in path)


def test_traceroute_is_understood():
    """Silent hops and marks are kept in their places."""
    output = "traceroute to x, 30 hops max\n 1  192.0.2.1  0.5 ms\n 2  *\n 3  198.51.100.9  2.25 ms !H\n"

    assert parse_traceroute(output) == [
        Hop("192.0.2.1", 0.0005),
        None,
        Hop("198.51.100.9", 0.00225, "!H"),
    ]


def test_trace_is_rendered_with_its_silent_hops():
    """A hop without an answer keeps its line, and counting begins with the first TTL."""
    path = [{"ip": "192.0.2.1", "hostname": "a<b", "rtt": "PT0.0005S"}, {}]

    assert TraceTest().plain({"first-ttl": 3}, {"paths": [path]}) == (
        "3       a<b (192.0.2.1) 0.5 ms\n4       No Response\n"
    )
    assert "<td>a&lt;b</td><td>0.5</td>" in TraceTest().html({}, {"paths": [path]})


@pytest.mark.parametrize(
    ("family", "kind", "code", "words"),
    [
        (socket.AF_INET, 3, 1, "host-unreachable"),
        (socket.AF_INET, 11, 0, "ttl-exceeded"),
        (socket.AF_INET, 12, 0, "icmp-type-12-code-0"),
        (socket.AF_INET6, 1, 4, "port-unreachable"),
        (socket.AF_INET6, 3, 0, "ttl-exceeded"),
    ],
)
def test_icmp_errors_have_names(family, kind, code, words):
    """They are pScheduler's words where it has some."""

    assert ancillary.icmp_error(family, kind, code) == words


class ProbesOfAnImaginaryPath:
    """Answers each probe at once as the hops of a path would, over a pair of sockets."""

    kind = "imaginary"

    def __init__(self, answers):
        self._answers = answers
        self._waiting = []
        self._near, self._far = socket.socketpair()
        self.sent = []

    def fileno(self):
        """Return the descriptor that becomes readable with an answer."""
        return self._near.fileno()

    def close(self):
        """Close both sockets."""
        self._near.close()
        self._far.close()

    def send(self, sequence, *, ttl=None):
        """Have the hop of that TTL answer."""
        self.sent.append(ttl)
        if ttl in self._answers:
            address, error = self._answers[ttl]
            self._waiting.append(Echo(sequence, address, 10.5, error=error))
            self._far.send(b"x")
        return 10.0

    def receive(self):
        """Return what was answered."""
        self._near.recv(100)
        waiting, self._waiting = self._waiting, []
        return waiting


@pytest.mark.parametrize(
    ("first", "answers", "path"),
    [
        (
            1,
            {1: ("192.0.2.1", "ttl-exceeded"), 3: ("192.0.2.3", None), 4: ("192.0.2.3", None)},
            [Hop("192.0.2.1", 0.5), None, Hop("192.0.2.3", 0.5)],
        ),
        (2, {2: ("192.0.2.2", "net-unreachable")}, [Hop("192.0.2.2", 0.5, "net-unreachable")]),
        (1, {}, [None] * 4),
        (1, {1: ("192.0.2.1", "port-unreachable")}, [Hop("192.0.2.1", 0.5, "port-unreachable")]),
    ],
)
def test_a_path_ends_where_somebody_says_so(first, answers, path):
    """The destination or an error ends it, silent hops keep their places, and nothing is waited for after the end."""
    route = Route(socket.AF_INET, "192.0.2.3", first, 4, 0.02, 0.0, EchoOptions())

    assert asyncio.run(trace(route, lambda: ProbesOfAnImaginaryPath(answers))) == path


def test_a_trace_that_has_arrived_sends_no_further_probes():
    """Only some TTLs are probed at a time."""
    probes = ProbesOfAnImaginaryPath({1: ("192.0.2.1", None)})
    asyncio.run(trace(Route(socket.AF_INET, "192.0.2.1", 1, 255, 5.0, 0.0, EchoOptions()), lambda: probes))

    assert probes.sent == list(range(1, 16))
