"""What differs between the tasks of a job's iterations: the thing that a sweep sweeps over."""

from __future__ import annotations

from typing import Collection, Dict, Iterator, List, Mapping, Set, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.pointers import Path, pointer
from pscheduler_batch.scheduler.tasks import MARK

# They differ in every iteration, and say nothing about the measurement.
_IGNORED = frozenset({"/schedule/start", f"/reference/{MARK}"})


def varied_values(tasks: Collection[JSON]) -> List[Dict[str, JSON]]:
    """
    Find what differs between tasks.

    >>> varied_values([{"test": {"spec": {"count": 1, "dest": "x"}}}, {"test": {"spec": {"count": 2, "dest": "x"}}}])
    [{'/test/spec/count': 1}, {'/test/spec/count': 2}]

    Args:
        tasks: The tasks of a job's iterations; gone through twice.

    Returns:
        For each task, by JSON pointer, the texts, numbers, truth values and nulls in it that are not the same, or not
        there, in all of them.
    """
    first: Dict[str, JSON] = {}
    counts: Dict[str, int] = {}
    differing: Set[str] = set()
    for task in tasks:
        for where, value in _leaves(task):
            known = first.setdefault(where, value)
            counts[where] = counts.get(where, 0) + 1
            if known != value or isinstance(known, bool) != isinstance(value, bool):
                differing.add(where)
    differing |= {where for where, count in counts.items() if count != len(tasks)}
    if not differing:
        return [{} for _ in tasks]
    return [{where: value for where, value in _leaves(task) if where in differing} for task in tasks]


def _leaves(task: JSON) -> Iterator[Tuple[str, JSON]]:
    """Go through the simple values of a task in their order, without the secrets among them."""
    stack: List[Tuple[Path, JSON]] = [((), task)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, Mapping):
            inside = [((*path, str(name)), inner) for name, inner in value.items() if not str(name).startswith("_")]
            stack.extend(reversed(inside))
        elif isinstance(value, (list, tuple)):
            stack.extend(reversed([((*path, number), inner) for number, inner in enumerate(value)]))
        elif path:
            where = pointer(path)
            if where not in _IGNORED:
                yield where, value
