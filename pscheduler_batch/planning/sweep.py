"""What a sweep varies: the values that differ between the tasks of a job."""

from __future__ import annotations

from typing import Collection, Dict, Iterator, List, Mapping, Set, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.pointers import Path
from pscheduler_batch.scheduler.tasks import MARK

# They differ in every iteration, and say nothing about the measurement.
_IGNORED = frozenset({("schedule", "start"), ("reference", MARK)})


def varied_values(tasks: Collection[JSON]) -> List[Dict[Path, JSON]]:
    """
    Find what differs between tasks.

    >>> varied_values([{"test": {"spec": {"count": 1, "dest": "x"}}}, {"test": {"spec": {"count": 2, "dest": "x"}}}])
    [{('test', 'spec', 'count'): 1}, {('test', 'spec', 'count'): 2}]

    Args:
        tasks: The tasks of a job's iterations; they are iterated over twice.

    Returns:
        For each task, by path, the texts, numbers, truth values and nulls in it that other tasks lack or have with
        another value. Secrets are among them.
    """
    first: Dict[Path, JSON] = {}
    counts: Dict[Path, int] = {}
    differing: Set[Path] = set()
    for task in tasks:
        for path, value in _leaves(task):
            known = first.setdefault(path, value)
            counts[path] = counts.get(path, 0) + 1
            if known != value or isinstance(known, bool) != isinstance(value, bool):
                differing.add(path)
    differing |= {path for path, count in counts.items() if count != len(tasks)}
    if not differing:
        return [{} for _ in tasks]
    return [{path: value for path, value in _leaves(task) if path in differing} for task in tasks]


def _leaves(task: JSON) -> Iterator[Tuple[Path, JSON]]:
    """Iterate over the simple values of a task in their order."""
    stack: List[Tuple[Path, JSON]] = [((), task)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, Mapping):
            stack += [((*path, name), value[name]) for name in reversed(value)]
        elif isinstance(value, (list, tuple)):
            stack += [((*path, number), value[number]) for number in reversed(range(len(value)))]
        elif path and path not in _IGNORED:
            yield path, value
