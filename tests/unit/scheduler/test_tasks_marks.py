from __future__ import annotations

import pytest

from pscheduler_batch.embedded.documents import contains
from pscheduler_batch.scheduler.tasks import MARK, mark_pattern, marked_task


@pytest.mark.parametrize("reference", [{}, {"mine": 1}, {MARK: "old"}])
def test_a_mark_stands_beside_what_is_the_users_own(reference):
    """And the task that was given stays as it was."""
    task = {"test": {}, "reference": reference}
    before = dict(reference)

    assert marked_task(task, "m1") == {"test": {}, "reference": {**before, MARK: "m1"}}
    assert task["reference"] == before


def test_a_task_without_a_reference_gets_one():
    """There is room for the mark."""

    assert marked_task({"test": {}}, "m1") == {"test": {}, "reference": {MARK: "m1"}}


@pytest.mark.parametrize("reference", ["mine", 7, None, ["mine"], True])
def test_a_reference_of_another_shape_is_left_alone(reference):
    """It is the user's own, and nothing can be added to it."""

    assert marked_task({"test": {}, "reference": reference}, "m1") is None


def test_the_pattern_finds_the_marked_task_and_no_other():
    """As a server looks for it (recording c40)."""
    marked = marked_task({"test": {}, "reference": {"mine": 1}}, "m1")

    assert contains(marked, mark_pattern("m1"))
    assert not contains(marked, mark_pattern("m2"))
    assert not contains({"test": {}}, mark_pattern("m1"))
