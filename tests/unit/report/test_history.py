"""Tests of histories: which runs belong together, and what is usual."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta, timezone
from statistics import median, quantiles

import pytest
from dateutil import tz

from pscheduler_batch.errors import ExpectationError
from pscheduler_batch.metrics.expectations import read_expectations
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.report.history import MetricHistory, Period, Spread, spread_of
from pscheduler_batch.report.history_collector import MOST_VALUES
from pscheduler_batch.report.history_formats import render_history
from tests.support.histories import DAY, FIRST, daily, failed_at, history_of, rtt, run_at
from tests.support.load_documents import load, pings
from tests.support.output_documents import job, output, result, several, skipped

USUAL = (0.5, 0.52, 0.48, 0.55, 0.45, 0.51, 0.49, 0.53)


def metric_of(history, name="rtt-mean", series=0):
    """Return the history of a metric."""
    return next(each for each in history.series[series].metrics if each.metric.name == name)


def names_of(history):
    """Return the name of each series with the number of its runs."""
    return {each.name: sum(each.runs.values()) for each in history.series}


@pytest.mark.parametrize("number", [1, 2, 3, 10, 101])
def test_the_spread_is_that_of_other_libraries(number):
    """Percentiles are those of Python's statistics and of NumPy."""
    numpy = pytest.importorskip("numpy")
    chance = random.Random(number)  # noqa: S311 - these are not secrets
    values = [chance.lognormvariate(-7, 1) for _ in range(number)]
    found = spread_of(values)
    tenths = quantiles(values, n=10, method="inclusive") if number > 1 else values * 9

    assert found.runs == number
    assert math.isclose(found.median, median(values))
    assert math.isclose(found.p10, tenths[0])
    assert math.isclose(found.p90, tenths[8])
    assert numpy.allclose([found.p10, found.p90], numpy.percentile(values, [10, 90]))


def test_each_day_has_its_runs():
    """Median, p10 and p90 are those of the values of single runs; a day without a run is left out."""
    values = {0: [1, 2, 3, 4], 1: [7], 4: [5, 6]}
    outputs = {
        f"{day}.json": output(
            job(
                *(result(run_at(FIRST + day * DAY + timedelta(minutes=n), rtt(value))) for n, value in enumerate(found))
            )
        )
        for day, found in values.items()
    }
    history = history_of(outputs)
    spreads = metric_of(history).spreads

    assert (history.size.name, [start.day for start in history.buckets]) == ("day", [1, 2, 3, 4, 5])
    assert list(spreads) == [0, 1, 4]
    assert [spread.runs for spread in spreads.values()] == [4, 1, 2]
    for day, found in values.items():
        tenths = quantiles(found, n=10, method="inclusive") if len(found) > 1 else found * 9
        for value, right in zip((spreads[day].p10, spreads[day].median, spreads[day].p90), tenths[::4]):
            assert math.isclose(value, right / 1000)
    assert history.series[0].runs == {0: 4, 1: 1, 4: 2}


def test_the_order_of_files_changes_nothing():
    """The last run is the one that started last."""
    outputs = daily(*USUAL, 4.2)
    forwards, backwards = history_of(outputs), history_of(dict(reversed(list(outputs.items()))))

    assert [each.metrics for each in forwards.series] == [each.metrics for each in backwards.series]
    assert forwards.series[0].last == backwards.series[0].last
    assert forwards.series[0].last.source == "out008.json"


def test_the_usual_is_that_of_the_days_before():
    """Runs of the day of the last run do not count."""
    history = history_of(daily(*USUAL, every=timedelta(hours=9)))
    usual = metric_of(history).usual

    assert len(history.buckets) == 4
    assert [history.series[0].runs[day] for day in range(4)] == [2, 2, 3, 1]
    assert usual == spread_of([value / 1000 for value in USUAL[:7]])


