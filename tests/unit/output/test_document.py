"""Tests of the output document (ADR 14 and 15); the runs are those of the recordings."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Iterator, List, Optional

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.output.document import (
    PIECE_SIZE,
    document_pieces,
    error_of,
    pieces_of,
    render_batch_pair,
    render_document,
    render_plan,
    render_result,
    render_run,
    result_text,
)
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import NOON

TASK = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}
GOOD = {"application/json": {"succeeded": True}, "text/plain": "Slept.", "text/html": "<p>Slept.</p>"}
DESCRIBED = {
    "href": "https://ps/t/runs/1",
    "state": "finished",
    "start-time": "2026-03-01T12:00:00+00:00",
    "end-time": "2026-03-01T12:00:02+00:00",
    "participants": ["ps", "127.0.0.2"],
}
GOOD_RENDERED = {**GOOD, "run": DESCRIBED}
LIMITS = "Run forbidden by limits:\nHints:\n  requester: 127.0.0.1\nProposal does not meet limits"


def make_run(state: str = "finished", merged: Any = None, formats: Any = None, **pairs: Any) -> RunResult:
    """Make a run as servers describe it; all keys are always there, null until known."""
    unknown = {"errors": None, "result": None, "result-full": None, "result-merged": merged}
    document = {**DESCRIBED, "state": state, **unknown, **pairs}
    run = Run("https://ps/t/runs/1", state, NOON, NOON, "https://ps/t/runs/1/result", merged, document)
    return RunResult(run, ({} if merged is None else {"application/json": merged}) if formats is None else formats)


def make_result(*runs: RunResult, failure: Optional[str] = None, **pairs: Any) -> IterationResult:
    """Make what became of an iteration."""
    iteration = Iteration(0, 0, "a/0", timedelta(0), {**TASK, **pairs.pop("task", {})})
    failed = None if failure is None else Failure(failure, "posting the task", "https://ps")
    return IterationResult(iteration, "https://ps/t", runs, failed, **pairs)


GOOD_RUN = make_run("finished", {"succeeded": True}, GOOD)
# f-nonstart, f-missed, f-noopfail and f-dnsfail.
NONSTART = make_run("nonstart", errors=LIMITS, **{"limit-diags": "Proposal does not meet limits"})
MISSED = make_run("missed", **{"limit-diags": "Proposal meets limits"})
PARTICIPANT = {"diags": "Random 0.9 on 1.0", "error": "Randomly-induced failure", "result": None, "succeeded": False}
NOOPFAIL = make_run("failed", {"succeeded": False}, result=PARTICIPANT, **{"result-full": [PARTICIPANT]})
TIMEOUT = {"diags": "", "error": "Timeout", "result": {"succeeded": False}, "succeeded": False}
DNSFAIL = make_run(
    "failed",
    {"time": "PT5S", "succeeded": False},
    errors="run:60: DeprecationWarning\n",
    result=TIMEOUT,
    **{"result-full": [TIMEOUT]},
)


def test_a_result_that_went_well_has_task_and_runs_only():
    """In three formats."""

    assert render_result(make_result(GOOD_RUN)) == {"task": TASK, "runs": [GOOD_RENDERED]}


@pytest.mark.parametrize(
    ("run", "error"),
    [
        (NONSTART, LIMITS),
        (NOOPFAIL, "Randomly-induced failure"),
        (DNSFAIL, "run:60: DeprecationWarning; Timeout"),
        (MISSED, 'the run ended as "missed", and the server gave no reason'),
        (make_run("failed", {"succeeded": False, "error": "No route"}), "No route"),
        (make_run("failed", {"succeeded": False}, **{"result-full": [None, {"diags": "odd\n"}]}), "odd"),
        (make_run("finished", {"time": 1}), 'the run ended as "finished", and the server gave no reason'),
    ],
)
def test_a_failed_run_has_a_reason(run, error):
    """Looked for in errors, result.error, result-full[].error and the diags (ADR 15)."""
    rendered = render_result(make_result(run))

    assert (rendered["succeeded"], rendered["error"]) == (False, error)


def test_what_went_well_has_no_reason():
    """Diags and warnings of a good run are no error (m-thr)."""
    run = make_run("finished", {"succeeded": True}, GOOD, errors="warning", result={"diags": "iperf3 …"})

    assert error_of(make_result(run)) is None


@pytest.mark.parametrize(("run", "error"), [(NONSTART, LIMITS), (MISSED, None)])
def test_a_run_without_a_result_has_its_state_and_the_reason(run, error):
    """As application/json; the other formats are there, and null (ADR 14)."""
    rendered = render_run(run, make_result(run))

    assert rendered == {
        "application/json": {
            "succeeded": False,
            "state": run.run.state,
            "error": error or 'the run ended as "missed", and the server gave no reason',
        },
        "text/plain": None,
        "text/html": None,
        "run": {**DESCRIBED, "state": run.run.state},
    }


def test_where_and_when_a_run_was_is_told_as_far_as_the_server_says_it():
    """In the server's own words; what it leaves out or says to be null is left out."""
    run = make_run("finished", {"succeeded": True}, GOOD, **{"start-time": None, "end-time": "soon", "odd": 1})
    described = render_run(run, make_result(run))["run"]

    assert described == {**{name: DESCRIBED[name] for name in ("href", "state", "participants")}, "end-time": "soon"}


