"""Match the runs of several outputs by their jobs and by the values that the jobs vary (ADR 56)."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Mapping, Tuple

from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.pointers import steps_of, value_at
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import show

# A label, and a number where several jobs of an output have it.
JobKey = Tuple[str, int]
# The most characters of a label and of a value in a name.
LONGEST_NAME = 60

_NOTHING = object()


class JobKeys:
    """The jobs of one output: of those with the same label, the first one is the first in every output."""

    def __init__(self) -> None:
        self._numbers: Dict[str, List[int]] = {}

    def of(self, row: Row) -> JobKey:
        """Return the job of a row; rows come in the order of the output."""
        known = self._numbers.setdefault(row.job_label, [])
        if row.job not in known:
            known.append(row.job)
        return row.job_label, known.index(row.job)


def varied_values_of(task: JSONObject, pointers: Iterable[str]) -> Iterator[Tuple[str, JSON]]:
    """Look up the values of a task that its job varies, by JSON pointer; those that it lacks are left out."""
    for where in pointers:
        value = value_at(task, steps_of(where), _NOTHING)
        if value is not _NOTHING:
            yield where, value


def name_with_values(label: str, varied: Mapping[str, JSON]) -> str:
    """
    Name the runs of a job that have the same values.

    >>> name_with_values("rtt", {"/test/spec/length": 512})
    'rtt, length=512'
    """
    ends = [where.rsplit("/", 1)[-1] for where in varied]
    names = (end if ends.count(end) == 1 else where for end, where in zip(ends, varied))
    values = (f"{name}={one_line(_shown(value), LONGEST_NAME)}" for name, value in zip(names, varied.values()))
    return ", ".join([one_line(label, LONGEST_NAME), *(one_line(value, 2 * LONGEST_NAME) for value in values)])


def _shown(value: JSON) -> str:
    return value if isinstance(value, str) else show(value)
