"""The result of a check, and its rendering for people, for editors, and in a line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, Optional, Tuple

from pscheduler_batch.errors import ERROR, WARNING, Problem
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.locations import in_order, locate_problems
from pscheduler_batch.model import Batch
from pscheduler_batch.planning.server_problems import DistinctTest


@dataclass(frozen=True)
class CheckResult:
    """
    What is known of a batch after checking it.

    Attributes:
        source: What messages call the file.
        text: The text of the input; None where it is none.
        batch: The batch, without the jobs that are wrong; None where all of it is.
        iterations: How many iterations the jobs have that are right.
        problems: What is wrong and what is strange, in the order of the input.
        questions: What the servers can be asked about the jobs that are right.
    """

    source: str
    text: Optional[str]
    batch: Optional[Batch]
    iterations: int
    problems: Tuple[Problem, ...]
    questions: Tuple[DistinctTest, ...] = ()

    @property
    def errors(self) -> Tuple[Problem, ...]:
        """What is wrong."""
        return tuple(problem for problem in self.problems if problem.severity == ERROR)

    @property
    def warnings(self) -> Tuple[Problem, ...]:
        """What is strange."""
        return tuple(problem for problem in self.problems if problem.severity == WARNING)

    @property
    def valid(self) -> bool:
        """Whether the batch can be run; the exit status of the command is 0 or 1 by this."""
        return not self.errors

    def with_problems(self, more: Iterable[Problem]) -> CheckResult:
        """
        Add what the servers had to say.

        Args:
            more: Problems with their places in the input; line and column are found here.
        """
        located = [*self.problems, *locate_problems(list(more), self.text)]
        document = {} if self.batch is None else self.batch.document
        return replace(self, problems=tuple(in_order(located, document)))


def render_text(checked: CheckResult) -> str:
    """Write what is wrong and what is strange for the standard error; "" where there is nothing of either."""
    if not checked.problems:
        return ""
    return render_problems(checked.problems, text=checked.text, source=checked.source)


def render_summary(checked: CheckResult, *, asked: bool = False) -> str:
    """
    Say in a line for the standard output that a batch is right.

    Args:
        checked: A batch that is.
        asked: Whether the servers were asked as well.
    """
    jobs = () if checked.batch is None else checked.batch.jobs
    disabled = sum(1 for job in jobs if not job.enabled)
    counts = _count(len(jobs), "job") + (f" ({disabled:,} of them disabled)" if disabled else "")
    right = "no errors, servers included" if asked else "no errors"
    if checked.warnings:
        right = f"no errors, {_count(len(checked.warnings), 'warning')}"
    return f"{checked.source}: {counts}, {_count(checked.iterations, 'iteration')}: {right}"


def render_json(checked: CheckResult) -> str:
    """
    Write what was found for editors and other programs, as one JSON object with a newline behind it.

    These are its pairs::

        file      the name of the file, "standard input" where there is none
        valid     whether the batch can be run: true, or false where a problem is an error
        problems  what is wrong or strange, in the order of the input; each is an object with

            severity    "error" or "warning"
            pointer     the place as a JSON pointer into the input, "/" for all of it; a place in a task that a
                        transform has made may not be in the input
            line        the line and the column of the place, or of the nearest one around it, or of the script of the
            column      transform that is to blame; both from 1, columns in characters; null where there are none
            end_column  the column behind the value or name in question, null where it goes on over several lines
            message     what was found and what was expected; may have several lines
            during      which iterations it concerns, "" where it is about the input itself
            transform   the JSON pointer of the transform that is to blame, null where none is
            part        which part of the task is shown, as a JSON pointer into the task
            before      that part of the task before that transform and after it: texts of JSON without secrets, cut
            after       where they are long; null where there are none
    """
    problems = [_to_pairs(problem) for problem in checked.problems]
    document = {"file": checked.source, "valid": checked.valid, "problems": problems}
    return json.dumps(document, indent=2) + "\n"


def _to_pairs(problem: Problem) -> Dict[str, Any]:
    change = problem.change
    return {
        "severity": problem.severity,
        "pointer": problem.where,
        "line": problem.line,
        "column": problem.column,
        "end_column": problem.end_column,
        "message": problem.reason,
        "during": problem.during,
        "transform": None if change is None else change.transform,
        "part": None if change is None else change.part,
        "before": None if change is None else change.before or None,
        "after": None if change is None else change.after or None,
    }


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
