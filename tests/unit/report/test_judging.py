"""Tests of judging expectations from an output."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import ExpectationError
from pscheduler_batch.metrics.expectations import read_expectations
from pscheduler_batch.report.document_rows import report_of
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run


def trips(*milliseconds, lost=0):
    """Make a run of rtt with these round trips."""
    packets = [{"seq": seq, "rtt": f"PT{value / 1000:.6f}S"} for seq, value in enumerate(milliseconds, start=1)]
    sent = len(packets) + lost
    return run({"succeeded": True, "sent": sent, "lost": lost, "roundtrips": packets})


def rates(*gigabits):
    """Make a run of throughput with these intervals of a second."""
    intervals = [
        {"summary": {"start": second, "end": second + 1, "throughput-bits": value * 1e9, "omitted": False}}
        for second, value in enumerate(gigabits)
    ]
    mean = sum(gigabits) / len(gigabits)
    return run({"succeeded": True, "intervals": intervals, "summary": {"summary": {"throughput-bits": mean * 1e9}}})


DOCUMENT = output(
    job(result(trips(1, 2, 3, 4)), result(trips(5, 6, 7, 108, lost=1)), label="rtt"),
    job(result(rates(9, 10), kind="throughput"), result(rates(8, 9), kind="throughput"), label="iperf"),
    job(result(trips(1)), result(failed_run()), result(error="no lead", kind="rtt"), label="broken"),
    job(label="off", enabled=False),
    job(label="unreached"),
)


def judged(*texts, document=DOCUMENT):
    """Return what is found for each of some expectations, and whether it is met."""
    expectations = read_expectations(texts, source="--expect")
    return [(each.met, each.found) for each in report_of(document, expectations).judgments]


@pytest.mark.parametrize(
    ("text", "met", "found"),
    [
        ("rtt: max(rtt) < 100 ms", False, "108 ms over 8 packets in 2 runs"),
        ("rtt: median(rtt) < 5 ms", True, "4.5 ms over 8 packets in 2 runs"),
        ("rtt: total(loss) < 20 %", True, "11.1 % of 9 packets in 2 runs"),
        ("rtt: mean(loss) < 10 %", False, "10 % in 2 runs"),
        ("rtt: mean(loss) <= 10 %", True, "10 % in 2 runs"),
        ("rtt: loss < 15 %", False, "worst 20 % in rtt/1; not met in 1 of 2 runs"),
        ("rtt: loss < 25 %", True, "worst 20 % in rtt/1; met in both runs"),
        ("rtt: rtt-max < 1 ms", False, "worst 108 ms in rtt/1; met in none of 2 runs"),
        ("rtt: total(lost) = 1", True, "1 in 2 runs"),
        ("rtt: max(rtt-median) < 1 s", True, "6.5 ms in 2 runs"),
        ("iperf: throughput > 9 Gb/s", False, "worst 8.5 Gb/s in iperf/1; not met in 1 of 2 runs"),
        ("iperf: min(throughput) >= 8 Gb/s", True, "8 Gb/s over 4 intervals in 2 runs"),
        ("iperf: mean(throughput) = 9 Gb/s", True, "9 Gb/s in 2 runs"),
        ("broken: rtt-max < 1 s", False, "worst 1 ms in broken/0; met in 1 of 3 runs; no data in broken/1 and 1 more"),
        ("broken: max(rtt) < 1 s", True, "1 ms over 1 packet in 1 of 3 runs"),
        ("broken: max(loss) = 0", True, "0 % in 1 of 3 runs"),
        ("unreached: max(rtt) < 1 s", False, "no data: the job was not run"),
    ],
)
def test_expectations_are_judged_over_all_runs_of_a_job(text, met, found):
    """From samples where they are known; each run that lacks the value does not meet it."""
    assert judged(text) == [(met, found)]


def test_an_expectation_about_no_job_of_the_output_is_an_error():
    """As in a batch, with the tests of its tasks."""
    with pytest.raises(ExpectationError, match="no matching job has hops"):
        judged("rtt: hops < 5")


@pytest.mark.parametrize(
    "text", ["rtt: rtt-max < 1 s", "rtt: max(rtt) < 1 s", "rtt: max(loss) = 0", "rtt: total(loss) = 0"]
)
@pytest.mark.parametrize("runs", [[], [failed_run()], [run({"succeeded": True})]])
def test_without_data_nothing_is_met(text, runs):
    """Whatever the statistic, and whyever there is no data."""
    document = output(job(result(*runs), result(*runs)))
    ((met, found),) = judged(text, document=document)

    assert (met, found) == (False, "no data in 2 runs")


def test_statistics_without_samples_are_no_percentiles():
    """Those of several runs cannot be combined, which is no data."""
    document = output(job(result(run()), result(run())))

    assert judged("p95(rtt) < 1 s", "max(rtt) < 1 s", document=document) == [
        (False, "no data in 2 runs"),
        (True, "0.5 ms in 2 runs"),
    ]


def test_a_job_of_several_tests_is_judged_by_those_that_have_the_metric():
    """The worst of them counts, and tests without the metric are no gap."""
    document = output(
        job(result(trips(1, 2)), result(rates(9), kind="throughput"), result(trips(3)), label="mixed"),
    )

    assert judged("rtt-max < 1 s", "mean(throughput) > 10 Gb/s", document=document) == [
        (True, "worst 3 ms in mixed/2; met in both runs"),
        (False, "9 Gb/s in 1 run"),
    ]


def test_several_results_of_a_task_are_runs():
    """Each is named by its number."""
    document = output(job(result(trips(1), trips(9))))

    assert judged("rtt-max < 5 ms", document=document) == [(False, "worst 9 ms in rtt/0 run 1; not met in 1 of 2 runs")]


def test_judgments_of_the_batch_stand_first_as_they_were_judged():
    """One that is given again is not judged again, others are added."""
    account = {"expectation": "rtt: loss = 0", "job": "rtt", "met": True, "found": "as it was"}
    document = {**DOCUMENT, "batch": {**DOCUMENT["batch"], "expectations": [account]}}

    assert judged(document=document) == [(True, "as it was")]
    assert judged("rtt: loss  = 0", "rtt: total(lost) = 1", document=document) == [
        (True, "as it was"),
        (True, "1 in 2 runs"),
    ]


def test_secrets_of_the_batch_are_hidden_in_its_judgments():
    """An older program may have written them."""
    account = {"expectation": "swordfish: loss = 0", "job": "swordfish", "met": True, "found": "of swordfish"}
    document = {"global": {"data": {"_key": "swordfish"}}, **output(job(result(run())))}
    document["batch"]["expectations"] = [account]

    assert "swordfish" not in str(report_of(document).judgments)


def test_a_hostile_label_is_a_label():
    """It is neither a pattern nor shown as it is."""
    document = output(job(result(trips(1)), label=f"a[{HOSTILE}"))
    expectations = read_expectations(["a*: loss = 0"], source="--expect")
    (judgment,) = report_of(document, expectations).judgments

    assert judgment.met
    assert len(judgment.job) <= 200