@pytest.mark.parametrize(("number", "known"), [(4, False), (5, True)])
def test_a_few_runs_do_not_say_what_is_usual(number, known):
    """Five are enough."""
    found = metric_of(history_of(daily(*USUAL[:number], 0.5)))

    assert (found.usual is not None) == known
    assert found.verdict == ("usual" if known else "too few runs")


def made(last, p10, p90, middle=None, name="rtt-mean"):
    """Make a metric with a last value."""
    usual = Spread(10, (p10 + p90) / 2 if middle is None else middle, p10, p90)
    return MetricHistory(METRICS[name], {}, (0.0, 1.0), last, usual)


@pytest.mark.parametrize(
    ("last", "verdict", "is_worse"),
    [
        (0.5, "usual", None),
        (0.4, "usual", None),
        (0.6, "usual", None),
        (0.65, "higher", True),
        (0.79, "higher", True),
        (0.81, "unusually high", True),
        (0.3, "lower", False),
        (0.19, "unusually low", False),
        (None, "no value", None),
    ],
)
def test_the_verdict(last, verdict, is_worse):
    """Unusual is what is farther outside the usual range than this is wide: here from 0.4 to 0.6."""
    found = made(last, 0.4, 0.6)

    assert (found.verdict, found.is_worse) == (verdict, is_worse)
    assert found.is_unusual == verdict.startswith("unusually")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (made(9.3e9, 9.41e9, 9.42e9, name="throughput"), "lower"),
        (made(8.9e9, 9.41e9, 9.42e9, name="throughput"), "unusually low"),
        (made(0.001, 0.0, 0.0, name="loss"), "unusually high"),
        (made(13.0, 12.0, 12.0, name="hops"), "unusually high"),
        (made(8900.0, 9000.0, 9000.0, name="mtu"), "unusually low"),
        (made(0.1 + 0.2, 0.3, 0.3), "usual"),
        (made(0.0045001, 0.0045, 0.0045), "higher"),
        (made(0.0048, 0.0045, 0.0045), "unusually high"),
        (made(0.99e9, 1e9, 1e9, name="throughput"), "lower"),
    ],
)
def test_small_differences_are_not_worth_a_sentence(found, verdict):
    """Up to 5 % of the median, unless counts, sizes or ratios were equal before; errors of computing do not count."""
    assert found.verdict == verdict


def test_a_metric_without_a_better_direction_is_neither():
    """Such as the number of hops."""
    assert made(13.0, 12.0, 12.0, name="hops").is_worse is None


def test_the_last_output_can_have_several_runs_of_a_job():
    """Their median is compared; that one of them failed is known."""
    last = FIRST + 9 * DAY
    runs = [result(run_at(last, rtt(value))) for value in (5, 1, 9)] + [result(failed_at(last, "Host is down"))]
    history = history_of({**daily(*USUAL), "last.json": output(job(*runs))})
    series = history.series[0]

    assert metric_of(history).last == 0.005
    assert (series.last.runs, series.last.failed, series.last.reason) == (4, 1, "Host is down")


def test_jobs_belong_together_by_label_test_and_destination():
    """Another destination is another path, and is named if a job has several."""
    outputs = {**daily(1, 2, label="a"), "b": output(job(result(run_at(FIRST, rtt(1)), kind="latency"), label="a"))}
    moved = daily(1, label="a", dest="192.0.2.2")["out000.json"]

    assert [(each.name, each.test) for each in history_of(outputs).series] == [("a", "rtt"), ("a", "latency")]
    assert names_of(history_of({**daily(1, 2, label="a"), "moved": moved})) == {"a → 192.0.2.1": 2, "a → 192.0.2.2": 1}


def test_jobs_with_the_same_label_and_without_one():
    """They belong together by their order."""

    def jobs():
        yield from (job(result(run_at(FIRST, rtt(value)))) for value in (1, 2))
        yield {"task": {}, "results": [result(run_at(FIRST, rtt(3)))]}

    history = history_of({name: output(*jobs()) for name in "ab"})

    assert names_of(history) == {"rtt #1": 2, "rtt #2": 2, "job-2": 2}
    assert [metric_of(history, series=number).extremes for number in range(3)] == [
        (0.001,) * 2,
        (0.002,) * 2,
        (0.003,) * 2,
    ]


