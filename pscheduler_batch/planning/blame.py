"""
Find the transform that introduced an error into a task.

A task may be incomplete until it has been transformed (ADR 8), so a transform is to blame for errors that appear with
it, and for earlier ones only if it changed the part in question.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.input.validation import check_task
from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.planning.spec_warnings import find_spec_warnings
from pscheduler_batch.pointers import pointer, steps_of
from pscheduler_batch.redaction import Redactor, without_secrets
from pscheduler_batch.text import HIDDEN

# The most characters shown of a task; a larger one is narrowed down to the part in question.
_SHOWN = 320

_NOTHING = object()


@dataclass(frozen=True)
class TaskHistory:
    """
    A task before, between and after its transforms.

    Attributes:
        transforms: The transforms, in their order.
        values: The original task, then the output of each transform.
        redactor: Takes out all secrets that a transform may have copied elsewhere.
    """

    transforms: Sequence[Transform]
    values: Sequence[JSON]
    redactor: Redactor


def blame(problem: Problem, history: TaskHistory) -> Tuple[str, Optional[Change]]:
    """
    Name the transform that introduced an error.

    Args:
        problem: An error or warning about the last output; its pointer is relative to the task.
        history: The history of the task, with at least one transform.

    Returns:
        Words that name the transform, and its change. That is the first transform after which the error was there and
        stayed; if it was there from the start, the last one that changed the part in question.
    """
    first = len(history.values) - 1
    while first > 0 and _is_so(problem, history.values[first - 1]):
        first -= 1
    if first > 0:
        by = history.transforms[first - 1].where
        return f" (introduced by {by})", _change(problem, history, first)
    last = max((step for step in range(1, len(history.values)) if _differs(problem, history, step)), default=0)
    if last:
        by = history.transforms[last - 1].where
        words = f" (already wrong in the input; {by} changed this value without fixing it)"
        return words, _change(problem, history, last)
    return " (already wrong in the input; no transform changed it)", None


def _is_so(problem: Problem, value: JSON) -> bool:
    found = [*check_task(value), *find_spec_warnings(value)]
    return any((other.where, other.reason) == (problem.where, problem.reason) for other in found)


def _differs(problem: Problem, history: TaskHistory, step: int) -> bool:
    steps = steps_of(problem.where)
    before, after = (_value_at(value, steps) for value in history.values[step - 1 : step + 1])
    return bool(before != after)


def show_input(transform: str, went_in: JSON, redactor: Redactor) -> Change:
    """
    Show the task on which a transform failed.

    Args:
        transform: The JSON pointer of the transform.
        went_in: The task.
        redactor: Takes the secrets out of it.
    """
    return Change(transform, "/", _cut(_text(went_in, redactor)))


def _change(problem: Problem, history: TaskHistory, step: int) -> Change:
    """Show a task before and after a transform; of a large one, as much as fits around the place of the error."""
    before, after = history.values[step - 1 : step + 1]
    steps = steps_of(problem.where)
    part, texts = "/", ("", "")
    for depth in range(len(steps) + 1):
        inner = [_value_at(value, steps[:depth]) for value in (before, after)]
        if depth and all(value is _NOTHING for value in inner):
            break
        part = pointer(tuple(steps[:depth]))
        shown = [_text_at(value, steps[:depth], history.redactor) for value in (before, after)]
        texts = (shown[0], shown[1])
        if max(map(len, texts)) <= _SHOWN:
            break
    return Change(history.transforms[step - 1].where, part, *map(_cut, texts))


def _text_at(task: JSON, steps: Sequence[str], redactor: Redactor) -> str:
    value = _value_at(task, steps)
    if value is _NOTHING:
        return ""
    secret = any(step.startswith("_") for step in steps)
    return json.dumps(HIDDEN) if secret else _text(value, redactor)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _text(value: JSON, redactor: Redactor) -> str:
    """Write a value without secrets, whether they are where they belong or were put elsewhere."""
    try:
        return redactor.message(json.dumps(without_secrets(value), ensure_ascii=False))
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