def test_a_result_that_says_it_failed_stays_as_the_server_gave_it():
    """It is a result all the same."""

    assert render_run(DNSFAIL, make_result(DNSFAIL))["application/json"] == {"time": "PT5S", "succeeded": False}


MEASURED = {"diags": "", "error": "", "result": {"time-slept": "PT3S"}, "succeeded": True}


@pytest.mark.parametrize("merged", [None, {"succeeded": False, "error": "no time"}, "nonsense"])
def test_a_failed_run_keeps_what_its_participants_measured(merged):
    """All of it, if one of them succeeded [o11]."""
    run = make_run("failed", merged, **{"result-full": [PARTICIPANT, MEASURED, None]})
    rendered = render_result(make_result(run))

    assert rendered["runs"][0]["result-full"] == [PARTICIPANT, MEASURED, None]
    assert rendered["error"].endswith("; the results of the participants are kept as result-full")


@pytest.mark.parametrize(
    ("merged", "full"),
    [
        ({"succeeded": True}, [MEASURED]),
        ({"succeeded": False}, [PARTICIPANT, None, "x"]),
        ({"succeeded": False}, []),
        ({"succeeded": False}, MEASURED),
        ({"succeeded": False}, None),
    ],
)
def test_other_runs_have_no_results_of_participants(merged, full):
    """One that succeeded has them in its result, and where none succeeded the error says all."""
    rendered = render_result(make_result(make_run("finished", merged, **{"result-full": full})))

    assert "result-full" not in rendered["runs"][0]
    assert "result-full" not in rendered.get("error", "")


def test_a_format_that_could_not_be_had_is_null_and_says_why():
    """One format failing says nothing about the others (m-thr: no HTML)."""
    formats = {name: value for name, value in GOOD.items() if name != "text/html"}
    failures = {"text/html": Failure("Unsupported format text/html", "fetching", "https://ps")}
    rendered = render_result(make_result(RunResult(GOOD_RUN.run, formats, failures)))

    errors = {"text/html": "Unsupported format text/html"}
    assert rendered["runs"] == [{**formats, "text/html": None, "errors": errors, "run": DESCRIBED}]
    assert "succeeded" not in rendered


def test_an_iteration_that_was_never_posted_has_no_runs():
    """Task and runs are always there."""
    rendered = render_result(make_result(failure="posting the task: refused"))

    assert rendered == {"task": TASK, "runs": [], "succeeded": False, "error": "posting the task: refused"}


def test_an_iteration_without_runs_or_failure_is_no_success():
    """Nothing was measured."""

    assert error_of(make_result()) == "there was no run"


def test_a_run_that_never_ended_says_why_its_result_is_missing():
    """What was obtained is kept beside the failure."""
    rendered = render_result(make_result(make_run("running"), failure="waiting for the result: no answer"))

    assert rendered["error"] == "waiting for the result: no answer"
    assert rendered["runs"][0]["application/json"] == {
        "succeeded": False,
        "state": "running",
        "error": "waiting for the result: no answer",
    }


def test_a_failure_does_not_cost_the_runs_that_went_well():
    """Nothing that was obtained is dropped (ADR 14)."""
    rendered = render_result(make_result(GOOD_RUN, GOOD_RUN, failure="the test ended early"))

    assert rendered["runs"] == [GOOD_RENDERED, GOOD_RENDERED]
    assert (rendered["succeeded"], rendered["error"]) == (False, "the test ended early")


def test_several_results_stay_in_their_order():
    """As the submitter gives them, in order of time (ADR 15, h10)."""
    runs = [make_run("finished", {"succeeded": True, "number": number}) for number in range(7)]
    rendered = render_result(make_result(*runs))["runs"]

    assert [run["application/json"]["number"] for run in rendered] == list(range(7))


def test_the_lead_run_alone_is_a_failure():
    """Of a task whose several results never came (h10-run00)."""
    rendered = render_result(make_result(make_run("finished")))

    assert rendered["succeeded"] is False
    assert rendered["runs"][0]["application/json"]["state"] == "finished"


def test_equal_reasons_are_told_once():
    """Of several runs that failed alike."""

    assert error_of(make_result(NOOPFAIL, NOOPFAIL, DNSFAIL)) == (
        "Randomly-induced failure; run:60: DeprecationWarning; Timeout"
    )


def test_the_reason_does_not_tell_the_secrets_of_the_task():
    """Servers quote tasks that they refuse (c14)."""
    result = make_result(failure='bad task {"_key": "abc-secret"}', task={"_key": "abc-secret"})

    assert error_of(result) == 'bad task {"_key": "(hidden)"}'