def sweep(when, *lengths):
    """Make a job that varies the length."""
    return output(job(*(result(run_at(when, rtt(length / 100)), length=length) for length in lengths)))


def test_each_value_of_a_sweep_has_a_history():
    """Also in an output that has only one of them, as the batch was interrupted."""
    outputs = {"a": sweep(FIRST, 64, 512), "b": sweep(FIRST + DAY, 64, 512), "c": sweep(FIRST + 2 * DAY, 64)}

    assert names_of(history_of(outputs)) == {"rtt, length=64": 3, "rtt, length=512": 2}


def test_a_mesh_has_a_history_of_each_pair():
    """A destination that the job varies is named once."""

    def mesh(when):
        pairs = (("a", "b"), ("b", "a"), ("a", "c"))
        return output(
            job(*(result(run_at(when, rtt(1)), source=source, dest=dest) for source, dest in pairs), label="mesh")
        )

    assert names_of(history_of({"1": mesh(FIRST), "2": mesh(FIRST + DAY)})) == {
        "mesh, dest=b, source=a": 2,
        "mesh, dest=a, source=b": 2,
        "mesh, dest=c, source=a": 2,
    }


def test_what_is_not_measured_does_not_divide_runs():
    """Such as a reference with the time in it, or a schedule."""

    def noted(when, number):
        found = result(run_at(when, rtt(1)))
        found["task"].update(reference={"when": number}, schedule={"slip": f"PT{number}S"})
        return found

    outputs = {name: output(job(noted(FIRST, 1), noted(FIRST, 2))) for name in "ab"}

    assert names_of(history_of(outputs)) == {"rtt": 4}


def test_values_at_random_are_taken_together():
    """A job that varies more than a page can show is one series."""
    outputs = {"a": sweep(FIRST, *range(MOST_VALUES)), "b": sweep(FIRST + DAY, MOST_VALUES)}

    assert names_of(history_of(outputs)) == {"rtt": MOST_VALUES + 1}


def test_only_runs_in_the_period_count():
    """The start of a run decides; the end of the period does not belong to it."""
    period = Period(FIRST + DAY, FIRST + 3 * DAY)
    history = history_of(daily(1, 2, 3, 4, 5), period)

    assert (history.runs, history.outside) == (2, 3)
    assert history.sources == ("out001.json", "out002.json")
    assert metric_of(history).extremes == (0.002, 0.003)


def test_no_run_in_the_period():
    """There is a history, and it is empty."""
    history = history_of(daily(1, 2), Period(FIRST + 9 * DAY))

    assert (history.runs, history.outside, history.buckets, history.series, history.span) == (0, 2, (), (), None)


def test_runs_without_a_time_are_counted_and_left_out():
    """As in outputs of the batch processor that perfSONAR ships; a time that no clock can have is none."""
    untimed = {"jobs": [{"label": "rtt", "results": [{"task": {}, "runs": [{"application/json": rtt(1)}]}] * 3}]}
    absurd = daily(1)["out000.json"]
    absurd["jobs"][0]["results"][0]["runs"][0]["run"]["start-time"] = "0001-01-01T00:00:00+00:00"
    history = history_of({"a": untimed, "b": absurd, "c": daily(1)["out000.json"]})

    assert history.notes == ("4 runs in 2 files left out: no time known",)
    assert history.runs == 1


def test_a_run_counts_once_whatever_files_it_is_in():
    """A copy, and the output of the same batch from before it was resumed, have runs that another file has, too."""
    first, later = (output(job(result(run_at(FIRST + n * DAY, rtt(1))))) for n in (0, 1))
    both = output(job(*first["jobs"][0]["results"], *later["jobs"][0]["results"], result(error="No server")))
    found = history_of({"interrupted.json": first, "out.json": both, "latest.json": both}, start=FIRST)

    assert found.runs == 3
    assert found.failed == 1
    assert found.sources == ("interrupted.json", "out.json")
    assert found.series[0].last.source == "out.json"
    assert found.notes == ("4 runs in 2 files left out: already in another file",)


