"""
Which transform made a task wrong, and what the task was before and after it.

A task may be incomplete until it has been transformed (ADR 8), so a transform is to blame for what is wrong since
it ran, and for what was wrong before only where it worked on that very part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Mapping, Sequence

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.input.validation import check_task
from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.pointers import steps_of
from pscheduler_batch.redaction import as_secret_pairs, find_secrets, redact, without_secrets
from pscheduler_batch.text import HIDDEN

# How much of a task is shown; what is larger is narrowed down to the part in question.
_SHOWN = 320

_NOTHING = object()


@dataclass(frozen=True)
class TaskHistory:
    """
    A task on its way through the transforms.

    Attributes:
        transforms: What it went through.
        values: The task as it was at first, then as it came out of each transform.
        given: The secrets that the transforms were given besides the task, as pairs that hold them.
    """

    transforms: Sequence[Transform]
    values: Sequence[JSON]
    given: JSON

    @cached_property
    def known(self) -> JSON:
        """The secrets that a transform may have put elsewhere, as pairs that hold them; tasks may be large."""
        return as_secret_pairs(find_secrets([*self.values, self.given]))


def blame(problem: Problem, course: TaskHistory) -> Problem:
    """
    Say which transform it was.

    Args:
        problem: What is wrong with what came out last; its place is a pointer into the task.
        course: What the task went through; at least one transform.

    Returns:
        The problem, with words on whose doing it is and what that transform changed. The first transform is to blame
        after which it was wrong and stayed so; if it was wrong from the beginning, the last one that changed that part.
    """
    first = len(course.values) - 1
    while first > 0 and _is_so(problem, course.values[first - 1]):
        first -= 1
    if first > 0:
        by = course.transforms[first - 1].where
        return _changed(problem, course, first, f"introduced by {by}")
    last = max((step for step in range(1, len(course.values)) if _differs(problem, course, step)), default=0)
    if last:
        by = course.transforms[last - 1].where
        return _changed(problem, course, last, f"already wrong in the input; {by} changed this value without fixing it")
    return _told(problem, course, "already wrong in the input; no transform changed it")


def _is_so(problem: Problem, value: JSON) -> bool:
    return any((other.where, other.reason) == (problem.where, problem.reason) for other in check_task(value))


def _differs(problem: Problem, course: TaskHistory, step: int) -> bool:
    steps = steps_of(problem.where)
    before, after = (_value_at(value, steps) for value in course.values[step - 1 : step + 1])
    return bool(before != after)


def _changed(problem: Problem, course: TaskHistory, step: int, words: str) -> Problem:
    before, after = course.values[step - 1], course.values[step]
    change = show_change(course.transforms[step - 1].where, before, after, near=problem.where, known=course.known)
    return replace(_told(problem, course, words), change=change)


def _told(problem: Problem, course: TaskHistory, words: str) -> Problem:
    known = course.known
    where = _pointer([redact(step, known) for step in steps_of(problem.where)])
    return replace(problem, where=where, reason=f"{redact(problem.reason, known)} ({words})")


def show_input(transform: str, went_in: JSON, *, known: JSON) -> Change:
    """
    Show the task that a transform was given and failed on.

    Args:
        transform: The JSON pointer of the transform.
        went_in: The task.
        known: What may hold secrets.
    """
    return Change(transform, "/", _shown(went_in, known))


def show_change(transform: str, before: JSON, after: JSON, *, near: str, known: JSON) -> Change:
    """
    Show a task before and after a transform; of a large one as much as can be shown around the place.

    Args:
        transform: The JSON pointer of the transform.
        before: What went in.
        after: What came out.
        near: The place, as a pointer into the task.
        known: What may hold secrets.
    """
    steps = steps_of(near)
    part, texts = "/", ("", "")
    for depth in range(len(steps) + 1):
        inner = [_value_at(value, steps[:depth]) for value in (before, after)]
        if depth and all(value is _NOTHING for value in inner):
            break
        part = _pointer(steps[:depth])
        shown = [_text_at(value, steps[:depth], known) for value in (before, after)]
        texts = (shown[0], shown[1])
        if max(map(len, texts)) <= _SHOWN:
            break
    part = _pointer([redact(step, known) for step in steps_of(part)])
    return Change(transform, part, *(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…" for text in texts))


def _pointer(steps: Sequence[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps) or "/"


def _text_at(task: JSON, steps: Sequence[str], known: JSON) -> str:
    value = _value_at(task, steps)
    if value is _NOTHING:
        return ""
    secret = any(step.startswith("_") for step in steps)
    return json.dumps(HIDDEN) if secret else _text(value, known)


def _shown(value: JSON, known: JSON) -> str:
    text = _text(value, known)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _text(value: JSON, known: JSON) -> str:
    """Write a value without secrets, whether they are where they belong or were put elsewhere."""
    try:
        return redact(json.dumps(without_secrets(value), ensure_ascii=False), known)
    except RecursionError:
        return "…"


def _value_at(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, (list, tuple)) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _NOTHING
    return value
