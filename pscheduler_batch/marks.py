"""
Marks, by which a task can be found again whose POST was not answered.

pScheduler has no way to make a POST that may be repeated: two make two tasks. But it lists the tasks that contain a
given JSON, and a task's ``reference`` is for anything of the user's own, so a mark in there says whether a lost POST
arrived.
"""

from __future__ import annotations

from typing import Mapping, Optional

from pscheduler_batch.model import JSON, JSONObject

# The name of the mark in the reference.
MARK = "pscheduler-batch"


def marked_task(task: JSONObject, mark: str) -> Optional[JSONObject]:
    """
    Put a mark into a task.

    Returns:
        A copy with the mark, or None where the reference is the user's own in another shape than an object.

    >>> marked_task({"test": {}, "reference": {"mine": 1}}, "m1")
    {'test': {}, 'reference': {'mine': 1, 'pscheduler-batch': 'm1'}}
    >>> marked_task({"test": {}, "reference": "mine"}, "m1") is None
    True
    """
    reference = task.get("reference", {})
    if not isinstance(reference, Mapping):
        return None
    return {**task, "reference": {**reference, MARK: mark}}


def mark_pattern(mark: str) -> JSON:
    """Say what a task with a mark contains, as the list of tasks is asked for it."""
    return {"reference": {MARK: mark}}
