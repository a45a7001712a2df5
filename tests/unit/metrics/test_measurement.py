"""Tests of the metrics of results: of recorded ones as a person reads them, of hand-made ones, and of nonsense."""

from __future__ import annotations

import time
from statistics import median, quantiles

import pytest

from pscheduler_batch.metrics.measurement import Pool, measure, with_load
from pscheduler_batch.metrics.samples import READERS
from pscheduler_batch.metrics.table import METRICS
from tests.support.nesting_depth import DEEP
from tests.support.results import recorded_results

SECONDS = 60
STRANGE = [None, True, -1, 1e19, float("nan"), 10**400, "5", "PT5X", "-PT5S", [], [[]], [None, 5, "x"], {}, {"": ""}]


def metrics(test, result, spec=None):
    """Return the metrics of a result that succeeded."""
    return measure(test, spec or {}, {"succeeded": True, **result}).metrics


def trips(*milliseconds):
    """Make the round trips of an rtt test; None is a packet that was lost."""
    return [
        {"seq": number, "error": "no response"} if value is None else {"seq": number, "rtt": f"PT{value / 1000}S"}
        for number, value in enumerate(milliseconds, 1)
    ]


def pooled(test, *results):
    """Return the metrics of several results together."""
    pool = Pool(test)
    for each in results:
        pool.add(measure(test, {}, {"succeeded": True, **each}))
    return pool.metrics


def intervals(*rates, seconds=1.0, **pairs):
    """Make the intervals of a throughput test."""
    return [
        {"summary": {"start": n * seconds, "end": (n + 1) * seconds, "throughput-bits": rate, **pairs}, "streams": []}
        for n, rate in enumerate(rates)
    ]


@pytest.mark.parametrize(
    ("recording", "test", "expected"),
    [
        # As in the text that the server made of it: 0.0340 and 0.0420 ms, mean 0.0380, deviation 0.0040, no loss.
        (
            "rtt",
            "rtt",
            {
                "rtt-min": 0.000034,
                "rtt-mean": 0.000038,
                "rtt-median": 0.000038,
                "rtt-p90": 0.0000412,
                "rtt-p95": 0.0000416,
                "rtt-p99": 0.00004192,
                "rtt-max": 0.000042,
                "rtt-stddev": 0.000004,
                "rtt-jitter": 0.000008,
                "sent": 2,
                "lost": 0,
                "loss": 0,
                "duplicates": 0,
                "reordered": 0,
            },
        ),
        (
            "packets-lost",
            "rtt",
            {
                "rtt-min": 0.000044,
                "rtt-mean": 0.000144,
                "rtt-median": 0.0001445,
                "rtt-p90": 0.0002249,
                "rtt-p95": 0.00023495,
                "rtt-p99": 0.00024299,
                "rtt-max": 0.000245,
                "rtt-stddev": 0.0001,
                "rtt-jitter": 0.000201,
                "sent": 2,
                "lost": 0,
                "loss": 0,
                "duplicates": 0,
                "reordered": 0,
            },
        ),
        (
            "no-html",
            "throughput",
            {
                "throughput": 12239912056.67518,
                "receiver-throughput": 12225036957.337637,
                "throughput-min": 11920663539.66308,
                "throughput-p10": 11968133041.75082,
                "throughput-median": 12158011050.10182,
                "throughput-max": 12395358560.540565,
                "throughput-stddev": 237347510.43874,
                "throughput-variation": 0.0195219,
                "retransmits": 0,
                "retransmits-max": 0,
            },
        ),
        ("idle", "idle", {"idle-time": 5}),
        ("several", "idlebgm", {"idle-time": 5}),
        ("two-participants", "simplestream", {"stream-time": 2.583509}),
    ],
)
def test_recorded_results(recording, test, expected):
    """What real servers gave has the numbers that a person reads from it."""
    found = recorded_results(recording)

    assert found
    assert metrics(test, found[0]) == pytest.approx(expected, rel=1e-5)
    assert list(metrics(test, found[0])) == [name for name in METRICS if name in expected]


