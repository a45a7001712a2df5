"""Tests of the comparison of outputs: what is compared with what, and what is said about it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from pscheduler_batch import read_runs
from pscheduler_batch.errors import ExpectationError
from pscheduler_batch.metrics.expectations import read_expectations
from pscheduler_batch.report.comparison import ComparisonError, compare, judge_changes
from pscheduler_batch.report.comparison_formats import render_comparison
from pscheduler_batch.report.comparison_page import plot_of
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run


def rtt(milliseconds, **pairs):
    """Make the result of a run of rtt."""
    seconds = f"PT{milliseconds / 1000:.6f}S"
    return {"succeeded": True, "min": seconds, "mean": seconds, "max": seconds, "sent": 4, "lost": 0, **pairs}


def throughput(gigabits, retransmits=0):
    """Make the result of a run of throughput."""
    summary = {"start": 0, "end": 9, "throughput-bits": gigabits * 1e9, "retransmits": retransmits}
    return {"succeeded": True, "intervals": [], "summary": {"streams": [], "summary": summary}}


def around(middle, number=6):
    """Make different numbers around another one."""
    return [middle * (1 + (place - (number - 1) / 2) / 100) for place in range(number)]


def rtts(middle, number=6, label="rtt", **spec):
    """Make a job of several runs of rtt."""
    return job(*(result(run(rtt(each)), **spec) for each in around(middle, number)), label=label)


def throughputs(middle, number=6, **pairs):
    """Make a job of several runs of throughput."""
    runs = [result(run(throughput(each, **pairs)), kind="throughput") for each in around(middle, number)]
    return job(*runs, label="iperf")


def compared(before, after, metrics=None, expect=()):
    """Compare two outputs and judge expectations."""
    expectations = read_expectations(expect, source="--expect", of_changes=True)
    sides = ({"a.json": read_runs(before)}, {"b.json": read_runs(after)})
    made = compare(*sides, metrics, [each.metric for each in expectations])
    return made, judge_changes(expectations, made)


def verdicts(before, after, metrics=None):
    """Return the verdict of each metric of each group."""
    made, _ = compared(before, after, metrics)
    return {(group.name, each.metric.name): each.verdict for group in made.groups for each in group.comparisons}


def judged(before, after, *expect):
    """Return whether each expectation of two outputs is met, and what was found."""
    return [(each.met, each.found) for each in compared(before, after, expect=expect)[1]]


def test_a_metric_knows_which_way_is_better():
    """A longer round trip is worse, a higher rate better; of neither is known without a direction."""
    before = output(
        rtts(10), throughputs(9), job(*(result(run({"succeeded": True, "time": "PT1S"}), kind="idle"),) * 6)
    )
    after = output(
        rtts(12), throughputs(10), job(*(result(run({"succeeded": True, "time": "PT2S"}), kind="idle"),) * 6)
    )
    found = verdicts(before, after)

    assert found["rtt", "rtt-mean"] == "worse"
    assert found["rtt", "loss"] == "same"
    assert found["iperf", "throughput"] == "better"
    assert verdicts(after, before)["rtt", "rtt-mean"] == "better"
    assert verdicts(before, before)["rtt", "rtt-mean"] == "unclear"


@pytest.mark.parametrize(("number", "verdict"), [(1, "too few runs"), (3, "too few runs"), (4, "worse")])
def test_few_runs_do_not_tell(number, verdict):
    """However large the difference is."""
    made, _ = compared(output(rtts(10, number)), output(rtts(100, number)), ["rtt-mean"])
    (found,) = made.comparisons

    assert found.verdict == verdict
    assert found.change == pytest.approx(9, rel=0.02)
    assert (found.change_interval is None) == (verdict == "too few runs")


def test_change_and_interval_in_per_cent():
    """Both are relative to the median before."""
    made, _ = compared(output(rtts(10)), output(rtts(12)), ["rtt-mean"])
    (found,) = made.comparisons
    low, high = found.change_interval

    assert found.change == pytest.approx(0.2, abs=0.002)
    assert 0.15 < low < 0.2 < high < 0.25
    assert found.change_words.startswith("+20 % (+1")


def test_runs_of_a_sweep_are_compared_with_those_of_the_same_value():
    """The order does not matter, nor do other values."""
    small, large = rtts(10, length=64)["results"], rtts(30, length=1024)["results"]
    new, slower = rtts(50, length=9000)["results"], rtts(40, length=1024)["results"]
    found = verdicts(output(job(*small, *large)), output(job(*new, *slower)), ["rtt-mean"])

    assert found == {
        ("rtt, length=64", "rtt-mean"): "only before",
        ("rtt, length=1024", "rtt-mean"): "worse",
        ("rtt, length=9000", "rtt-mean"): "only after",
    }


def test_one_value_is_compared_with_that_of_a_sweep():
    """In the output after, nothing varies."""
    sweep = output(job(*rtts(10, length=64)["results"], *rtts(30, length=1024)["results"]))
    found = verdicts(sweep, output(rtts(60, length=1024)), ["rtt-mean"])

    assert found == {("rtt, length=64", "rtt-mean"): "only before", ("rtt, length=1024", "rtt-mean"): "worse"}


def test_what_differs_between_outputs_only_is_no_sweep():
    """Another destination after a change is what people want to compare."""
    found = verdicts(output(rtts(10)), output(rtts(20, dest="192.0.2.99")), ["rtt-mean"])

    assert found == {("rtt", "rtt-mean"): "worse"}


def test_jobs_with_one_label_are_compared_in_order():
    """A job with another label between them changes nothing."""
    before = output(rtts(10), rtts(30))
    after = output(rtts(10), rtts(5, label="new"), rtts(60))
    made, _ = compared(before, after, ["rtt-mean"])

    assert [(group.label, each.verdict) for group in made.groups for each in group.comparisons] == [
        ("rtt", "unclear"),
        ("rtt", "worse"),
        ("new", "only after"),
    ]


def test_several_outputs_on_a_side_are_taken_together():
    """Four outputs with one run each are enough."""
    before = {f"{each}.json": read_runs(output(rtts(each, 1))) for each in around(10, 4)}
    after = {f"{each}.json": read_runs(output(rtts(each, 1))) for each in around(20, 4)}
    made = compare(before, after, ["rtt-mean"])

    assert [each.verdict for each in made.comparisons] == ["worse"]
    assert made.groups[0].runs == (4, 4)


def test_failed_runs_are_counted_and_have_no_value():
    """The text says of how many runs there are values."""
    failing = output(job(*rtts(10, 4)["results"], result(failed_run())))
    made, _ = compared(output(rtts(10)), failing)
    heading = render_comparison("text", made).splitlines()[1]

    assert heading == "rtt (rtt, 6 runs before, 4 of 5 runs after):"


def test_nothing_measured_after():
    """All runs failed: the values before are shown, and an expectation is not met."""
    before, after = output(rtts(10)), output(job(result(failed_run())))

    assert verdicts(before, after, ["rtt-mean"]) == {("rtt", "rtt-mean"): "only before"}
    assert judged(before, after, "rtt-mean < 5 %") == [(False, "no data in rtt")]


def test_a_change_from_zero_has_no_percentage():
    """It is infinite for expectations, and the difference is shown."""
    before, after = output(throughputs(9)), output(throughputs(9, retransmits=7))
    made, _ = compared(before, after, ["retransmits"])
    (found,) = made.comparisons

    assert (found.change, found.change_words, found.verdict) == (None, "+7, from 0", "worse")
    assert [met for met, _ in judged(before, after, "retransmits < 1000 %", "retransmits > -5 %")] == [False, True]
    assert [met for met, _ in judged(before, before, "retransmits <= 0 %", "retransmits != 0 %")] == [True, False]


def test_what_is_never_negative_loses_at_most_all():
    """Retransmits from 2 to 0 in the median, but from 9 to 0 at the end of the interval."""
    before = output(job(*(result(run(throughput(9, each)), kind="throughput") for each in (1, 1, 2, 2, 9, 9))))
    after = output(job(*(result(run(throughput(9, 0)), kind="throughput") for _ in range(6))))
    made, _ = compared(before, after, ["retransmits"])
    (found,) = made.comparisons

    assert (found.change, found.change_interval) == (-1, (-1, -0.5))


def test_expectations_of_changes():
    """The change that was found is judged; each value of a sweep must meet it."""
    before = output(throughputs(10), job(*rtts(10, length=64)["results"], *rtts(30, length=1024)["results"]))
    after = output(throughputs(9), job(*rtts(10, length=64)["results"], *rtts(36, length=1024)["results"]))
    found = judged(
        before,
        after,
        "throughput > -5 %",
        "iperf: throughput > -15 %",
        "p95(rtt) < 5 %",
        "rtt-mean < 5 %",
        "rtt-mean < 30 %",
    )

    assert [met for met, _ in found] == [False, True, False, False, True]
    assert found[0][1].startswith("-10 % (-1")
    assert found[0][1].endswith("), worse")
    assert found[2][1] == "no data in rtt, length=64 and 1 more"
    assert found[3][1] == found[4][1]
    assert found[3][1].endswith(", worse in rtt, length=1024")


def test_an_expectation_is_met_only_with_data_of_every_value():
    """A value of the sweep that is missing after has none; a new one is not judged."""
    both = job(*rtts(10, length=64)["results"], *rtts(30, length=1024)["results"])

    assert judged(output(both), output(rtts(10, length=64)), "rtt-mean < 5 %") == [
        (False, "0 % (-3 to +3), unclear in rtt, length=64; no data in rtt, length=1024")
    ]
    assert [met for met, _ in judged(output(rtts(10, length=64)), output(both), "rtt-mean < 5 %")] == [True]


def test_an_expectation_about_a_job_that_was_not_there_before():
    """It is wrong usage, as for reports."""
    before, after = output(rtts(10)), output(rtts(10), rtts(10, label="new"))

    with pytest.raises(ExpectationError, match="no job matches"):
        compared(before, after, expect=["new: rtt-mean < 5 %"])


def test_outputs_of_different_batches_cannot_be_compared():
    """The message names their jobs."""
    with pytest.raises(ComparisonError) as caught:
        compared(output(rtts(10)), output(throughputs(9)))

    assert str(caught.value) == (
        'the outputs have no job in common; the jobs before are "rtt", those after are "iperf"'
    )


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        (output(), output(rtts(10)), "before"),
        (output(rtts(10)), output(), "after"),
        (output(), output(), "before and after"),
    ],
)
def test_outputs_without_runs_cannot_be_compared(before, after, where):
    """The message says which."""
    with pytest.raises(ComparisonError) as caught:
        compared(before, after)

    assert str(caught.value) == f"there are no runs to compare {where}"


def test_a_metric_that_no_run_has():
    """It is an error, not an empty table."""
    with pytest.raises(ComparisonError, match="no run has hops"):
        compared(output(rtts(10)), output(rtts(10)), ["hops"])


def test_jobs_without_metrics_are_named():
    """There is nothing to compare in them."""
    noop = job(result(run({"succeeded": True}), kind="noop"), label="noop")
    made, _ = compared(output(noop), output(noop))

    assert render_comparison("text", made).splitlines() == ["nothing to compare: noop", "0 metrics compared"]


def test_absurd_values_are_left_out():
    """What is not a number, infinite or a text is no value."""
    absurd = [rtt(10, mean=value) for value in (float("nan"), float("inf"), None, "soon", "PT-1S", [])]
    after = output(job(*(result(run(each)) for each in absurd), *rtts(10)["results"]))
    made, _ = compared(output(rtts(10)), after, ["rtt-mean"])

    assert [(each.verdict, len(each.after)) for each in made.comparisons] == [("unclear", 6)]


def test_the_text_fits_a_terminal():
    """80 columns are enough; at 50, intervals are left out before anything else is cut."""
    before, after = output(throughputs(10), rtts(10)), output(throughputs(9), rtts(10))
    made, _ = compared(before, after)
    wide, narrow = (render_comparison("text", made, width).splitlines() for width in (80, 50))

    assert max(map(len, [*wide, *narrow])) <= 80
    assert wide[2] == "  throughput   10 Gb/s  9 Gb/s  -10 % (-12.7 to -7.25)  worse"
    assert narrow[2] == "  throughput   10 Gb/s  9 Gb/s  -10 %      worse"
    assert wide[-1] == "6 metrics compared: 1 worse, 2 same, 3 unclear"


def test_json_has_everything():
    """In base units, with null for what is unknown."""
    made, judgments = compared(output(rtts(10)), output(rtts(12, 3)), ["rtt-mean"], ["rtt-mean < 30 %"])
    document = json.loads(render_comparison("json", type(made)(made.files, made.groups, judgments)))
    (group,) = document["jobs"]
    (metric,) = group["metrics"]

    assert (document["before"], document["after"]) == (["a.json"], ["b.json"])
    assert (group["label"], group["test"], group["runs-before"], group["runs-after"]) == ("rtt", "rtt", 6, 3)
    assert (metric["metric"], metric["unit"], metric["verdict"]) == ("rtt-mean", "s", "worse")
    assert metric["median-before"] == pytest.approx(0.01)
    assert metric["change-low"] < metric["change"] < metric["change-high"]
    assert document["expectations"][0]["met"] is True


def test_csv_has_a_row_for_each_metric():
    """With what varies, and empty cells for what is unknown."""
    both = output(job(*rtts(10, length=64)["results"], *rtts(30, 1, length=1024)["results"]))
    made, _ = compared(both, both, ["rtt-mean"])
    rows = list(csv.DictReader(io.StringIO(render_comparison("csv", made))))

    assert [(row["/test/spec/length"], row["runs-before"], row["verdict"]) for row in rows] == [
        ("64", "6", "unclear"),
        ("1024", "1", "too few runs"),
    ]
    assert [bool(row["change-low"]) for row in rows] == [True, False]


def test_secrets_and_hostile_text():
    """Values of secret names are hidden; text cannot control a terminal or a spreadsheet, or break JSON."""
    secret = {"_key": "s3cret-value"}
    jobs = [
        *rtts(10, 4, length=HOSTILE, **secret)["results"],
        *rtts(10, 4, length="=1+1", _key="other-s3cret")["results"],
    ]
    document = output(job(*jobs, label=f"{HOSTILE} s3cret-value"))
    made, _ = compared(document, document)
    texts = [render_comparison(form, made, 80) for form in ("text", "csv", "json", "html")]

    assert [word for word in ("s3cret-value", "other-s3cret") for text in texts if word in text] == []
    assert [character for character in "\x1b\u202e\x00" for text in texts if character in text] == []
    assert ",=1+1" not in texts[1]
    assert json.loads(texts[2].encode())


def test_a_plot_has_both_sides_on_one_axis():
    """That of rates begins at 0, so that little does not look like much; the places are those of the values."""
    made, _ = compared(output(throughputs(10), rtts(10)), output(throughputs(5), rtts(20)), ["throughput", "rtt-mean"])
    rates, times = (plot_of(each) for each in made.comparisons)

    assert (rates.low, times.low, times.high) == ("0 b/s", "9.75 ms", "20.5 ms")
    assert rates.sides["before"].middle == pytest.approx(2 * rates.sides["after"].middle, rel=0.03)
    assert len(times.sides["before"].dots) == len(times.sides["after"].dots) == 6
    assert max(times.sides["before"].dots) < min(times.sides["after"].dots)


def test_a_plot_of_one_value():
    """And of one side only."""
    made, _ = compared(output(rtts(10, 1)), output(job(result(failed_run()))), ["rtt-mean"])
    (each,) = made.comparisons
    plot = plot_of(each)

    assert (plot.low, plot.high, list(plot.sides)) == ("0 s", "10 ms", ["before"])


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [
        (rtts(10), rtts(12), "3 worse of 4 metrics"),
        (rtts(10), rtts(10), "No clear change in 4 metrics"),
        (rtts(10, 3), rtts(12, 3), "Too few runs to compare 4 metrics"),
        (job(result(failed_run())), job(result(failed_run())), "No metrics to compare"),
    ],
)
def test_the_title_of_the_page(before, after, title):
    """It is the answer."""
    made, _ = compared(output(before), output(after))

    assert f"<h1>{title}</h1>" in render_comparison("html", made)
