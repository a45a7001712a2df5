"""Tests of the meaning of expectations."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import ExpectationError
from pscheduler_batch.metrics.expectations import (
    EVERY_RUN,
    TOTAL,
    Judgment,
    KnownJob,
    read_expectations,
    read_judgments,
    resolve,
)
from pscheduler_batch.metrics.table import METRICS

JOBS = [
    KnownJob(0, "rtt-lan", enabled=True, tests=frozenset({"rtt"})),
    KnownJob(1, "rtt-wan", enabled=True, tests=frozenset({"rtt"})),
    KnownJob(2, "iperf [a]", enabled=True, tests=frozenset({"throughput", "rtt"})),
    KnownJob(3, "off", enabled=False, tests=frozenset()),
    KnownJob(4, "unknown", enabled=True, tests=frozenset()),
]


def read(*texts):
    """Read expectations."""
    return read_expectations(texts, source="--expect")


def errors_of(*texts):
    """Return line, column and reason of each error in some expectations."""
    with pytest.raises(ExpectationError) as caught:
        resolve(read(*texts), JOBS)
    return [(problem.line, problem.column, problem.reason) for problem in caught.value.problems]


def jobs_of(text):
    """Return the numbers of the jobs that an expectation is about."""
    return [expected.job for expected in resolve(read(text), JOBS)]


@pytest.mark.parametrize(
    ("text", "metric", "statistic"),
    [
        ("rtt-p95 < 1 s", "rtt-p95", EVERY_RUN),
        ("p95(rtt) < 1 s", "rtt-p95", TOTAL),
        ("jitter(latency) < 1 s", "latency-jitter", TOTAL),
        ("min(throughput) > 1 b/s", "throughput-min", TOTAL),
        ("mean(throughput) > 1 b/s", "throughput", "mean"),
        ("throughput > 1 b/s", "throughput", EVERY_RUN),
        ("total(loss) < 1 %", "loss", TOTAL),
        ("mean(loss) < 1 %", "loss", "mean"),
        ("max(rtt-p95) < 1 s", "rtt-p95", "max"),
        ("p90(http-time) < 1 s", "http-time", "p90"),
        ("max(retransmits) < 1", "retransmits-max", TOTAL),
        ("p95(retransmits) < 1", "retransmits", "p95"),
        ("rtt-increase < 20 ms", "rtt-increase", TOTAL),
        ("p95(latency-loaded) < 20 ms", "latency-loaded-p95", TOTAL),
        ("max(rtt-increase) < 20 ms", "rtt-increase", "max"),
    ],
)
def test_a_statistic_is_of_samples_where_there_are_any(text, metric, statistic):
    """Else it is of the values of all runs; without one, every run counts."""
    (found,) = read(text)

    assert (found.metric, found.statistic) == (metric, statistic)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_expected(name):
    """With the units of its kind: zero needs none."""
    (found,) = read(f"{name} >= 0")

    assert (found.metric, found.limit, found.unit) == (name, 0.0, METRICS[name].unit)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("rtt-max < 12.3 ms", 0.0123),
        ("rtt-max < 7 us", 7e-6),
        ("rtt-max < 7 \u00b5s", 7e-6),
        ("rtt-max < 1.5s", 1.5),
        ("throughput > 9.4 Gb/s", 9.4e9),
        ("throughput > 9 Mb/s", 9e6),
        ("throughput > 9 kb/s", 9e3),
        ("loss < 0.1 %", 0.001),
        ("mtu >= 1500", 1500.0),
        ("mtu >= 1500 bytes", 1500.0),
        ("hops = 5", 5.0),
        ("clock-difference > -3 ms", -0.003),
    ],
)
def test_limits_are_exact_in_base_units(text, limit):
    """As exact as if they had been written in them."""
    (found,) = read(text)

    assert found.limit == limit


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("rtt-p59 < 1 ms", 1, 'unknown metric "rtt-p59"; did you mean "rtt-p99"?'),
        ("a: P95(rtt) < 1 s", 4, 'unknown statistic "P95" of rtt; did you mean "p95"?'),
        ("p95(rrt) < 1 ms", 5, 'unknown metric "rrt"; did you mean "rtt"?'),
        ("sum(lost) < 1", 1, None),
        ("p95(throughput) > 1 b/s", 1, None),
        ("rtt-max < 1 GB", 13, 'unknown unit "GB"; use s, ms or us'),
        ("rtt-max < 1 MS", 13, 'unknown unit "MS"; did you mean "ms"?'),
        ("throughput > 1 Gbps", 16, 'unknown unit "Gbps"; did you mean "Gb/s"?'),
        ("rtt-max < 1 %", 13, 'the unit "%" does not suit rtt-max, which is a time; use s, ms or us'),
        ("loss < 0.1", 8, "a unit is missing, because loss is a ratio; use %"),
        ("hops < 5 ms", 10, 'the unit "ms" does not suit hops, which is a plain number; use 5 without a unit'),
        ("loss < 1e999 %", 8, "the number is too large"),
        ("loss < 1 % or so", 10, 'unknown unit "% or so"; use %'),
        ("\x1b[2J < 1", 1, 'expected a metric, such as rtt-p95, found "\\u001b[2J"'),
    ],
)
def test_an_error_has_its_place_and_a_hint(text, column, reason):
    """The second expectation is on the second line."""
    ((line, found, said),) = errors_of("loss = 0", text)

    assert (line, found, said if reason else None) == (2, column, reason)


def test_a_metric_of_many_values_needs_a_statistic():
    """It says which there are."""
    ((_, _, reason),) = errors_of("rtt < 1 ms")

    assert reason.startswith("rtt has many values in each run; choose a statistic of them, as in p95(rtt): min, mean, ")


def test_all_errors_are_reported_at_once():
    """With their lines, those of a file without its comments."""
    text = ["# what we promise", "", "  loss << 1 %", "rtt: loss < 1 %\r", "max(los) = 0"]
    with pytest.raises(ExpectationError) as caught:
        read_expectations(text, source="promises", with_comments=True)

    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(3, 9), (5, 5)]
    assert caught.value.source == "promises"


def test_a_value_of_the_option_is_never_skipped():
    """An empty one is an error, and "#" begins a pattern."""
    with pytest.raises(ExpectationError):
        read("")

    assert read("#1: loss = 0")[0].jobs == "#1"
    assert read() == ()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("rtt*: p95(rtt) < 10 ms", [0, 1]),
        ("rtt-lan: loss = 0", [0]),
        ("iperf [a]: throughput > 0", [2]),
        ("*: throughput > 0", [2, 4]),
        ("throughput > 0", [2, 4]),
        ("loss = 0", [0, 1, 2, 4]),
        ("[ru]*: max(rtt) > 0", [0, 1, 4]),
    ],
)
def test_an_expectation_is_about_the_jobs_that_have_its_metric(text, numbers):
    """A label also matches itself, and a job of unknown tests may have any metric."""
    assert jobs_of(text) == numbers


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("rtt-lam: loss = 0", 1, 'no job matches "rtt-lam"; did you mean "rtt-lan"?'),
        ("zzz*: loss = 0", 1, 'no job matches "zzz*"; the jobs are rtt-lan, rtt-wan, iperf [a], off, unknown'),
        ("RTT-LAN: loss = 0", 1, 'no job matches "RTT-LAN"; did you mean "rtt-lan"?'),
        ("off: loss = 0", 1, "all matching jobs are disabled: off; enable one, or remove the expectation"),
        ("rtt*: hops = 1", 7, "no matching job has hops, which is measured by trace; found rtt"),
    ],
)
def test_an_expectation_about_no_job_is_an_error(text, column, reason):
    """It could not be met."""
    assert errors_of(text) == [(1, column, reason)]


def test_an_expectation_given_twice_is_judged_once():
    """However it is spaced."""
    assert len(resolve(read("loss  = 0", "loss = 0"), JOBS[:1])) == 1


def test_a_batch_without_jobs_meets_nothing():
    """It says so."""
    with pytest.raises(ExpectationError, match="the batch has no jobs"):
        resolve(read("loss = 0"), [])


@pytest.mark.parametrize(
    ("comparison", "met"),
    [
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("=", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_comparisons(comparison, met):
    """Errors of computing in the last digits do not count."""
    (found,) = read(f"rtt-max {comparison} 300 ms")

    assert [found.is_met_by(value) for value in (0.2, 0.1 + 0.2, 0.4)] == met


@pytest.mark.parametrize(
    ("comparison", "worst"), [("<", 2), ("<=", 2), (">", 0), (">=", 0), ("=", 0), ("!=", 1), ("==", 0)]
)
def test_the_worst_run(comparison, worst):
    """The one that is farthest from meeting it."""
    (found,) = read(f"hops {comparison} 5")

    assert found.worst_of([4.0, 5.0, 6.0]) == worst


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("rtt-max < 10 ms", 0.0123, "12.3 ms"),
        ("rtt-max < 10 ms", 0.01, "10 ms"),
        ("rtt-max < 10 ms", 0.010004, "10.004 ms"),
        ("throughput > 9 Gb/s", 8.9999e9, "8.9999 Gb/s"),
        ("throughput > 9 Gb/s", 12345.0, "12.3 kb/s"),
        ("lost = 0", 1e-4, "0.0001"),
        ("loss < 1 %", 0.0100001, "1.00001 %"),
        ("sent = 12345678", 12345678.4, "12345678.4"),
    ],
)
def test_the_value_shows_on_which_side_it_is(text, value, words):
    """With more digits where three would look like the limit."""
    (found,) = read(text)

    assert found.value_words(value) == words


def test_a_judgment_survives_the_output():
    """Its pairs are those that are read back; secrets are hidden in them."""
    judgment = Judgment(
        "loss = 0", "rtt", met=False, found="worst 3 % in rtt/0", metric="loss", value=0.03, unit="ratio"
    )

    assert read_judgments([judgment.as_pairs()], str) == (judgment,)
    assert read_judgments([judgment.as_pairs()], lambda text: text.replace("rtt", "***"))[0].job == "***"


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        "loss = 0",
        [None, 5, "loss = 0", {}],
        [{"expectation": "loss = 0", "job": "a", "found": "b", "met": "yes"}],
        [{"expectation": 5, "job": "a", "found": "b", "met": True}],
    ],
)
def test_what_is_not_a_judgment_is_left_out(value):
    """The output may be of another program."""
    assert read_judgments(value, str) == ()


def test_absurd_numbers_of_a_judgment_are_left_out():
    """Its words remain."""
    pairs = {"expectation": "loss = 0", "job": "a", "found": "b", "met": True, "value": 10**400, "unit": 3}

    assert read_judgments([pairs], str) == (Judgment("loss = 0", "a", met=True, found="b"),)


@pytest.mark.parametrize(
    ("job", "words"), [("rtt", "rtt: loss = 0: 3 % in 1 run"), ("rtt-2", "rtt: loss = 0: rtt-2: 3 % in 1 run")]
)
def test_the_job_is_named_once(job, words):
    """Where the expectation does not name it."""
    assert Judgment("rtt: loss = 0", job, met=False, found="3 % in 1 run").words == words


@pytest.mark.parametrize(
    ("text", "metric", "limit"),
    [
        ("throughput > -5 %", "throughput", -0.05),
        ("rtt*: p95(rtt) < 10%", "rtt-p95", 0.1),
        ("retransmits <= 0", "retransmits", 0),
        ("rtt-loaded-p95 < 20 %", "rtt-loaded-p95", 0.2),
    ],
)
def test_a_change_is_expected_in_per_cent(text, metric, limit):
    """The metric may have any unit."""
    (found,) = read_expectations([text], source="--expect", of_changes=True)

    assert (found.metric, found.limit, found.unit) == (metric, limit, "ratio")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("throughput > 5", "a unit is missing, because the change of throughput is a ratio; use %"),
        ("rtt-p95 < 5 ms", 'the unit "ms" does not suit the change of rtt-p95, which is a ratio; use %'),
        ("total(loss) < 5 %", "a change always covers all runs; write loss alone"),
        ("mean(throughput) > 5 %", "a change always covers all runs; write throughput alone"),
    ],
)
def test_what_is_no_change_is_an_error(text, reason):
    """Values in other units, and statistics over runs, as those are compared already."""
    with pytest.raises(ExpectationError) as caught:
        read_expectations([text], source="--expect", of_changes=True)

    assert [problem.reason for problem in caught.value.problems] == [reason]
