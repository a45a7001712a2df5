"""Specifications of the embedded server's tests: what is accepted, and how the rest is worded."""

from __future__ import annotations

import socket

import pytest

from pscheduler_batch.embedded.spec import BOOLEAN, DURATION, SpecChecker, growing_schemas, parse_si
from pscheduler_batch.embedded.test import SpecError
from pscheduler_batch.embedded.tests.clock import ClockTest
from pscheduler_batch.embedded.tests.dns import DnsTest
from pscheduler_batch.embedded.tests.http import HttpTest
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.idlebgm import IdlebgmTest
from pscheduler_batch.embedded.tests.idleex import IdleexTest
from pscheduler_batch.embedded.tests.latency import LatencyTest
from pscheduler_batch.embedded.tests.latencybg import LatencybgTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.embedded.tests.rtt import RttTest
from pscheduler_batch.embedded.tests.simplestream import SimplestreamTest
from pscheduler_batch.embedded.tests.throughput import ThroughputTest
from pscheduler_batch.embedded.tests.trace import TraceTest

ALL = (
    ClockTest,
    DnsTest,
    HttpTest,
    IdleTest,
    IdlebgmTest,
    IdleexTest,
    LatencyTest,
    LatencybgTest,
    NoopTest,
    RttTest,
    SimplestreamTest,
    ThroughputTest,
    TraceTest,
)
SMALLEST = {
    "dns": {"query": "a.example", "record": "a"},
    "http": {"url": "http://127.0.0.1/"},
    "idle": {"duration": "PT1S"},
    "idlebgm": {"duration": "PT1S"},
    "idleex": {"duration": "PT1S"},
    "noop": {},
}


@pytest.mark.parametrize(
    ("test", "spec", "message"),
    [
        (RttTest, {"schema": 1, "count": 3}, "At /: 'dest' is a required property"),
        (IdleTest, {"duration": "two seconds"}, "At /duration: 'two seconds' is not a valid ISO 8601 duration."),
        (
            IdleTest,
            {"duration": "PT2S", "bogus": 1},
            "At /: Additional properties are not allowed ('bogus' was unexpected)",
        ),
        (RttTest, {"schema": 99, "dest": "127.0.0.1"}, "Schema version 99 is not supported (highest is 4)."),
        (ThroughputTest, {"schema": 1}, "At /: 'dest' is a required property"),
        (IdleTest, {"duration": "two"}, "At /duration: 'two' is not a valid ISO 8601 duration."),
    ],
)
def test_wording_is_that_of_the_recordings(test, spec, message):
    """The sentences are those of the recordings b30, b31, b32, b37, b38 and c11."""
    with pytest.raises(SpecError) as caught:
        test().check(spec)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("test", "spec", "message"),
    [
        (IdleTest, [1, 2], "At /: [1, 2] is not of type 'object'"),
        (IdleTest, {"duration": 5}, "At /duration: 5 is not a valid ISO 8601 duration."),
        (IdleTest, {"duration": "P1M"}, "At /duration: 'P1M' is not a valid ISO 8601 duration."),
        (IdleTest, {"duration": "P"}, "At /duration: 'P' is not a valid ISO 8601 duration."),
        (
            IdleTest,
            {"duration": "PT2S", "x": 1, "y": 2},
            "At /: Additional properties are not allowed ('x', 'y' were unexpected)",
        ),
        (IdleTest, {"schema": "1", "duration": "PT1S"}, "At /schema: '1' is not of type 'integer'"),
        (IdleTest, {"schema": True, "duration": "PT1S"}, "At /schema: True is not of type 'integer'"),
        (IdleTest, {"schema": 0, "duration": "PT1S"}, "At /schema: 0 is less than the minimum of 1"),
        (RttTest, {"dest": "a", "count": 0}, "At /count: 0 is less than the minimum of 1"),
        (RttTest, {"dest": "a", "count": "3"}, "At /count: '3' is not of type 'integer'"),
        (RttTest, {"dest": "a", "ip-version": 5}, "At /ip-version: 5 is not one of [4, 6]"),
        (NoopTest, {"fail": 2}, "At /fail: 2 is greater than the maximum of 1.0"),
        (
            LatencyTest,
            {"dest": "a", "packet-interval": 0},
            "At /packet-interval: 0 is less than or equal to the minimum of 0.0",
        ),
        (
            LatencyTest,
            {"dest": "a", "data-ports": {"lower": 0, "upper": 2}},
            "At /data-ports/lower: 0 is less than the minimum of 1",
        ),
        (
            ThroughputTest,
            {"dest": "a", "bandwidth": "fast"},
            "At /bandwidth: 'fast' is not a valid number, with or without an SI unit.",
        ),
        (
            ThroughputTest,
            {"dest": "a", "bandwidth": "1" * 31},
            f"At /bandwidth: '{'1' * 31}' is not a valid number, with or without an SI unit.",
        ),
    ],
)
def test_a_wrong_specification_says_where_and_what(test, spec, message):
    """Each kind of failure is worded as Python's own library for JSON Schema words it."""
    with pytest.raises(SpecError) as caught:
        test().check(spec)

    assert str(caught.value) == message


