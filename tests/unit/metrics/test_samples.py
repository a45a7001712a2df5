"""Tests of what is read of a result in its order and with its times."""

from __future__ import annotations

import pytest

from pscheduler_batch.metrics.samples import Interval, Packet, Samples, read_samples
from tests.support.results import recorded_results


def samples(test, spec=None, **result):
    """Read a result that succeeded."""
    return read_samples(test, spec or {}, {"succeeded": True, **result})


def trip(number, milliseconds):
    """Make a round trip of an rtt test."""
    return {"seq": number, "rtt": f"PT{milliseconds / 1000}S"}


def measured(start, end, rate, **pairs):
    """Make what a stream, or all streams, did in an interval."""
    return {"start": start, "end": end, "throughput-bits": rate, **pairs}


def test_recorded_round_trips():
    """They are a second apart where the task does not say otherwise."""
    found = read_samples("rtt", {"dest": "127.0.0.1", "count": 2}, recorded_results("rtt")[0])

    assert found.packets == (Packet(0.0, 0.000034), Packet(1.0, 0.000042))
    assert found.intervals == ()


def test_recorded_intervals():
    """Their times and rates, and no streams, as there was one."""
    found = read_samples("throughput", {"dest": "127.0.0.2"}, recorded_results("no-html")[0])

    assert found.intervals[:2] == (
        Interval(0.0, 1.000138, 11920663539.66308, 0.0),
        Interval(1.000138, 2.000042, 12395358560.540565, 0.0),
    )
    assert [round(each.length, 3) for each in found.intervals] == [1.0, 1.0]


def test_packets_are_in_the_order_in_which_they_were_sent():
    """Not in that of the result; a lost one leaves a gap, and a duplicate is not another one."""
    trips = [trip(4, 40), trip(2, 20), {"seq": 3, "error": "no response"}, trip(2, 99)]

    assert samples("rtt", {"interval": "PT0.2S"}, roundtrips=trips).packets == (Packet(0.2, 0.02), Packet(0.6, 0.04))


def test_numbers_that_begin_with_zero():
    """As those of latency tests and of some tools."""
    assert [each.time for each in samples("rtt", roundtrips=[trip(0, 1), trip(1, 1)]).packets] == [0.0, 1.0]
    raw = [{"seq-num": number, "src-ts": 2**32, "dst-ts": 2**33} for number in range(3)]

    assert [each.time for each in samples("latency", **{"raw-packets": raw}).packets] == [0.0, 0.1, 0.2]
    spec = {"packet-interval": 2}

    assert samples("latency", spec, **{"raw-packets": raw}).packets[-1] == Packet(4.0, 1.0)


def test_a_histogram_has_no_order():
    """Only the counts are known."""
    found = samples("latency", **{"histogram-latency": {"1": 5}})

    assert (found.packets, found.delays) == ((), {0.001: 5})


@pytest.mark.parametrize("interval", [None, "PT0S", "-PT1S", "soon", 5, [], "PT1E9S"])
def test_an_interval_that_is_none_leaves_times_unknown(interval):
    """The delays and their order stay known."""
    assert samples("rtt", {"interval": interval}, roundtrips=[trip(2, 2), trip(1, 1)]).packets == (
        Packet(None, 0.001),
        Packet(None, 0.002),
    )


@pytest.mark.parametrize("number", [-5, 10**30])
def test_numbers_of_packets_that_are_absurd(number):
    """No time is known then."""
    assert samples("rtt", roundtrips=[trip(number, 1)]).packets == (Packet(None, 0.001),)


def test_the_streams_of_intervals():
    """Each with its rate where there are several; an unknown rate keeps its place."""
    streams = [measured(0, 1, 1e9), measured(0, 1, "fast"), measured(0, 1, 3e9)]
    given = [{"streams": streams, "summary": measured(0, 1, 6e9, retransmits=7)}, {"streams": streams[:1]}]

    assert samples("throughput", intervals=given).intervals == (
        Interval(0.0, 1.0, 6e9, 7.0, (1e9, None, 3e9)),
        Interval(0.0, 1.0, 1e9),
    )


@pytest.mark.parametrize("begin", [0, 2])
def test_omitted_intervals_come_first(begin):
    """Some tools count the time from their end on; here it counts from the start of the test."""
    given = [
        {"summary": measured(0, 1, 1e8, omitted=True)},
        {"summary": measured(1, 2, 2e8, omitted=True)},
        {"summary": measured(begin, begin + 1, 9e9, omitted=False)},
        {"summary": measured(begin + 1, begin + 2, 8e9, omitted=False)},
        {"summary": measured(begin + 2, begin + 2.01, 1e12, omitted=False)},
    ]
    found = samples("throughput", intervals=given)

    assert found.intervals == (
        Interval(0.0, 1.0, 1e8, omitted=True),
        Interval(1.0, 2.0, 2e8, omitted=True),
        Interval(2.0, 3.0, 9e9),
        Interval(3.0, 4.0, 8e9),
    )
    assert found.rates == {9e9: 1, 8e9: 1}


@pytest.mark.parametrize("strange", [None, True, -1, 1e19, float("nan"), 10**400, "5", [], {}])
def test_nonsense_in_intervals(strange):
    """What is known of an interval stays, and nothing absurd is in it."""
    given = [{"summary": measured(strange, strange, 5e9, retransmits=strange)}, {"summary": strange}, strange]

    assert samples("throughput", intervals=given).intervals[0] == Interval(None, None, 5e9)
    assert Interval(3.0, 1.0, None).length is None


def test_how_long_a_throughput_test_lasted():
    """With what it omits; without intervals, as the summary says."""
    summary = {"summary": measured(0, 3.5, 1e9)}
    omitted = {"summary": measured(0, 2, 1e8, omitted=True)}

    assert samples("throughput", summary=summary).lasted == 3.5
    assert samples("throughput", intervals=[omitted, {"summary": measured(0, 3, 1e9)}], summary=summary).lasted == 5.0
    assert samples("throughput").lasted is None


def test_when_iperf3_began():
    """Its output says it, in the form of recording t-thr3-waitmerged, for both participants; the first one counts."""
    stamps = [f'"timestamp": {{\n "time": "Sun, 22 Nov 2026 08:10:12 GMT", \n "timesecs": {n}\n}}' for n in (12, 13)]

    assert samples("throughput", diags="Participant 0:\n".join(stamps)).began == 12
    assert samples("throughput", diags="timesecs: 12").began is None
    assert samples("throughput", diags=None).began is None


@pytest.mark.parametrize(
    ("spec", "lasted"),
    [
        ({}, 60),
        ({"packet-count": 10}, 1),
        ({"packet-count": 20, "packet-interval": 0.5}, 10),
        ({"reporting-interval": "PT7S"}, 7),
        ({"packet-count": "many"}, None),
        ({"packet-interval": -1}, None),
        ({"reporting-interval": 5}, None),
    ],
)
def test_how_long_the_packets_of_a_latency_test_were_sent(spec, lasted):
    """As the specification says, or by the defaults."""
    assert samples("latencybg", spec, **{"histogram-latency": {"1": 1}}).lasted == lasted


def test_results_that_failed_have_no_samples():
    """Whatever they contain."""
    assert read_samples("rtt", {}, {"succeeded": False, "roundtrips": [trip(1, 1)]}) == Samples()