def test_runs_of_one_output_are_never_taken_for_each_other():
    """Old outputs do not say where their runs are."""
    same = output(job(*(result(run_at(FIRST, rtt(value), href=None)) for value in (1, 2))))

    assert history_of({"a.json": same, "b.json": same}).runs == 4
    assert history_of({"a.json": output(job(*(result(run_at(FIRST, rtt(value))) for value in (1, 2))))}).runs == 2


def test_an_iteration_without_a_run_failed_when_the_batch_started():
    """It has no time of its own."""
    history = history_of({"a": output(job(result(error="Host is down")))}, start=FIRST)

    assert (history.runs, history.failed, history.span) == (1, 1, (FIRST, FIRST))


def test_several_results_of_a_task_have_their_own_times():
    """A long measurement is a curve."""
    history = history_of({"a": output(job(several(0, 30, kind="latencybg")))})

    assert history.span[1] - history.span[0] == timedelta(seconds=30)


def test_failures_by_day_and_by_reason():
    """The most frequent reason comes first."""
    at = [FIRST + number * DAY for number in range(4)]
    one = output(job(result(failed_at(at[0], "Down")), result(failed_at(at[3], "Down")), label="a"))
    two = output(job(result(failed_at(at[1], "Timeout\n twice")), result(failed_at(at[2], "Down")), label="b"))
    history = history_of({"1": one, "2": two})

    assert [(each.reason, each.runs, each.jobs, each.last) for each in history.failures] == [
        ("Down", 3, ("a", "b"), at[3]),
        ("Timeout twice", 1, ("b",), at[1]),
    ]
    assert [each.failed for each in history.series] == [{0: 1, 3: 1}, {1: 1, 2: 1}]
    assert history.failed == 4


def test_clocks_of_different_zones_are_the_same_day():
    """Days are those of the user's zone, whatever zones servers write."""
    night = datetime(2026, 11, 1, 23, 30, tzinfo=timezone.utc)
    outputs = {
        str(number): output(job(result(run_at(when, rtt(1)))))
        for number, when in enumerate([night, night.astimezone(tz.gettz("Asia/Tokyo")), night + 3 * DAY])
    }

    assert [history_of(outputs, zone=zone).buckets[0].day for zone in (timezone.utc, tz.gettz("Europe/Berlin"))] == [
        1,
        2,
    ]
    assert history_of(outputs).series[0].runs == {0: 2, 3: 1}


def test_odd_metrics_are_left_out_and_odd_values_kept():
    """Texts, null and NaN are no values; what a server says that is possible counts."""
    odd = ({"mean": "much"}, {"mean": None}, {"mean": math.nan}, {"lost": -1}, {"sent": 1e300}, {"mean": "PT1000000S"})
    outputs = {str(n): output(job(result(run_at(FIRST + n * DAY, rtt(1, **pairs))))) for n, pairs in enumerate(odd)}
    history = history_of(outputs)

    assert history.runs == len(odd)
    assert all(math.isfinite(value) for each in history.series[0].metrics for value in each.extremes)


def test_quite_different_batches_stand_side_by_side():
    """Nothing of one counts for the other."""
    other = output(job(result(run_at(FIRST, {"succeeded": True, "time": "PT0.004S"}), kind="dns"), label="names"))
    history = history_of({**daily(1, 2), "other": other})

    assert names_of(history) == {"rtt": 2, "names": 1}


def test_one_run_is_a_history():
    """There is nothing to compare with."""
    history = history_of(daily(1))

    assert (history.size.name, len(history.buckets), metric_of(history).verdict) == ("hour", 1, "too few runs")


def judged(outputs, *expectations, period=Period()):  # noqa: B008 - it cannot change
    """Judge expectations; return whether each is met, and what was found."""
    history = history_of(outputs, period, expectations=read_expectations(expectations, source="--expect"))
    return [(judgment.met, judgment.found) for judgment in history.judgments]