def test_a_secret_in_a_wrong_specification_is_not_shown():
    """Values of names that begin with an underscore never reach a message."""
    with pytest.raises(SpecError) as caught:
        IdleTest().check([{"_password": "hunter2", "open": 1}])

    assert str(caught.value) == "At /: [{'_password': None, 'open': 1}] is not of type 'object'"


def test_a_property_of_a_later_version_is_refused():
    """Version 1 of rtt has no protocol, version 2 has."""
    RttTest().check({"schema": 2, "dest": "127.0.0.1", "protocol": "icmp"})
    with pytest.raises(SpecError, match="'protocol' was unexpected"):
        RttTest().check({"schema": 1, "dest": "127.0.0.1", "protocol": "icmp"})


def test_the_failure_nearest_to_the_top_is_said():
    """An unknown name comes before a wrong value below it."""
    checker = SpecChecker(growing_schemas({"duration": DURATION, "quiet": BOOLEAN}, required=[]))
    with pytest.raises(SpecError, match="'bogus' was unexpected"):
        checker.check({"duration": "x", "bogus": 1})


@pytest.mark.parametrize("test", ALL)
def test_every_version_of_a_schema_accepts_the_smallest_specification(test):
    """All schemas can be compiled, and the highest is the one that the test names."""
    smallest = SMALLEST.get(test.name, {"dest": "127.0.0.1"})
    for version in range(1, test.highest_schema + 1):
        test().check({**smallest, "schema": version})

    assert test.checker.highest == test.highest_schema


@pytest.mark.parametrize("test", ALL)
def test_a_measurement_describes_itself(test):
    """Each has what the server tells about it, and the name of its module."""

    assert test.__module__.endswith(f".{test.name}")
    assert test.description
    assert test.tool
    assert test.scheduling_class in ("background", "background-multi", "normal", "exclusive")


@pytest.mark.parametrize(
    ("text", "number"),
    [("1G", 10**9), ("1.5k", 1500), ("64Ki", 65536), ("10 M", 10**7), ("17", 17), (9000, 9000)],
)
def test_numbers_may_have_units(text, number):
    """Decimal and binary units are told apart by the i."""

    assert parse_si(text) == number


@pytest.mark.parametrize(
    ("test", "spec", "participants", "reason"),
    [
        (IdleTest, {"duration": "PT2S"}, [None], {"reason": "No host specified"}),
        (IdleTest, {"duration": "PT2S", "host": "127.0.0.1"}, ["127.0.0.1"], {"reason": "No host specified"}),
        (RttTest, {"dest": "127.0.0.1"}, [None], {"null-reason": "No source specified"}),
        (RttTest, {"dest": "127.0.0.1", "source": "127.0.0.1"}, ["127.0.0.1"], {"null-reason": "No source specified"}),
        (
            RttTest,
            {"dest": "127.0.0.1", "source-node": "localhost:443"},
            ["localhost:443"],
            {"null-reason": "No source specified"},
        ),
        (ThroughputTest, {"dest": "127.0.0.1"}, [None, "127.0.0.1"], {"null-reason": "No source specified"}),
        (ThroughputTest, {"source": "vm", "dest": "::1"}, ["vm", "::1"], {"null-reason": "No source specified"}),
        (LatencyTest, {"dest": "127.0.0.1"}, [None], {"null-reason": "No source specified"}),
        (ClockTest, {"source": "localhost", "dest": "::1"}, ["localhost"], {"null-reason": "No source specified"}),
        (SimplestreamTest, {"dest": "127.0.0.1"}, [None, "127.0.0.1"], {"null-reason": "No source specified"}),
        (IdlebgmTest, {"duration": "PT20S"}, [None], {"reason": "No source specified"}),
        (NoopTest, {"data": {}}, [None], {"reason": "No host specified"}),
        (TraceTest, {"dest": "127.0.0.1"}, [None], {"null-reason": "No source specified"}),
        (HttpTest, {"url": "https://127.0.0.1/"}, [None], {"null-reason": "No host specified"}),
        (DnsTest, {"query": "localhost", "record": "a"}, [None], {"null-reason": "No host specified"}),
    ],
)
def test_participants_are_those_of_the_recordings(test, spec, participants, reason):
    """Who takes part, and why the lead is null, is as in the recordings b10 to b24."""

    assert list(test().participants(spec)) == participants
    assert test().null_reason() == reason


ELSEWHERE = "192.0.2.254"