def test_the_statistics_of_packets():
    """Of those that came back; the sent and lost ones are counted by the server."""
    found = metrics("rtt", {"roundtrips": trips(1, 2, None, 4, 9), "sent": 5, "received": 4})

    assert {name: round(value, 9) for name, value in found.items()} == {
        "rtt-min": 0.001,
        "rtt-mean": 0.004,
        "rtt-median": 0.003,
        "rtt-p90": 0.0075,
        "rtt-p95": 0.00825,
        "rtt-p99": 0.00885,
        "rtt-max": 0.009,
        "rtt-stddev": 0.003082207,
        "rtt-jitter": 0.003,
        "sent": 5,
        "lost": 1,
        "loss": 0.2,
    }


def test_what_a_result_states_counts_more_than_what_is_computed():
    """So that it is the number that the server's own text shows."""
    found = metrics("rtt", {"roundtrips": trips(1, 2), "mean": "PT0.0014S", "stddev": "PT0.0006S"})

    assert (found["rtt-mean"], found["rtt-stddev"], found["rtt-median"]) == (0.0014, 0.0006, 0.0015)


def test_jitter_is_the_difference_between_neighbors():
    """In the order in which they were sent, and only where both arrived; a duplicate is not another packet."""
    shuffled = [trips(1, 4, None, 10, 11)[place] for place in (3, 0, 4, 1, 2)]
    shuffled += [{"seq": 1, "rtt": "PT5S"}]

    assert metrics("rtt", {"roundtrips": shuffled})["rtt-jitter"] == pytest.approx((0.003 + 0.001) / 2)
    assert "rtt-jitter" not in metrics("rtt", {"roundtrips": trips(1, None, 3)})


def test_packets_without_numbers_are_in_the_order_of_the_result():
    """Not all tools number them."""
    unnumbered = [{"rtt": "PT0.001S"}, {"rtt": "PT0.002S"}, {}, {"rtt": "PT0.009S"}]

    assert metrics("rtt", {"roundtrips": unnumbered})["rtt-jitter"] == pytest.approx(0.001)


@pytest.mark.parametrize("test", ["latency", "latencybg"])
def test_the_statistics_of_a_histogram(test):
    """Of the packets, not of the buckets, whose width is in the specification; their order is not known."""
    histogram = {"10": 6, "12": 2, "20.5": 1, "100": 1}
    result = {"histogram-latency": histogram, "packets-sent": 12, "packets-lost": 2, "max-clock-error": 0.5}
    found = metrics(test, {**result, "packets-duplicated": 3, "packets-reordered": 1}, {"bucket-width": 0.0001})

    assert {name: round(value, 9) for name, value in found.items()} == {
        "latency-min": 0.001,
        "latency-mean": 0.002045,
        "latency-median": 0.001,
        "latency-p90": 0.002845,
        "latency-p95": 0.0064225,
        "latency-p99": 0.0092845,
        "latency-max": 0.01,
        "latency-stddev": 0.002669499,
        "latency-clock-error": 0.0005,
        "sent": 12,
        "lost": 2,
        "loss": 0.166666667,
        "duplicates": 3,
        "reordered": 1,
    }


def test_clocks_that_differ_make_latencies_negative():
    """They are measurements all the same; negative round trips are not."""
    assert metrics("latency", {"histogram-latency": {"-0.5": 3, "7": 1}})["latency-min"] == -0.0005
    assert metrics("rtt", {"min": "-PT1S", "roundtrips": [{"rtt": "-PT1S"}]}) == {}


def test_raw_packets_have_an_order():
    """The histogram stays what statistics are made of; where there is none, the packets are."""
    moments = [0, 100, 200, 300]
    delays = [0.001, 0.002, None, 0.004]
    raw = [
        {"seq-num": n, "src-ts": sent * 2**32, "dst-ts": 0 if delay is None else int((sent + delay) * 2**32)}
        for n, (sent, delay) in enumerate(zip(moments, delays))
    ]
    both = metrics("latency", {"raw-packets": raw, "histogram-latency": {"9": 3}})
    alone = metrics("latency", {"raw-packets": raw})

    assert (both["latency-median"], round(both["latency-jitter"], 6)) == (0.009, 0.001)
    assert round(alone["latency-max"], 6) == 0.004


