"""Tests of the words about a result: from what real servers recorded, and from what no server should say."""

from __future__ import annotations

import pytest

from pscheduler_batch.metrics.headlines import delay_words, headline_of, pooled_words
from pscheduler_batch.metrics.measurement import measure
from pscheduler_batch.metrics.samples import READERS
from tests.support.results import recorded_results

STRANGE = [None, True, -1, 1e400, float("nan"), 10**400, "", "PT", "P1Y", "x" * 10_000, "PT" + "9" * 60 + "S", [], [[]]]
STRANGE += [{}, {"summary": 5}, {"": ""}, [None, 5, [{"ip": 5}]], {"nan": 1, "5": -1, "1e400": 2, "x": 3, "2": True}]


def headline(test, result, spec=None):
    """Return the words about a result."""
    return headline_of(test, result, measure(test, spec, result).metrics)


def words(test, result, spec=None):
    """Return the words about a result that succeeded."""
    return headline(test, {"succeeded": True, **result}, spec)


@pytest.mark.parametrize(
    ("recording", "test", "said"),
    [
        ("rtt", "rtt", "0.034/0.038/0.042 ms, loss 0 %"),
        ("packets-lost", "rtt", "0.044/0.144/0.245 ms, loss 0 %"),
        ("idle", "idle", "slept 5 s"),
        ("no-html", "throughput", "12.2 Gb/s, 0 retransmits"),
        ("two-participants", "simplestream", "received after 2.58 s"),
        ("several", "idlebgm", "slept 5 s"),
    ],
)
def test_recorded_results(recording, test, said):
    """What real servers gave is understood."""
    found = {headline(test, result) for result in recorded_results(recording)}

    assert found == {said}


def test_rtt():
    """Milliseconds, and the loss in percent of what was sent."""
    result = {"min": "PT0.0003S", "mean": "PT0.0124S", "max": "PT1.5S", "sent": 8, "lost": 1, "loss": 0.9}

    assert words("rtt", result) == "0.3/12.4/1500 ms, loss 12.5 %"


def test_rtt_without_an_answer():
    """There are no times then, and the loss says it all."""

    assert words("rtt", {"sent": 4, "lost": 4, "min": None}) == "loss 100 %"


def test_the_share_of_loss_is_enough():
    """1.0 is all."""

    assert words("rtt", {"loss": 0.25}) == "loss 25 %"


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"throughput-bits": 9412345678.9, "retransmits": 12}, "9.41 Gb/s, 12 retransmits"),
        ({"throughput-bits": 940e6, "retransmits": 1}, "940 Mb/s, 1 retransmit"),
        ({"throughput-bits": 999.9e6, "retransmits": None, "sent": 1000, "lost": 5}, "1 Gb/s, loss 0.5 %"),
        ({"throughput-bits": 0}, "0 b/s"),
    ],
)
def test_throughput(summary, said):
    """In the unit that suits it; retransmits where there is TCP, loss where there is UDP."""

    assert words("throughput", {"summary": {"streams": [], "summary": summary}}) == said


@pytest.mark.parametrize("test", ["latency", "latencybg"])
@pytest.mark.parametrize(
    ("histogram", "median"),
    [({"1": 1, "2": 2, "9": 1}, "2"), ({"10": 1, "9": 1}, "9.5"), ({"3": 10**9}, "3"), ({"-0.5": 3, "7": 2}, "-0.5")],
)
def test_the_median_of_latencies(test, histogram, median):
    """Of the packets, not of the buckets; clocks that differ make latencies negative."""
    result = {"histogram-latency": histogram, "packets-sent": 100, "packets-lost": 0}

    assert words(test, result) == f"median {median} ms, loss 0 %"


def test_buckets_of_latencies_have_the_width_of_the_specification():
    """It is in seconds."""
    spec = {"bucket-width": 0.0001}

    assert words("latency", {"histogram-latency": {"5": 1}}, spec) == "median 0.5 ms"


def test_a_latency_test_that_lost_all():
    """There is no median of nothing."""
    result = {"histogram-latency": {}, "packets-sent": 10, "packets-lost": 10}

    assert words("latency", result) == "loss 100 %"


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([[{"ip": "192.0.2.1"}]], "1 hop"),
        ([[{"ip": "192.0.2.1"}, {}, {"ip": "192.0.2.9"}]], "3 hops"),
        ([[{"ip": "192.0.2.1"}, {}]], "2 hops, no answer from the last hop"),
        ([[{"ip": "a"}] * 5, [{"ip": "a"}] * 7, [{"ip": "a"}] * 6], "5 to 7 hops on 3 paths"),
        ([[{"ip": "a"}] * 5, [{"ip": "a"}] * 5], "5 hops on 2 paths"),
        ([], "succeeded"),
    ],
)
def test_trace(paths, said):
    """How many hops there are on how many paths."""

    assert words("trace", {"paths": paths}) == said


