"""What a sweep varies: the values that differ between the tasks of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Collection, Dict, Iterable, Iterator, List, Set, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.pointers import Path, value_at
from pscheduler_batch.scheduler.tasks import MARK

# They differ in every iteration, and say nothing about the measurement.
_IGNORED = frozenset({("schedule", "start"), ("reference", MARK)})


class Variation:
    """
    What differs between tasks that are seen one after another: simple values that others lack or have differently.

    >>> variation = Variation()
    >>> for count in (1, 2):
    ...     variation.add({"test": {"spec": {"count": count, "dest": "x"}}})
    >>> variation.paths
    (('test', 'spec', 'count'),)
    """

    def __init__(self) -> None:
        """Start without tasks."""
        self._first: Dict[Path, JSON] = {}
        self._counts: Dict[Path, int] = {}
        self._differing: Set[Path] = set()
        self._tasks = 0

    def add(self, task: JSON) -> None:
        """Compare a task with those before."""
        self._tasks += 1
        for path, value in _leaves(task):
            known = self._first.setdefault(path, value)
            self._counts[path] = self._counts.get(path, 0) + 1
            if known != value or isinstance(known, bool) != isinstance(value, bool):
                self._differing.add(path)

    @property
    def paths(self) -> Tuple[Path, ...]:
        """The paths of the texts, numbers, truth values and nulls that differ, in order of appearance."""
        counts = self._counts.items()
        return tuple(path for path, count in counts if path in self._differing or count != self._tasks)


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
    variation = Variation()
    for task in tasks:
        variation.add(task)
    paths = variation.paths
    return [dict(values_at(task, paths)) for task in tasks]


def values_at(task: JSON, paths: Iterable[Path]) -> Iterator[Tuple[Path, JSON]]:
    """Yield the simple values that a task has at some paths."""
    for path in paths:
        value = value_at(task, path, {})
        if not isinstance(value, (Mapping, list, tuple)):
            yield path, value


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