@pytest.mark.parametrize(
    ("test", "spec", "reason"),
    [
        (IdleTest, {"duration": "PT1S", "host": ELSEWHERE}, f"host {ELSEWHERE} is not an address of this machine."),
        (NoopTest, {"host-node": f"{ELSEWHERE}:443"}, f"host-node {ELSEWHERE}:443 is not an address of this machine."),
        (RttTest, {"dest": "::1", "source": ELSEWHERE}, f"source {ELSEWHERE} is not an address of this machine."),
        (
            ThroughputTest,
            {"dest": ELSEWHERE},
            f"dest {ELSEWHERE} is not an address of this machine, and this server does not contact other servers.",
        ),
        (
            LatencyTest,
            {"dest": "224.0.0.1"},
            "dest 224.0.0.1 is not an address of this machine, and this server does not contact other servers.",
        ),
        (
            SimplestreamTest,
            {"dest": "0.0.0.0"},  # noqa: S104 - an address to refuse
            "dest 0.0.0.0 is not an address of this machine, and this server does not contact other servers.",
        ),
        (
            RttTest,
            {"dest": "::1", "protocol": "twamp"},
            "protocol twamp is not supported; this server supports icmp only.",
        ),
        (
            RttTest,
            {"dest": "::1", "flow-label": 1},
            "flow-label is not supported: this server cannot set the flow label of ICMP packets.",
        ),
        (RttTest, {"dest": "::1", "ttl": 256}, "ttl is more than 255."),
        (RttTest, {"dest": "::1", "length": 70000}, "length is more than 65507."),
        (TraceTest, {"dest": "::1", "probe-type": "tcp"}, "probe-type tcp is not supported; use icmp or udp."),
        (
            TraceTest,
            {"dest": "::1", "as": True},
            "as is not supported: this server does not look up autonomous systems.",
        ),
        (
            TraceTest,
            {"dest": "::1", "first-ttl": 31},
            "first-ttl and hops must not be more than 255, nor first-ttl more than hops.",
        ),
        (HttpTest, {"url": "ftp://127.0.0.1/"}, "URLs that begin with ftp: are not supported; use http: or https:."),
        (IdlebgmTest, {"duration": "PT1S", "interval": "PT0S"}, "The interval is zero."),
        (
            LatencyTest,
            {"dest": "::1", "ctrl-port": 861},
            "ctrl-port is not supported: there is no control connection within one machine.",
        ),
        (LatencyTest, {"dest": "::1", "packet-padding": 65500}, "packet-padding is more than 65443."),
        (
            LatencyTest,
            {"dest": "::1", "data-ports": {"lower": 9000, "upper": 9000}},
            "data-ports must be a range of at least two ports.",
        ),
        (
            LatencybgTest,
            {"dest": "::1", "packet-count": 1, "reporting-interval": "PT1S"},
            "packet-count and reporting-interval both set how often to report; give one of them.",
        ),
        (ThroughputTest, {"dest": "::1", "udp": True}, "udp is not supported: this server measures with TCP only."),
        (
            ThroughputTest,
            {"dest": "::1", "client-cpu-affinity": 0},
            "client-cpu-affinity is not supported: this server does not choose processors.",
        ),
        (ThroughputTest, {"dest": "::1", "parallel": 129}, "parallel is more than 128."),
        (ThroughputTest, {"dest": "::1", "buffer-length": "2M"}, "buffer-length is more than 1048576."),
        (ThroughputTest, {"dest": "::1", "duration": "PT0S"}, "duration is less than 0.05 seconds."),
    ],
)
def test_what_cannot_be_done_from_here_is_refused_with_the_reason(test, spec, reason):
    """Nothing that is accepted is ignored silently."""
    test().check({"schema": test.highest_schema, **spec})

    assert test().unable(spec) == reason


@pytest.mark.parametrize("test", [ThroughputTest, LatencyTest, SimplestreamTest])
def test_a_destination_that_does_not_resolve_is_no_refusal(test):
    """The run fails then, with that reason, as on any server."""

    assert test().unable({"dest": "nosuch.invalid"}) is None


def test_a_source_that_does_not_resolve_is_refused():
    """Nothing can be sent from an address that is not known."""
    reason = RttTest().unable({"dest": "127.0.0.1", "source": "nosuch.invalid"})

    assert reason == "source nosuch.invalid does not resolve, so it is not a name of this machine."


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "localhost:443", "[127.0.0.1]:443", socket.gethostname()])
def test_this_machine_has_several_names(name):
    """Loopback addresses and names are this machine, with and without a port."""

    assert IdleTest().unable({"duration": "PT1S", "host-node": name}) is None


def test_false_asks_for_nothing():
    """What cannot be honoured may be switched off explicitly."""

    assert ThroughputTest().unable({"dest": "127.0.0.1", "udp": False, "zero-copy": False}) is None


def test_an_unknown_congestion_control_is_refused():
    """The system is asked whether it has one of that name."""
    reason = ThroughputTest().unable({"dest": "127.0.0.1", "congestion": "nosuch"})

    assert reason is not None
    assert reason.startswith("This system does not offer the congestion control nosuch:")