def test_expectations_are_judged_over_all_runs_of_the_period():
    """Statistics are of all of them, and the worst run is named with its file."""
    outputs = daily(1, 2, 3, 9)

    assert judged(outputs, "rtt: max(rtt-mean) < 5 ms", "rtt-mean < 5 ms", "total(loss) = 0") == [
        (False, "9 ms in 4 runs"),
        (False, "worst 9 ms in out003.json: rtt/0; not met in 1 of 4 runs"),
        (True, "0 % of 16 packets in 4 runs"),
    ]
    assert judged(outputs, "rtt-mean < 5 ms", period=Period(None, FIRST + 3 * DAY))[0][0]


def test_packets_of_all_outputs_are_taken_together():
    """A percentile over packets is the one of all packets of all runs."""
    packets = {"a": [1, 2, 3], "b": [10, 20]}
    outputs = {
        name: output(
            job(
                result(
                    run_at(
                        FIRST,
                        {
                            "succeeded": True,
                            "roundtrips": [{"seq": n + 1, "rtt": f"PT{rtt / 1000}S"} for n, rtt in enumerate(found)],
                        },
                    )
                )
            )
        )
        for name, found in packets.items()
    }

    assert judged(outputs, "median(rtt) = 3 ms") == [(True, "3 ms over 5 packets in 2 runs")]


def test_packets_under_load_of_all_outputs_are_taken_together():
    """The increase is that of the medians of all of them, not of those of single runs."""

    def measured(loaded):
        """Make an output with ten packets beside a load of ten seconds, and ten others."""
        trips = [1.0] * 6 + loaded + [2.0] * 4
        return output(job(pings(0.25, 19.4, "a", "b", milliseconds=trips), load(5.5, 15.7, "a", "b")))

    outputs = {"a": measured([20.0] * 10), "b": measured([40.0] * 4 + [20.0] * 6), "c": measured([20.0] * 10)}

    assert judged(outputs, "rtt-increase < 20 ms", "p95(rtt-loaded) < 25 ms") == [
        (True, "19 ms over 30 packets under load and 30 packets while idle in 3 runs"),
        (False, "40 ms over 30 packets under load in 3 runs"),
    ]


def test_no_data_in_the_period_is_not_met():
    """The job is known from other times."""
    assert judged(daily(1), "rtt-mean < 5 ms", period=Period(FIRST + DAY)) == [(False, "no data: the job was not run")]


def test_an_expectation_of_no_job_is_an_error():
    """As everywhere."""
    with pytest.raises(ExpectationError, match="rrt"):
        judged(daily(1), "rrt: rtt-mean < 5 ms")


def test_secrets_do_not_get_in():
    """Even if a server quotes them, and although they differ between the iterations of a job."""
    results = [result(failed_at(FIRST, f"wrong key t0psecret{n}"), _key=f"t0psecret{n}", length=n) for n in (1, 2)]
    history = history_of({"a": output(job(*results))})
    written = [render_history(form, history) for form in ("text", "csv", "json", "html")]

    assert names_of(history) == {"rtt, length=1": 1, "rtt, length=2": 1}
    assert not any("t0psecret" in text for text in written)
    assert all("wrong key (hidden)" in text for text in written if text != written[1])


def test_hostile_text_does_not_get_in():
    """Reasons are one line of printable text."""
    hostile = result(failed_at(FIRST, "\x1b[2J\u202e</script>" + "x" * 1000))
    (failure,) = history_of({"a": output(job(hostile))}).failures

    assert failure.reason.startswith(r"\u001b[2J\u202e</script>xxx")
    assert len(failure.reason) <= 200


def test_what_was_skipped_is_not_counted():
    """Neither as a run nor as a failure: nothing was tried."""
    history = history_of({"1.json": output(job(result(run_at(FIRST, rtt(1))), skipped(), skipped()))})

    assert (history.runs, history.failed) == (1, 0)
