"""Batches that stop at a failure, with the real command (ADR 72)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import job, run_batch, task

FAILING = {"script": ".test.spec.data = $iteration | if $iteration == 1 then .test.spec.fail = 1.0 else . end"}
BATCH = {"jobs": [job("first", iterations=3, task=task(data=0), task_transform=FAILING), job("second")]}


def test_the_rest_is_skipped(there):
    """In the output and the summary; the exit status is that of a failed run."""
    ended = run_batch(*there, "--stop-on-failure", batch=BATCH, PSCHEDULER_BATCH_NO_SUMMARY="")

    assert ended.status == 3
    assert [[len(result["runs"]) for result in results] for results in ended.results] == [[1, 1, 0], [0]]
    assert "4 runs: 1 succeeded, 1 failed, 2 skipped" in ended.stderr
    assert "first/2, second/0: not submitted, because first/1 failed" in ended.stderr


def test_plans_say_that_the_batch_may_stop():
    """Only with the option."""
    note = "Nothing more is submitted after the first failure.\n"

    assert run_batch("--plan", "--stop-on-failure", batch=BATCH).stdout.endswith(f"\n\n{note}")
    assert note not in run_batch("--plan", batch=BATCH).stdout


def test_reports_and_events_tell_what_was_skipped_from_what_failed(there, tmp_path):
    """And reports have the seed of a random order, which is also that of the output."""
    files = [str(tmp_path / name) for name in ("r.html", "r.xml", "r.txt", "r.md", "r.prom")]
    reports = [part for name in files for part in ("--report", name)]
    events = tmp_path / "events"
    ended = run_batch(*there, "--stop-on-failure", "--shuffle", "--events", str(events), *reports, batch=BATCH)
    page, junit, text, markdown, metrics = (Path(name).read_text("utf-8") for name in files)

    seed = ended.document["batch"]["shuffle"]["seed"]
    count = sum(result.get("skipped", False) for results in ended.results for result in results)
    assert f"1 failed, {count} skipped; " in text
    assert all(f"random order (seed {seed})" in each for each in (text, markdown))
    assert f"## Batch: 1 of 4 runs failed, {count} skipped\n" in markdown
    assert f'<h1><span class="mark bad" aria-hidden="true">✗</span> 1 of 4 runs failed, {count} skipped</h1>' in page
    assert f"<dt>Random order</dt><dd>seed {seed}</dd>" in page
    assert f'failures="1" errors="0" skipped="{count}"' in junit
    assert f'<property name="shuffle-seed" value="{seed}" />' in junit
    assert f'pscheduler_batch_skipped_runs{{batch="r"}} {count}\n' in metrics
    assert f'pscheduler_batch_shuffle_seed{{batch="r"}} {seed}\n' in metrics
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert [each["skipped"] for each in told if each["event"] == "iteration-ended"].count(True) == count


def test_the_rest_is_run_when_the_batch_is_resumed_without_the_option(there, tmp_path):
    """With it, it stops again, and submits nothing."""
    journal = str(tmp_path / "journal")
    first = run_batch(*there, "--stop-on-failure", "--journal", journal, batch=BATCH)
    again = run_batch(*there, "--stop-on-failure", "--resume", journal, batch=BATCH)
    rest = run_batch(*there, "--resume", journal, batch=BATCH)

    assert (first.status, again.status, rest.status) == (3, 3, 3)
    assert again.results == first.results
    assert rest.results[0][:2] == first.results[0][:2]
    assert [[len(result["runs"]) for result in results] for results in rest.results] == [[1, 1, 1], [1]]


def test_what_was_skipped_can_be_run_without_a_journal(there, tmp_path):
    """As part of what has not been measured."""
    output = str(tmp_path / "output.json")
    run_batch(*there, "--stop-on-failure", "-o", output, batch=BATCH)
    rest = run_batch(*there, "--only-failed", output, batch=BATCH)

    assert [[result["iteration"] for result in results] for results in rest.results] == [[1, 2], [0]]
    assert [[len(result["runs"]) for result in results] for results in rest.results] == [[1, 1], [1]]


def test_a_limit_of_parallel_iterations_is_kept(pscheduler, there):
    """At no time are there more runs on the server; the warning is where others about the file are."""
    limited = {"jobs": [job("limited", iterations=5, parallel=True, task=task("idle", duration="PT0.1S"))]}
    before = set(pscheduler.state.tasks)
    ended = run_batch(*there, "-v", "--max-parallel", "2", batch=limited)

    assert ended.status == 0
    runs = [run for name, found in pscheduler.state.tasks.items() if name not in before for run in found.runs]
    assert len(runs) == 5
    events = [line for line in ended.stderr.splitlines() if "posting to" in line or ": fetching" in line]
    under_way = 0
    for line in events:
        under_way += 1 if "posting to" in line else -1
        assert 0 <= under_way <= 2, json.dumps(events)
    assert "warning: /jobs/0: its 5 iterations do not start together" in ended.stderr
