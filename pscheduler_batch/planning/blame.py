"""
Find the transform that introduced an error into a task.

A task may be incomplete until it has been transformed (ADR 8), so a transform is to blame for errors that appear with
it, and for earlier ones only if it changed the part in question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.input.validation import check_task
from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.planning.iteration_problems import Show
from pscheduler_batch.planning.spec_warnings import find_spec_warnings
from pscheduler_batch.pointers import pointer, steps_of, value_at

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
    """

    transforms: Sequence[Transform]
    values: Sequence[JSON]


def blame(problem: Problem, history: TaskHistory, show: Show) -> Tuple[str, Optional[Change]]:
    """
    Name the transform that introduced an error.

    Args:
        problem: An error or warning about the last output; its pointer is relative to the task.
        history: The history of the task, with at least one transform.
        show: Writes parts of the task.

    Returns:
        Words that name the transform, and its change. That is the first transform after which the error was there and
        stayed; if it was there from the start, the last one that changed the part in question.
    """
    first = len(history.values) - 1
    while first > 0 and _is_so(problem, history.values[first - 1]):
        first -= 1
    if first > 0:
        by = history.transforms[first - 1].where
        return f" (introduced by {by})", _change(problem, history, first, show)
    last = max((step for step in range(1, len(history.values)) if _differs(problem, history, step)), default=0)
    if last:
        by = history.transforms[last - 1].where
        words = f" (already wrong in the input; {by} changed this value without fixing it)"
        return words, _change(problem, history, last, show)
    return " (already wrong in the input; no transform changed it)", None


def _is_so(problem: Problem, value: JSON) -> bool:
    found = [*check_task(value), *find_spec_warnings(value)]
    return any((other.where, other.reason) == (problem.where, problem.reason) for other in found)


def _differs(problem: Problem, history: TaskHistory, step: int) -> bool:
    steps = steps_of(problem.where)
    before, after = (value_at(value, steps, _NOTHING) for value in history.values[step - 1 : step + 1])
    return bool(before != after)


def show_input(transform: str, went_in: JSON, show: Show) -> Change:
    """
    Show the task on which a transform failed.

    Args:
        transform: The JSON pointer of the transform.
        went_in: The task.
        show: Writes it.
    """
    return Change(transform, "/", _cut(show(went_in, ())))


def _change(problem: Problem, history: TaskHistory, step: int, show: Show) -> Change:
    """Show a task before and after a transform; of a large one, as much as fits around the place of the error."""
    before, after = history.values[step - 1 : step + 1]
    steps = steps_of(problem.where)
    part, texts = "/", ("", "")
    for depth in range(len(steps) + 1):
        path = tuple(steps[:depth])
        inner = [value_at(value, path, _NOTHING) for value in (before, after)]
        if depth and all(value is _NOTHING for value in inner):
            break
        part = pointer(path)
        shown = ["" if value is _NOTHING else show(value, path) for value in inner]
        texts = (shown[0], shown[1])
        if max(map(len, texts)) <= _SHOWN:
            break
    return Change(history.transforms[step - 1].where, part, *map(_cut, texts))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