def test_a_task_that_came_too_late_says_by_how_much():
    """After its synchronized start (ADR 10)."""
    rendered = render_result(make_result(GOOD_RUN, late=timedelta(seconds=62.5)))

    assert rendered["late"] == "PT1M2.5S"
    assert "succeeded" not in rendered


ACCOUNT = render_batch_pair(NOON, NOON)
BATCH = {
    "schema": 2,
    "#": "a comment",
    "global": {"data": [1]},
    "jobs": [{"label": "a", "task": TASK}, {"enabled": False, "task": {}}, {"task": TASK, "#off": 1}],
}


def render(**pairs: Any) -> Any:
    """Render the document of a batch whose first job was run."""
    account = render_batch_pair(NOON, NOON + timedelta(seconds=90.1234567), **pairs)
    return render_document(load_batch(BATCH), {0: [result_text(make_result(GOOD_RUN))]}, account)


def test_the_document_is_the_input_with_results():
    """Comments are gone; disabled jobs and jobs never reached have none (ADR 14)."""

    assert render() == {
        "schema": 2,
        "global": {"data": [1]},
        "jobs": [
            {"label": "a", "task": TASK, "results": [{"task": TASK, "runs": [GOOD_RENDERED]}]},
            {"enabled": False, "task": {}, "results": []},
            {"task": TASK, "results": []},
        ],
        "batch": {
            "start": "2026-03-01T12:00:00+00:00",
            "end": "2026-03-01T12:01:30.123457+00:00",
            "duration": "PT1M30.123S",
        },
    }


def test_the_batch_pair_stands_at_the_end():
    """And results last in each job."""

    assert list(render())[-1] == "batch"
    assert [list(job)[-1] for job in render()["jobs"]] == ["results"] * 3


def test_the_document_says_why_it_ended():
    """Where it did so before its time."""

    assert render(error="At /jobs/0/continue-if: no")["batch"]["error"] == "At /jobs/0/continue-if: no"


def test_the_document_is_the_callers_to_change():
    """The batch stays as it was."""
    batch = load_batch(BATCH)
    document = render_document(batch, {}, ACCOUNT)
    document["jobs"][0]["task"]["test"]["type"] = "changed"
    document["global"]["data"].append(2)

    assert render_document(batch, {}, ACCOUNT)["jobs"][0]["task"] == TASK
    assert batch.document["global"] == {"data": [1]}


def test_a_plan_is_a_document_without_runs():
    """Each iteration has the task that would be posted."""
    batch = load_batch({"jobs": [{"task": TASK, "iterations": 2}, {"enabled": False, "task": TASK}]})
    document = render_plan(batch, plan_batch(batch, Transforms(batch)))

    assert [job["results"] for job in document["jobs"]] == [[{"task": TASK, "runs": []}] * 2, []]
    assert "batch" not in document


def test_the_document_can_be_written():
    """It is plain JSON."""

    assert json.loads(json.dumps(render())) == render()


@pytest.mark.parametrize(
    ("batch", "results"),
    [
        (BATCH, {0: ["[]", '{\n  "text": "a\\nb"\n}'], 2: []}),
        (BATCH, {2: [result_text(make_result(GOOD_RUN))]}),
        ({"jobs": []}, {}),
        ({"schema": 3, "global": {"data": {"é": [{}, [], 2**70, 1e-7, "😀\n"]}}, "jobs": [{"task": {}}]}, {}),
    ],
)
def test_the_pieces_of_a_document_are_its_text(batch, results):
    """To the byte; so it does not matter whether all of it was in memory."""
    loaded = load_batch(batch)
    document = render_document(loaded, results, ACCOUNT)

    assert "".join(document_pieces(loaded, results, ACCOUNT)) == json.dumps(document, indent=2) + "\n"
    assert "".join(pieces_of(document)) == json.dumps(document, indent=2) + "\n"


def test_results_are_read_one_by_one():
    """They may be too large to be in memory together."""
    read: List[int] = []

    def texts() -> Iterator[str]:
        for number in (97, 98, 99):
            read.append(number)
            yield str(number) * PIECE_SIZE

    pieces = document_pieces(load_batch(BATCH), {0: texts()}, ACCOUNT)
    before = [len(read) for piece in pieces if len(piece) > PIECE_SIZE]

    assert before == [1, 2, 3]


def test_the_lead_run_of_several_results_is_beside_them():
    """With what the server said of its place and time, and nothing that it did not say."""
    lead_run = make_run("canceled", **{"end-time": None}).run
    rendered = render_result(make_result(GOOD_RUN, GOOD_RUN, lead_run=lead_run))

    assert list(rendered) == ["task", "runs", "lead-run"]
    assert rendered["lead-run"] == {
        "href": "https://ps/t/runs/1",
        "state": "canceled",
        "start-time": "2026-03-01T12:00:00+00:00",
    }
