"""Running a batch for the command."""

from __future__ import annotations

import pytest

from pscheduler_batch.cli.modes.run import _show_bugs
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms

SECRET = "correct horse"


def test_the_traceback_of_a_bug_has_no_secrets_of_tasks(capsys):
    """Not even those that only a transform has put there; Python quotes what it stumbles over (ADR 18)."""
    script = f'.test.spec._key = "{SECRET}"'
    job = {"task": {"test": {"type": "idle", "spec": {}}}, "label": "a", "task-transform": {"script": script}}
    batch = load_batch({"jobs": [job]})
    with pytest.raises(KeyError) as raised:
        {}[SECRET]
    _show_bugs([raised.value], plan_batch(batch, Transforms(batch)))
    shown = capsys.readouterr().err

    assert shown.endswith("KeyError: '(hidden)'\n")
    assert "test_run.py" in shown
    assert SECRET not in shown


def test_a_bug_that_hits_many_iterations_is_shown_once(capsys):
    """Thousands of the same would hide everything else."""
    bugs = []
    for divisor in (0, 0, 0, None):
        with pytest.raises((ZeroDivisionError, TypeError)) as raised:
            _ = 1 / divisor
        bugs.append(raised.value)
    _show_bugs(bugs, plan_batch(load_batch({"jobs": []}), Transforms(load_batch({"jobs": []}))))
    shown = capsys.readouterr().err

    assert shown.count("Traceback") == 2
    assert shown.count("\nThis happened 3 times.\n") == 1
