"""Tests of continue-if (ADR 16)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Iterator, Mapping

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.output.document import result_text
from pscheduler_batch.transforms.continue_if import ContinueIf
from pscheduler_batch.transforms.script import ScriptError

SECRET = "correct horse"


def make_result(merged: Mapping[str, Any], task: Mapping[str, Any]) -> IterationResult:
    """Make the result of an iteration."""
    run = Run("https://ps/r", "finished", None, None, "https://ps/r/result", merged, {})
    return IterationResult(
        Iteration(0, 0, "a/0", timedelta(0), task), "https://ps/t", (RunResult(run, {"application/json": merged}),)
    )


def judge(script: str, *results: IterationResult, data: object = None) -> bool:
    """Ask a script."""
    job = {"task": {}, "continue-if": {"script": script}}
    batch = load_batch({"schema": 2, "global": {"data": data}, "jobs": [job]})

    async def ask() -> bool:
        continue_if = ContinueIf(batch.data)
        try:
            return await continue_if.judge(batch.jobs[0], [result_text(result) for result in results])
        finally:
            await continue_if.aclose()

    return asyncio.run(ask())


@pytest.mark.parametrize("answer", [True, False])
def test_it_answers_from_the_results(answer):
    """They are as they will be in the output."""
    script = '.[0].runs[0]."application/json".succeeded'

    assert judge(script, make_result({"succeeded": answer}, {})) is answer


def test_it_sees_failures():
    """An iteration that failed says so."""
    failed = IterationResult(
        Iteration(0, 0, "a/0", timedelta(0), {}), failure=Failure("refused", "posting", "https://ps")
    )

    assert judge("map(.succeeded != false) | all", failed) is False


def test_it_knows_the_global_data():
    """As every script does."""

    assert judge("$global.go", data={"go": True}) is True


def test_a_job_without_one_goes_on_without_a_process():
    """It is optional."""
    batch = load_batch({"jobs": [{"task": {}}]})

    assert asyncio.run(ContinueIf(None).judge(batch.jobs[0], [])) is True


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("null", "the script returned null, expected true or false"),
        ('"true"', 'the script returned "true", expected true or false'),
        ("1", "the script returned 1, expected true or false"),
        ("empty", "the script returned nothing; it must return exactly one value"),
        ("true, true", "the script returned more than one value; it must return exactly one value"),
        ('error("why")', "the script failed: why"),
    ],
)
def test_anything_but_true_or_false_is_an_error(script, said):
    """The batch ends with that message."""
    with pytest.raises(ScriptError) as caught:
        judge(script)

    assert str(caught.value) == said


def test_it_does_not_tell_secrets():
    """The results have the tasks in them."""
    with pytest.raises(ScriptError) as caught:
        judge(".", make_result({"succeeded": True}, {"_key": SECRET}))

    assert "correct" not in str(caught.value)


def test_results_that_memory_cannot_hold_are_no_bug():
    """The batch ends in good order then, with a message (ADR 16)."""
    batch = load_batch({"schema": 2, "jobs": [{"task": {}, "continue-if": {"script": "true"}}]})

    def results() -> Iterator[str]:
        yield "{}"
        raise MemoryError

    with pytest.raises(ScriptError, match="not enough memory for the results"):
        asyncio.run(ContinueIf(batch.data).judge(batch.jobs[0], results()))