def test_the_steadiness_of_throughput():
    """Without omitted intervals, and without the remainder at the end, whose rate means little."""
    given = [
        {"summary": {"start": 0, "end": 1, "throughput-bits": 1e6, "retransmits": 90, "omitted": True}},
        *intervals(8e9, 9e9, 10e9, 9e9, retransmits=3),
        {"summary": {"start": 4, "end": 4.01, "throughput-bits": 1e12, "retransmits": 50}},
    ]
    summary = {"summary": {"summary": {"throughput-bits": 9e9, "retransmits": 12}}}
    found = metrics("throughput", {"intervals": given, **summary})

    assert found == pytest.approx(
        {
            "throughput": 9e9,
            "throughput-min": 8e9,
            "throughput-p10": 8.3e9,
            "throughput-median": 9e9,
            "throughput-max": 10e9,
            "throughput-stddev": 0.5**0.5 * 1e9,
            "throughput-variation": 0.5**0.5 / 9,
            "retransmits": 12,
            "retransmits-max": 3,
        }
    )


def test_streams_add_up_where_an_interval_has_no_summary():
    """Unless one of them does not say its rate."""
    streams = [{"throughput-bits": 1e9, "retransmits": 1}, {"throughput-bits": 2e9, "retransmits": 4}]
    found = metrics("throughput", {"intervals": [{"streams": streams}, {"streams": [*streams, {"retransmits": 1}]}]})

    assert (found["throughput-min"], found["throughput-max"]) == (3e9, 3e9)
    assert found["retransmits-max"] == 6


def test_udp_counts_packets():
    """Its jitter is in milliseconds."""
    summary = {"throughput-bits": 5.0, "sent": 1000, "lost": 5, "jitter": 0.25, "retransmits": None}

    assert metrics("throughput", {"summary": {"summary": summary}}) == {
        "throughput": 5.0,
        "throughput-jitter": 0.00025,
        "sent": 1000,
        "lost": 5,
        "loss": 0.005,
    }


@pytest.mark.parametrize(
    ("paths", "hops", "number", "split"),
    [
        (["abc"], 3, 1, None),
        (["abc", "abc"], 3, 1, None),
        (["abc", "a.c", ".bc"], 3, 1, None),
        (["abc", "adc"], 3, 2, 2),
        (["abc", "ab"], 3, 2, 3),
        (["ab", "ab."], 3, 2, 3),
        (["abcd", "a.xd", "abcd"], 4, 2, 3),
        ([""], 0, 1, None),
    ],
)
def test_paths(paths, hops, number, split):
    """How many there are and where they part; a silent hop is no difference."""
    given = [[{} if hop == "." else {"ip": hop} for hop in path] for path in paths]
    found = metrics("trace", {"paths": given})

    assert (found["hops"], found["paths"], found.get("path-split")) == (hops, number, split)


def test_the_packets_of_all_runs_together():
    """As if they had been sent by one."""
    results = [
        {"roundtrips": trips(1, 2, 3), "sent": 3, "lost": 0, "mean": "PT0.002S", "duplicates": 1},
        {"roundtrips": trips(9), "sent": 7, "lost": 6, "mean": "PT0.009S", "duplicates": 2},
    ]
    found = pooled("rtt", *results)
    together = metrics("rtt", {"roundtrips": [*trips(1, 2, 3, None, 9)], "sent": 10, "lost": 6, "duplicates": 3})

    assert found == pytest.approx(together)
    assert list(found) == list(together)


def test_one_run_is_all_runs():
    """With the values that it states; a run that measured nothing does not count."""
    result = {"roundtrips": trips(1, 2), "mean": "PT0.0014S"}

    assert pooled("rtt", result, {}) == metrics("rtt", result)


