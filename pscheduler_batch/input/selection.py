"""
The part of a batch that is run: jobs chosen by their labels, or the iterations that failed before (ADR 70).

What is left out is treated as if it were not enabled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from pscheduler_batch.errors import InputError, OptionError, Problem
from pscheduler_batch.model import JSON, label_of
from pscheduler_batch.text import closest, count_words, list_names, show

_JOBS = "/jobs/"
_MOST_NAMED = 10


@dataclass(frozen=True)
class Earlier:
    """
    What an earlier output of the batch says.

    Attributes:
        source: The name of its file.
        labels: The labels of its jobs.
        failed: The numbers of the iterations that failed, by the number of the job.
    """

    source: str
    labels: Tuple[str, ...]
    failed: Mapping[int, FrozenSet[int]]


@dataclass(frozen=True)
class Selection:
    """
    Which jobs and iterations are run; all of them by default.

    Attributes:
        jobs: Patterns, as in a shell, of the jobs to run: of a label, or of a pointer such as ``/jobs/0``.
        skipped: Patterns of jobs to leave out.
        earlier: If given, only the iterations that failed in it are run.
    """

    jobs: Tuple[str, ...] = ()
    skipped: Tuple[str, ...] = ()
    earlier: Optional[Earlier] = None

    def __bool__(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.jobs or self.skipped or self.earlier is not None)

    def left_out(self, document: JSON) -> FrozenSet[int]:
        """
        Return the numbers of the jobs that are left out.

        Args:
            document: The batch, which may have errors.

        Raises:
            OptionError: A pattern matches no job that could be run, or every such job is left out by patterns.
            InputError: The earlier output is that of another batch.
        """
        labels = _labels_in(document)
        if labels is None or not self:
            return frozenset()
        enabled = [number for number, job in enumerate(document["jobs"]) if job.get("enabled", True) is not False]
        for source, given in (("--job", self.jobs), ("--skip-job", self.skipped)):
            problems = [_unmatched(each, labels, enabled) for each in enumerate(given, 1)]
            found = [problem for problem in problems if problem is not None]
            if found:
                raise OptionError(found, source=source, text="\n".join(given))
        wanted = {number for number in enabled if not self.jobs or _matches(number, labels[number], self.jobs)}
        chosen = {number for number in wanted if not _matches(number, labels[number], self.skipped)}
        if enabled and not chosen:
            raise OptionError([Problem("/", "this leaves out every job")], source="--skip-job")
        if self.earlier is not None:
            _require_same(self.earlier, labels)
            chosen &= self.earlier.failed.keys()
        return frozenset(enabled) - chosen

    def iterations_of(self, job: int) -> Optional[FrozenSet[int]]:
        """Return the numbers of the iterations of a job that are run; None for all."""
        return None if self.earlier is None else self.earlier.failed.get(job, frozenset())


def _labels_in(document: JSON) -> Optional[List[str]]:
    """Return the labels of the jobs of a batch; None if it has no usable jobs, which is an error of its own."""
    jobs: Any = document.get("jobs") if isinstance(document, Mapping) else None
    if not isinstance(jobs, list) or not all(isinstance(job, Mapping) for job in jobs):
        return None
    return [label_of(job, number) for number, job in enumerate(jobs)]


def _matches(number: int, label: str, patterns: Iterable[str]) -> bool:
    for pattern in patterns:
        name = f"{_JOBS}{number}" if pattern.startswith(_JOBS) else label
        if pattern in (name, label) or fnmatchcase(name, pattern):
            return True
    return False


def _unmatched(given: Tuple[int, str], labels: Sequence[str], enabled: Sequence[int]) -> Optional[Problem]:
    """Return the error of a pattern that matches no enabled job."""
    line, pattern = given
    if any(_matches(number, labels[number], [pattern]) for number in enabled):
        return None
    found = [labels[number] for number in range(len(labels)) if _matches(number, labels[number], [pattern])]
    if found:
        reason = f"only disabled jobs match {show(pattern)}: {_some(found)}"
    elif not labels:
        reason = "the batch has no jobs"
    else:
        meant = closest(pattern, labels)
        reason = f"no job matches {show(pattern)}" + (
            f"; did you mean {show(meant)}?" if meant else f"; the jobs are {_some(labels)}"
        )
    return Problem("/", reason, line, 1, end_column=1 + len(pattern))


def _some(labels: Sequence[str]) -> str:
    names = [show(label) for label in dict.fromkeys(labels)]
    more = len(names) - _MOST_NAMED
    return list_names(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMED])} and {more:,} more"


def _require_same(earlier: Earlier, labels: Sequence[str]) -> None:
    if len(earlier.labels) != len(labels):
        count = count_words(len(earlier.labels), "job")
        raise _other_batch(earlier, "/jobs", f"it has {count}, and the batch has {len(labels):,}")
    for number, (before, now) in enumerate(zip(earlier.labels, labels)):
        if before != now:
            reason = f"its label is {show(before)}, and that of the batch is {show(now)}"
            raise _other_batch(earlier, f"{_JOBS}{number}", reason)


def _other_batch(earlier: Earlier, where: str, reason: str) -> InputError:
    return InputError([Problem(where, f"this is the output of another batch: {reason}")], source=earlier.source)
