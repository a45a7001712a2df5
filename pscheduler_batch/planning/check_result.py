"""The result of a check, and its rendering for people, for editors, and in a line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from pscheduler_batch.errors import ERROR, WARNING, ExpectationError, Problem
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.locations import in_order, locate_problems
from pscheduler_batch.model import JSON, Batch
from pscheduler_batch.text import count_words, printable

if TYPE_CHECKING:
    from pscheduler_batch.planning.server_problems import ServerAnswers, ToolChoice


@dataclass(frozen=True)
class CheckResult:
    """
    The result of checking a batch.

    Attributes:
        source: The name of the file for messages.
        text: The text of the input; None if it is not text.
        batch: The batch with what is valid of its jobs; None if all of it is invalid.
        iterations: The number of iterations that were checked.
        problems: The errors and warnings, in the order of the input.
        examined: What the caller wanted to know of the plan; None if the plan could not be made.
        tools: The tools that would run the tests, as far as servers were asked, in the order of the input.
    """

    source: str
    text: Optional[str]
    batch: Optional[Batch]
    iterations: int
    problems: Tuple[Problem, ...]
    examined: JSON = None
    tools: Tuple[ToolChoice, ...] = ()

    @property
    def errors(self) -> Tuple[Problem, ...]:
        """The errors."""
        return tuple(problem for problem in self.problems if problem.severity == ERROR)

    @property
    def warnings(self) -> Tuple[Problem, ...]:
        """The warnings."""
        return tuple(problem for problem in self.problems if problem.severity == WARNING)

    @property
    def valid(self) -> bool:
        """Whether the batch can be run; the exit status of the command is 0 or 1 accordingly."""
        return not self.errors

    def with_answers(self, answers: ServerAnswers) -> CheckResult:
        """
        Add what servers say.

        Args:
            answers: The answers with pointers into the input; their lines and columns are found here.
        """
        located = [*self.problems, *locate_problems(answers.problems, self.text)]
        document = {} if self.batch is None else self.batch.document
        places = locate_problems([choice.note() for choice in answers.tools], self.text)
        tools = [replace(choice, line=place.line, column=place.column) for choice, place in zip(answers.tools, places)]
        tools.sort(key=lambda choice: (choice.line or 0, choice.column or 0))
        return replace(self, problems=tuple(in_order(located, document)), tools=tuple(tools))


def render_text(checked: CheckResult) -> str:
    """Return the errors and warnings for standard error; "" if there are none."""
    if not checked.problems:
        return ""
    return render_problems(checked.problems, text=checked.text, source=checked.source)


def render_tools(checked: CheckResult) -> str:
    """Return a note for each tool that would run a test, in lines; "" if none is known."""
    return render_problems((choice.note() for choice in checked.tools), text=None, source=checked.source)


def render_summary(checked: CheckResult, *, asked: bool = False) -> str:
    """
    Return a line for standard output about a batch without errors.

    Args:
        checked: The result.
        asked: Whether servers were asked as well.
    """
    jobs = () if checked.batch is None else checked.batch.jobs
    left_out = sum(1 for job in jobs if job.left_out)
    disabled = sum(1 for job in jobs if not job.enabled) - left_out
    notes = [f"{count:,} of them {what}" for count, what in ((disabled, "disabled"), (left_out, "left out")) if count]
    counts = count_words(len(jobs), "job") + (f" ({', '.join(notes)})" if notes else "")
    right = "no errors, servers included" if asked else "no errors"
    if checked.warnings:
        right = f"no errors, {count_words(len(checked.warnings), 'warning')}"
    return f"{printable(checked.source)}: {counts}, {count_words(checked.iterations, 'iteration')}: {right}"


def render_json(checked: CheckResult, wrong: Optional[ExpectationError] = None) -> str:
    """
    Write what was found for editors and other programs, as one JSON object.

    These are its pairs::

        file      the name of the file, "standard input" where there is none
        valid     whether the batch can be run: true, or false where a problem is an error
        problems  what is wrong or strange, in the order of the input; each is an object with

            file        the text that has the problem: the input, or that of the expectations, "--expect" where these
                        are on the command line
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

        tools     the tools that would run the tests, as far as servers were asked; each is an object with

            pointer     the task as a JSON pointer into the input, with its line and its column
            line
            column
            during      which iterations it concerns, "" for all of them
            test        the type of the test
            tool        the name of the tool
            hosts       the participants that were asked, the lead first

    Args:
        checked: The result.
        wrong: What is wrong with the expectations.
    """
    problems = [_to_pairs(problem, checked.source) for problem in checked.problems]
    valid = checked.valid and wrong is None
    if wrong is not None:
        problems += [_to_pairs(problem, wrong.source or "--expect") for problem in wrong.problems]
    tools = [_choice_to_pairs(choice) for choice in checked.tools]
    document = {"file": checked.source, "valid": valid, "problems": problems, "tools": tools}
    return json.dumps(document, indent=2)


def _to_pairs(problem: Problem, file: str) -> Dict[str, Any]:
    change = problem.change
    return {
        "file": file,
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


def _choice_to_pairs(choice: ToolChoice) -> Dict[str, Any]:
    return {
        "pointer": choice.where,
        "line": choice.line,
        "column": choice.column,
        "during": choice.during,
        "test": choice.test_type,
        "tool": choice.tool,
        "hosts": list(choice.hosts),
    }
