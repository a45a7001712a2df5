"""Tests of the report for Prometheus, which its own client library reads back."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.prometheus_report import PrometheusReport
from tests.support.load_documents import load, pings
from tests.support.output_documents import (
    HOSTILE,
    broken,
    failed_run,
    job,
    judged,
    kept,
    output,
    result,
    run,
    several,
    shuffled,
    skipped,
)

ROOT = Path(__file__).parents[3]
NOON = 1772366400


def text_of(document, file=""):
    """Write the report on a document."""
    return "".join(PrometheusReport().render(replace(report_of(document), file=file)))


def samples_of(document, file=""):
    """
    Read the report on a document back: a dictionary of labels and value for each sample, by name.

    Both of the formats that the file has must give the same, and no two samples the same labels.
    """
    text = text_of(document, file)
    strict, usual = ([*read(text)] for read in (read_openmetrics, parser.text_string_to_metric_families))
    samples = [sample for family in usual for sample in family.samples]
    keys = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples]

    assert samples == [sample for family in strict for sample in family.samples]
    assert {family.type for family in (*strict, *usual)} == {"gauge"}
    assert len(set(keys)) == len(keys)
    found = {}
    for sample in samples:
        found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_gauge_for_each_metric():
    """With a sample for each run that has it, in base units; and what each batch says of itself."""
    document = output(job(result(run()), result(failed_run())), job(result(error="no"), label="b"), job(label="c"))
    samples = samples_of(document, "/var/lib/node_exporter/hourly.prom")
    batch = {"batch": "hourly"}
    first = {**batch, "label": "rtt", "iteration": "0", "test": "rtt"}
    path = {"lead": "ps.example.net", "destination": "192.0.2.1"}
    second, third = {**first, "iteration": "1"}, {**first, "label": "b", "destination": "192.0.2.1"}

    assert samples == {
        "pscheduler_batch_runs": [(batch, 3)],
        "pscheduler_batch_failed_runs": [(batch, 2)],
        "pscheduler_batch_skipped_runs": [(batch, 0)],
        "pscheduler_batch_jobs_not_run": [(batch, 1)],
        "pscheduler_batch_ended_early": [(batch, 0)],
        "pscheduler_batch_start_timestamp_seconds": [(batch, NOON)],
        "pscheduler_batch_end_timestamp_seconds": [(batch, NOON + 185)],
        "pscheduler_batch_run_succeeded": [({**first, **path}, 1), ({**second, **path}, 0), (third, 0)],
        "pscheduler_batch_run_end_timestamp_seconds": [
            ({**first, **path}, NOON + 185),
            ({**second, **path}, NOON + 185),
        ],
        "pscheduler_batch_run_duration_seconds": [({**first, **path}, 185), ({**second, **path}, 185)],
        "pscheduler_batch_rtt_min_seconds": [({**first, **path}, 0.0003)],
        "pscheduler_batch_rtt_mean_seconds": [({**first, **path}, 0.0004)],
        "pscheduler_batch_rtt_max_seconds": [({**first, **path}, 0.0005)],
        "pscheduler_batch_sent": [({**first, **path}, 4)],
        "pscheduler_batch_lost": [({**first, **path}, 1)],
        "pscheduler_batch_loss_ratio": [({**first, **path}, 0.25)],
    }


def test_every_metric_has_a_name_that_prometheus_takes():
    """With its meaning and its unit, which the name ends with; no two are the same."""
    report = report_of(output(job(result(run()))))
    (row,) = report.rows
    report = replace(report, rows=(replace(row, metrics=dict.fromkeys(METRICS, 0.5)),))
    families = list(read_openmetrics("".join(PrometheusReport().render(report))))
    meanings = [metric.meaning for metric in METRICS.values()]

    assert [family.documentation for family in families[-len(METRICS) :]] == meanings
    assert len({family.name for family in families}) == len(families)
    assert {family.unit for family in families} == {"", "seconds", "ratio", "bytes", "bits_per_second"}
    assert [family.name for family in families if not family.name.endswith(family.unit)] == []
    assert {re.fullmatch(r"pscheduler_batch_[a-z0-9_]+", family.name) is not None for family in families} == {True}


def test_what_was_skipped_has_not_failed():
    """An alert about failed runs is not about it; the seed is exact."""
    samples = samples_of(shuffled(output(job(result(failed_run()), skipped(), skipped())), 10**15 - 1))

    assert {value for _, value in samples["pscheduler_batch_run_succeeded"]} == {0}
    assert len(samples["pscheduler_batch_run_succeeded"]) == 1
    assert samples["pscheduler_batch_failed_runs"][0][1] == 1
    assert samples["pscheduler_batch_skipped_runs"][0][1] == 2
    assert samples["pscheduler_batch_shuffle_seed"][0][1] == 999_999_999_999_999


def test_documents_name_only_what_is_written():
    """In queries and alerts; a name that does not exist would be no error there."""
    report = report_of(shuffled(judged(kept())))
    (row,) = report.rows
    (of_job,) = report.jobs
    everything = dict.fromkeys(METRICS, 0.5)
    report = replace(report, rows=(replace(row, metrics=everything),), jobs=(replace(of_job, metrics=everything),))
    text = "".join(PrometheusReport().render(report))
    pages = [ROOT / "docs" / "integrations.md", ROOT / "man" / "pscheduler-batch-report.1"]
    named = {name for page in pages for name in re.findall(r"\bpscheduler_batch_[a-z0-9_]+", page.read_text("utf-8"))}

    assert len(named) > 10
    assert [name for name in named if f"# TYPE {name} gauge\n" not in text] == []


def test_runs_are_told_apart():
    """Jobs with the same label by their number, and several results of an iteration by that of the run."""
    document = output(job(result(run()), label="a"), job(result(run()), label="a"), job(several(10, 20), label="b"))
    labels = [labels for labels, _ in samples_of(document)["pscheduler_batch_run_succeeded"]]

    assert [(each["label"], each.get("job_number"), each.get("run")) for each in labels] == [
        ("a", "0", None),
        ("a", "1", None),
        ("b", None, "0"),
        ("b", None, "1"),
    ]


def test_labels_that_differ_only_where_they_are_cut_are_told_apart():
    """Two samples with the same labels would cost the collector all of its metrics."""
    document = output(*(job(result(run()), label="\x1b" * 150 + end) for end in "ab"))

    assert len(samples_of(document)["pscheduler_batch_run_succeeded"]) == 2


def test_there_are_no_timestamps_and_the_end_is_marked():
    """The textfile collector refuses a file with timestamps."""
    lines = text_of(output(job(result(run())))).splitlines()

    assert lines[-1] == "# EOF"
    assert all(re.fullmatch(r"#.*|\S+ \S+", re.sub(r"\{.*\}", "", line)) for line in lines)


@pytest.mark.parametrize("label", [HOSTILE, 'a"} 1\nb{x="', "\\", '\\"', "\\n", "}", " ", "é\u2028"])
def test_hostile_text_stays_in_its_label(label):
    """Both readers find as many samples as without it."""
    plain, hostile = (
        samples_of(output(job(result(run(kind=given), dest=given), result(failed_run(given)), label=given)))
        for given in ("x", label)
    )

    assert {name: [value for _, value in found] for name, found in hostile.items()} == {
        name: [value for _, value in found] for name, found in plain.items()
    }


def test_a_label_is_read_back_as_it_was():
    """Quotes and backslashes are escaped once."""
    (found,) = samples_of(output(job(result(run()), label='a "b" \\n c')))["pscheduler_batch_run_succeeded"]

    assert found[0]["label"] == 'a "b" \\n c'


def test_the_end_of_a_batch_that_does_not_say_it_is_that_of_its_last_run():
    """As in outputs of the processor that perfSONAR ships; an alert on old results needs it."""
    document = {"jobs": [job(result(run(end_time="2026-03-01T13:00:00+01:00")), result(run()))]}
    samples = samples_of(document)

    assert samples["pscheduler_batch_end_timestamp_seconds"] == [({}, NOON + 185)]
    assert "pscheduler_batch_start_timestamp_seconds" not in samples


def test_an_early_end_is_a_value():
    """A batch that failed before its first run has that to say."""
    samples = samples_of(output(batch={"error": "no"}))

    assert samples["pscheduler_batch_ended_early"] == [({}, 1)]
    assert samples["pscheduler_batch_runs"] == [({}, 0)]


def test_neither_locale_nor_time_zone_changes_a_number(monkeypatch):
    """The same bytes, wherever they are made."""
    document = output(job(result(run())))
    before = text_of(document)
    monkeypatch.setitem(os.environ, "TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert text_of(document) == before
    finally:
        monkeypatch.undo()
        time.tzset()


def test_latency_under_load_has_gauges_of_jobs():
    """Beside those of runs, as a run may have only a part of the packets."""
    path = ("a.example.net", "b.example.net")
    jobs = [
        job(
            pings(0.5, 2.6, *path, milliseconds=[1, 1, 1]),
            pings(13.5, 15.6, *path, milliseconds=[21, 21, 21]),
            load(10.5, 20.6, *path),
            label=label,
        )
        for label in ("a", "b", "b")
    ]
    found = samples_of(output(*jobs))

    assert found["pscheduler_batch_job_rtt_increase_seconds"] == [
        ({"label": "a", "test": "rtt"}, 0.02),
        ({"label": "b", "test": "rtt", "job_number": "1"}, 0.02),
        ({"label": "b", "test": "rtt", "job_number": "2"}, 0.02),
    ]
    assert "pscheduler_batch_rtt_increase_seconds" not in found
    assert len(found["pscheduler_batch_rtt_loaded_median_seconds"]) == 3


def test_expectations_have_a_gauge():
    """Jobs of the same label have one sample, which says whether all of them met it."""
    hostile = kept(f'{HOSTILE}"\\', job=HOSTILE)
    samples = samples_of(judged(kept(), broken(), kept("loss < 30 %"), hostile))
    (first, second, _) = samples["pscheduler_batch_expectation_met"]

    assert first == ({"label": "rtt", "expectation": "rtt: loss = 0"}, 0)
    assert second == ({"label": "rtt", "expectation": "loss < 30 %"}, 1)
