"""Tests of the values that the steps pass to each other, and of the public names."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

import pscheduler_batch
from pscheduler_batch.model import DEFAULT_SETUP_TIME, Iteration, IterationResult, Run, RunResult


def make_run(merged: object) -> Run:
    """Make a run with a merged result."""
    return Run("https://ps/r", "finished", None, None, "https://ps/r/result", merged, {})


@pytest.mark.parametrize(
    ("merged", "succeeded"),
    [
        ({"succeeded": True}, True),
        ({"succeeded": False}, False),
        ({"succeeded": "true"}, False),
        ({"succeeded": 1}, False),
        ({}, False),
        (None, False),
        ([True], False),
    ],
)
def test_a_run_succeeded_if_its_result_says_so(merged, succeeded):
    """Only true is a success."""

    assert RunResult(make_run(merged), {}).succeeded is succeeded


def test_values_cannot_be_changed():
    """They are shared between the steps."""
    result = IterationResult(Iteration(0, 0, "a/0", timedelta(0), {}))

    with pytest.raises(FrozenInstanceError):
        result.task_href = "https://ps/t"  # type: ignore[misc]


def test_a_run_is_given_fifteen_seconds_to_set_up():
    """The document says PT15S."""

    assert timedelta(seconds=15) == DEFAULT_SETUP_TIME


@pytest.mark.parametrize("name", pscheduler_batch.__all__)
def test_every_public_name_is_there(name):
    """Each is loaded when it is first used."""

    assert getattr(pscheduler_batch, name).__name__ == name


def test_other_names_are_not_there():
    """With Python's own message."""

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pscheduler_batch.nothing


def test_importing_the_package_loads_nothing_else():
    """A command that only prints its help must be fast."""
    code = "import sys, pscheduler_batch; print([n for n in sys.modules if n in ('jq', 'httpx', 'jsonschema_rs')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