@pytest.mark.parametrize(
    ("test", "result", "said"),
    [
        ("dns", {"time": "PT0.0042S"}, "4.2 ms"),
        ("http", {"time": "PT1.25S", "status": 200}, "1.25 s, status 200"),
        ("http", {"time": "PT0.1S", "found": False}, "100 ms, text not found"),
        ("clock", {"difference": "PT0.000012S"}, "difference 0.012 ms"),
        ("clock", {"difference": "-PT3S"}, "difference -3 s"),
        ("simplestream", {"sent": "a", "received": "a", "elapsed-time": "PT2.606875S"}, "received after 2.61 s"),
        (
            "simplestream",
            {"sent": "a", "received": "b", "elapsed-time": "PT1S"},
            "received after 1 s, received data differ",
        ),
        ("idle", {"duration": "PT5S"}, "slept 5 s"),
        ("idleex", {"duration": "PT5S"}, "slept 5 s"),
        ("idlebgm", {"time-slept": "PT1M30S"}, "slept 1 min 30 s"),
        ("mtu", {"mtu": 9000}, "MTU 9000 bytes"),
        ("dhcp", {"time": "PT0.5S"}, "500 ms"),
        ("disk-to-disk", {"time": "PT5S"}, "5 s"),
        ("noop", {"data": {}}, "succeeded"),
        ("unknown-test", {"time": "PT5S"}, "succeeded"),
    ],
)
def test_words_of_other_tests(test, result, said):
    """Time, where that is what counts; a test that is not known says that it succeeded."""

    assert words(test, result) == said


@pytest.mark.parametrize("test", [*READERS, "unknown"])
@pytest.mark.parametrize("succeeded", [False, None, "true", 1])
def test_only_results_that_succeeded_have_a_headline(test, succeeded):
    """The time that a query took until it was given up is not a measurement."""
    result = {"succeeded": succeeded, "time": "PT5S", "duration": "PT5S", "loss": 1.0, "mtu": 9}

    assert measure(test, {}, result).metrics == {}
    assert headline(test, result) == ""


@pytest.mark.parametrize("test", READERS)
@pytest.mark.parametrize("strange", STRANGE)
def test_nothing_that_a_server_says_breaks_it(test, strange):
    """What has the wrong type, or is not a number, is left out."""
    names = (
        "min",
        "mean",
        "max",
        "loss",
        "lost",
        "sent",
        "summary",
        "histogram-latency",
        "packets-sent",
        "paths",
        "time",
    )
    names += (
        "packets-lost",
        "status",
        "difference",
        "elapsed-time",
        "duration",
        "time-slept",
        "mtu",
        "received",
        "found",
    )
    result = {"succeeded": True, **dict.fromkeys(names, strange)}
    deeper = {**result, "summary": {"summary": dict.fromkeys(("throughput-bits", "retransmits", "sent"), strange)}}
    for given in (result, deeper):
        for spec in ({"bucket-width": strange}, strange):
            assert headline(test, given, spec)
            assert all(abs(value) < float("inf") for value in measure(test, spec, given).metrics.values())


@pytest.mark.parametrize("result", [None, [], "x", 5, True])
def test_a_result_that_is_not_an_object_has_none(result):
    """There is nothing in it to look at."""

    assert headline("rtt", result) == ""


def test_all_runs_of_a_job_have_words_of_their_own():
    """Where the delays of packets are known, with the percentile that tells most; other tests have none."""
    metrics = {"rtt-min": 0.001, "rtt-mean": 0.002, "rtt-p95": 0.0045, "rtt-max": 0.005, "loss": 0.5}

    assert pooled_words(metrics) == "min/mean/max 1/2/5 ms, p95 4.5 ms, loss 50 %"
    assert pooled_words({"throughput": 5.0}) == ""


@pytest.mark.parametrize("missing", ["rtt-min", "rtt-mean", "rtt-max"])
def test_delays_are_shown_together_or_not_at_all(missing):
    """It would not be clear which is which."""
    metrics = {"rtt-min": 0.001, "rtt-mean": 0.002, "rtt-max": 0.005}
    del metrics[missing]

    assert delay_words("rtt", metrics) == ""