def test_statistics_without_samples_are_combined_as_far_as_possible():
    """Percentiles of some of the runs would not be those of all."""
    result = {"roundtrips": trips(1, 2), "min": "PT0.001S", "mean": "PT0.0015S", "max": "PT0.002S"}
    found = pooled("rtt", result, {"min": "PT0.0005S", "mean": "PT0.0025S", "max": "PT0.003S", "loss": 0.5})

    assert found == pytest.approx(
        {"rtt-min": 0.0005, "rtt-mean": 0.002, "rtt-max": 0.003, "rtt-jitter": 0.001, "loss": 0.5}
    )


def test_counts_of_some_runs_are_not_those_of_all():
    """A sum would be too small; the loss is the mean of what is known."""
    found = pooled("rtt", {"sent": 4, "lost": 1, "roundtrips": trips(1)}, {"loss": 0.75, "roundtrips": trips(1)})

    assert "sent" not in found
    assert found["loss"] == 0.5


@pytest.mark.parametrize(("test", "base"), [("rtt", "rtt"), ("latency", "latency"), ("latencybg", "latency")])
def test_statistics_under_load(test, base):
    """Beside those of all packets; the increase is the difference of the medians, without errors in the last digit."""
    idle, loaded = [0.00003, 0.00003, 0.00004, 0.00009], [0.0121, 0.0122, 0.0125, 0.03]
    found = with_load(test, measure(test, {}, {}), dict.fromkeys(loaded, 1), {0.00003: 2, 0.00004: 1, 0.00009: 1})

    assert found.metrics == {
        f"{base}-idle-median": pytest.approx(median(idle)),
        f"{base}-idle-p95": pytest.approx(quantiles(idle, n=20, method="inclusive")[-1]),
        f"{base}-loaded-median": pytest.approx(median(loaded)),
        f"{base}-loaded-p95": pytest.approx(quantiles(loaded, n=20, method="inclusive")[-1]),
        f"{base}-increase": 0.012315,
    }
    assert (found.samples.loaded, found.samples.idle) == (
        dict.fromkeys(loaded, 1),
        {0.00003: 2, 0.00004: 1, 0.00009: 1},
    )


def test_a_latency_that_falls_under_load():
    """As where a processor sleeps when it is idle; the increase is negative."""
    assert with_load("rtt", measure("rtt", {}, {}), {0.00003: 1}, {0.00004: 1}).metrics["rtt-increase"] == -0.00001


def test_packets_under_load_without_idle_ones():
    """There is nothing to compare with; idle ones alone say nothing that the other metrics do not say."""
    nothing = measure("rtt", {}, {})

    assert with_load("rtt", nothing, {0.1: 2}, {}).metrics == {"rtt-loaded-median": 0.1, "rtt-loaded-p95": 0.1}
    assert with_load("rtt", nothing, {}, {0.1: 2}).metrics == {}


def test_throughput_over_runs():
    """The intervals of all runs together, the mean of the rates, and the sum of retransmits."""

    def result(rate, *rates, again):
        return {
            "intervals": intervals(*rates),
            "summary": {"summary": {"throughput-bits": rate, "retransmits": again}},
        }

    found = pooled("throughput", result(2e9, 1e9, 3e9, again=3), result(4e9, 4e9, 4e9, again=4))

    assert (found["throughput"], found["throughput-min"], found["throughput-median"]) == (3e9, 1e9, 3.5e9)
    assert found["retransmits"] == 7


def test_paths_over_runs():
    """A path that appears again is not another one."""
    found = pooled("trace", *({"paths": [[{"ip": hop} for hop in path]]} for path in ("abc", "abc", "abd")))

    assert (found["hops"], found["paths"], found["path-split"]) == (3, 2, 3)


