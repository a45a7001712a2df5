"""
The differences between the tasks of a batch and those that are posted, for people to read.

They are listed by JSON pointer rather than as a diff of two texts: a sweep changes one number in each task, and one
line per place shows just that; iterations with the same changes share an entry; and lines can be searched for. Values
of names that begin with ``_`` are not shown (ADR 18).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from pscheduler_batch.model import JSON, Iteration, Job, JobPlan, JSONObject, Plan
from pscheduler_batch.planning.planner import DROPPED_FROM_SCHEDULE
from pscheduler_batch.pointers import Path, is_secret
from pscheduler_batch.text import HIDDEN, count_words, printable

# Up to this number of iterations, every change is listed.
MOST_ITERATIONS = 1000

# In a larger batch, only this number of different changes of a job are listed, and the last.
FIRST_GROUPS = 10

# The most characters of a value, a label or a pointer.
SHOWN = 200

DROPPED = "dropped: the batch decides when and how often its tasks run"
STARTED = "    + /schedule/start: (the synchronized start, computed when the job starts)"


class _Nothing:
    """The value of a place that does not exist."""


NOTHING = _Nothing()


@dataclass(frozen=True)
class ChangedPlace:
    """
    One place of a task that differs.

    Attributes:
        path: The place.
        before: Its value before; NOTHING if it did not exist.
        after: Its value afterwards; NOTHING if it does not exist.
    """

    path: Path
    before: JSON
    after: JSON

    @property
    def is_dropped(self) -> bool:
        """Whether it is a pair of the schedule that the batch replaces (ADR 11)."""
        in_schedule = len(self.path) == len(("schedule", "start")) and self.path[0] == "schedule"
        return in_schedule and self.path[1] in DROPPED_FROM_SCHEDULE and self.after is NOTHING


def changes(before: JSON, after: JSON) -> Tuple[ChangedPlace, ...]:
    """
    Compare two JSON values.

    Objects are compared by name, arrays by index. What was added or removed as a whole is one change. 1 and 1.0 are
    equal, as jq converts one into the other; 1 and true are not.

    >>> [(c.path, c.before, c.after) for c in changes({"a": 1, "b": [1, 2]}, {"a": 1.0, "b": [1, 3]})]
    [(('b', 1), 2, 3)]

    Returns:
        The changes in the order of the first value, additions last.
    """
    found: List[ChangedPlace] = []
    stack: List[Tuple[Path, JSON, JSON]] = [((), before, after)]
    while stack:
        path, old, new = stack.pop()
        if old is new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            names = [*old, *(name for name in new if name not in old)]
            stack += [((*path, name), old.get(name, NOTHING), new.get(name, NOTHING)) for name in reversed(names)]
        elif isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
            pairs = list(enumerate(zip_longest(old, new, fillvalue=NOTHING)))
            stack += [((*path, number), one, other) for number, (one, other) in reversed(pairs)]
        elif isinstance(old, bool) is not isinstance(new, bool) or old != new:
            found.append(ChangedPlace(path, old, new))
    return tuple(found)


def task_changes(before: JSONObject, after: JSONObject) -> Tuple[ChangedPlace, ...]:
    """
    Compare a task with what is posted.

    Every posted task has a schedule; an empty one is not a change.

    Args:
        before: The task in the input.
        after: The task in the plan.
    """
    if "schedule" not in before and not after.get("schedule"):
        after = {name: value for name, value in after.items() if name != "schedule"}
    return changes(before, after)


def difference_lines(plan: Plan) -> Iterator[str]:
    """
    List what is changed in the tasks of a batch before they are posted.

    Each enabled job lists the changes in all of its iterations, then those in some. ``+`` marks what was added, ``-``
    what was removed, ``~`` another value. In a batch of more than 1,000 iterations, long lists are cut in the middle,
    with the number of iterations left out. A synchronized start is listed, although it is computed only when the job
    starts (ADR 10).

    Args:
        plan: The plan of the batch.

    Returns:
        Lines without line ends; labels and tasks in them have been made printable.
    """
    cut = sum(len(job.iterations) for job in plan.jobs) > MOST_ITERATIONS
    for job_plan in plan.jobs:
        yield from (
            _job_lines(job_plan, cut=cut)
            if job_plan.job.enabled
            else [_heading(job_plan, "left out" if job_plan.job.left_out else "not enabled")]
        )


@dataclass(frozen=True)
class _Group:
    """Iterations with the same changes, by their numbers."""

    numbers: Tuple[int, ...]
    changes: Tuple[ChangedPlace, ...]


def _job_lines(plan: JobPlan, *, cut: bool) -> Iterator[str]:
    groups = _groups(plan)
    count = len(plan.iterations)
    common, rest = _split(groups)
    together = plan.job.sync_start and count > 0
    if not common and not rest and not together:
        yield _heading(plan, f"{count_words(count, 'iteration')}, nothing changed")
        return
    yield _heading(plan, count_words(count, "iteration"))
    if common or together:
        first = plan.by_number[0].number
        yield f"  iteration {first}:" if count == 1 else f"  all {count_words(count, 'iteration')}:"
        yield from _lines(plan, first, common)
        if together:
            yield STARTED
    shown = rest if not cut or len(rest) <= 2 * FIRST_GROUPS else (*rest[:FIRST_GROUPS], rest[-1])
    for group in shown:
        if len(shown) < len(rest) and group is shown[-1]:
            left_out = [number for hidden in rest[FIRST_GROUPS:-1] for number in hidden.numbers]
            yield f"  ... {count_words(len(left_out), 'iteration')} more, each with other changes ..."
        yield f"  {_numbers(group.numbers)}:"
        yield from _lines(plan, group.numbers[0], group.changes)


def _groups(plan: JobPlan) -> Tuple[_Group, ...]:
    """Group iterations with equal changes, in the order of the first of each."""
    numbers: Dict[str, List[int]] = {}
    found: Dict[str, Tuple[ChangedPlace, ...]] = {}
    known: Dict[Tuple[int, int], str] = {}
    for iteration in plan.by_number:
        before = _task_before(plan.job, iteration.number)
        # Without a transform, all iterations share one task object.
        pair = (id(before), id(iteration.task))
        if pair not in known:
            made = task_changes(before, iteration.task)
            known[pair] = json.dumps([[change.path, _key(change.before), _key(change.after)] for change in made])
            found.setdefault(known[pair], made)
        numbers.setdefault(known[pair], []).append(iteration.number)
    return tuple(_Group(tuple(numbers[key]), found[key]) for key in numbers)


def _key(value: JSON) -> List[JSON]:
    return [] if value is NOTHING else [value]


def _split(groups: Sequence[_Group]) -> Tuple[Tuple[ChangedPlace, ...], Tuple[_Group, ...]]:
    """Separate the changes in all iterations from the groups."""
    if len(groups) == 1:
        return groups[0].changes, ()
    counts: Dict[str, int] = {}
    for group in groups:
        for change in group.changes:
            counts[_name(change)] = counts.get(_name(change), 0) + 1
    everywhere = {name for name, count in counts.items() if count == len(groups)}
    common = tuple(change for change in groups[0].changes if _name(change) in everywhere) if groups else ()
    rest = (
        _Group(group.numbers, tuple(change for change in group.changes if _name(change) not in everywhere))
        for group in groups
    )
    return common, tuple(group for group in rest if group.changes)


def _name(change: ChangedPlace) -> str:
    return json.dumps([change.path, _key(change.before), _key(change.after)])


def _lines(plan: JobPlan, number: int, found: Sequence[ChangedPlace]) -> Iterator[str]:
    """
    Write the changes of an iteration, one per line.

    A secret that a transform has copied to an open place is hidden there as well.
    """
    iteration = next(each for each in plan.iterations if each.number == number)
    for change in found:
        yield _line(change, iteration)


def _line(change: ChangedPlace, iteration: Iteration) -> str:
    place = _clean(iteration.redactor.pointer(change.path))
    before, after = (_value(value, change.path, iteration) for value in (change.before, change.after))
    if change.is_dropped:
        return f"    - {place}: {before} ({DROPPED})"
    if change.before is NOTHING:
        return f"    + {place}: {after}"
    if change.after is NOTHING:
        return f"    - {place}: {before}"
    return f"    ~ {place}: {before} -> {after}"


def _value(value: JSON, path: Path, iteration: Iteration) -> str:
    """Write a value as JSON without secrets, shortened."""
    return HIDDEN if value is NOTHING or is_secret(path) else _clean(iteration.redactor.json_text(value))


def _clean(text: str) -> str:
    """Make a text printable and short, from which secrets were taken: a part of one would not be found."""
    return _shorten(printable(text), SHOWN)


def _task_before(job: Job, number: int) -> JSONObject:
    return job.tasks[number if job.task_is_array else 0]


def _heading(plan: JobPlan, words: str) -> str:
    return f"{_shorten(printable(plan.job.label), SHOWN)} ({plan.job.where}): {words}"


def _numbers(numbers: Sequence[int]) -> str:
    """
    Name iterations.

    >>> _numbers([3]), _numbers([0, 1, 2, 7])
    ('iteration 3', 'iterations 0 to 2, 7')
    """
    spans: List[List[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    words = [str(first) if first == last else f"{first} to {last}" for first, last in spans]
    most = words if len(words) <= 2 * FIRST_GROUPS else [*words[:FIRST_GROUPS], "...", words[-1]]
    return f"iteration{'s' if len(numbers) > 1 else ''} {', '.join(most)}"


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