def test_single_values_over_runs():
    """Their mean; of the largest packets, the one that all paths carry."""
    assert pooled("dns", {"time": "PT0.002S"}, {"time": "PT0.004S"})["dns-time"] == pytest.approx(0.003)
    assert pooled("mtu", {"mtu": 9000}, {"mtu": 1500}) == {"mtu": 1500}


@pytest.mark.parametrize("test", READERS)
def test_every_metric_is_one_of_its_test(test):
    """The table says which tests have it."""
    everything = {
        **dict.fromkeys(("min", "mean", "max", "stddev", "time", "difference", "elapsed-time", "duration"), "PT1S"),
        **dict.fromkeys(("sent", "lost", "duplicates", "reorders", "mtu", "max-clock-error"), 1),
        **{f"packets-{name}": 1 for name in ("sent", "lost", "duplicated", "reordered")},
        "roundtrips": trips(1, 2),
        "histogram-latency": {"1": 1},
        "raw-packets": [{"seq-num": n, "src-ts": 1, "dst-ts": 2} for n in range(2)],
        "intervals": intervals(1.0, 2.0, retransmits=1),
        "summary": {
            "summary": dict.fromkeys(
                ("throughput-bits", "receiver-throughput-bits", "retransmits", "sent", "lost", "jitter"), 1
            )
        },
        "paths": [[{"ip": "a"}], [{"ip": "b"}]],
    }

    measured = measure(test, {}, {"succeeded": True, **everything})
    if measured.samples.delays:
        measured = with_load(test, measured, loaded={0.002: 1}, idle={0.001: 1})

    assert set(measured.metrics) == {name for name, metric in METRICS.items() if test in metric.tests}


@pytest.mark.parametrize("test", READERS)
@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_nonsense_is_left_out(test, strange):
    """Wherever it is in a result, nothing that cannot be a measurement becomes one."""
    trip = {"seq": strange, "rtt": strange, "error": strange}
    packet = {"seq-num": strange, "src-ts": strange, "dst-ts": strange}
    interval = dict.fromkeys(("start", "end", "throughput-bits", "retransmits", "omitted"), strange)
    result = {
        "roundtrips": [trip, trip],
        "raw-packets": [packet, strange],
        "histogram-latency": {"1": strange, str(strange): 1, "inf": 1, "1e300": 1, "": 1},
        "intervals": [{"summary": interval, "streams": [interval]}, {"summary": strange, "streams": strange}],
        "summary": {"summary": {**interval, "jitter": strange, "lost": strange, "": 5}},
        "paths": [strange, [strange, {"ip": strange}]],
        "": 5,
    }
    for given in (result, {**result, "roundtrips": strange, "paths": strange, "summary": strange}):
        found = metrics(test, given, {"bucket-width": strange})

        assert all(abs(value) <= 1e18 and test in METRICS[name].tests for name, value in found.items())


def test_many_packets_are_no_trouble():
    """They are counted in seconds, not in minutes."""
    packets = [{"seq": n, "rtt": f"PT0.0{10_000 + n % 5000}S"} for n in range(300_000)]
    begin = time.process_time()
    found = metrics("rtt", {"roundtrips": packets})

    assert time.process_time() - begin < SECONDS
    assert (found["rtt-min"], found["rtt-max"]) == (0.010, 0.014999)
    assert found["rtt-median"] == pytest.approx(0.0124995)


def test_absurdly_many_paths_are_no_trouble():
    """No more of them are kept apart than a report shows."""
    paths = [[{"ip": f"{number}-{hop}"} for hop in range(30)] for number in range(2000)]
    begin = time.process_time()

    assert metrics("trace", {"paths": paths})["paths"] == 200
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize("test", READERS)
def test_deep_nesting_is_no_trouble(test):
    """Only what is needed is looked at."""
    deep = []
    for _ in range(DEEP):
        deep = [deep]
    names = ("roundtrips", "histogram-latency", "raw-packets", "intervals", "summary", "paths", "time", "mtu", "sent")

    assert set(metrics(test, dict.fromkeys(names, deep))) <= {"hops", "paths"}
