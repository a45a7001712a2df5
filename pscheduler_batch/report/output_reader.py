"""
Bytes to an output document that a report can be made of, or an error that says what they are instead.

People give a report whatever file they have: the batch itself, its journal, the output of a dry run, the output of
another program, a file that a full disk has cut off. Each is told apart, so that the message can say what to do.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from pscheduler_batch.errors import BatchError, InputError, Problem
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.input.positions import line_and_column
from pscheduler_batch.journal.history import BEGINNING
from pscheduler_batch.pointers import Path, pointer
from pscheduler_batch.text import show

# A word, a number or an escape that has only begun, at the end of a file.
_TORN_WORD = re.compile(rb"(?:[\s:,\[](?:tr?u?|fa?l?s?|nu?l?|-?[0-9.]*[.eE+-]+)|\\u?[0-9a-fA-F]{0,4})\Z")
_LONGEST_WORD = 50
# How many wrong places are named; the others are counted.
_NAMED = 5
_KINDS: Tuple[Tuple[type, str], ...] = (
    (dict, "an object"),
    (list, "an array"),
    (str, "a text"),
    (bool, "a truth value"),
)


class ReportError(BatchError):
    """
    What a report should be made of is no output of a batch.

    Attributes:
        source: The name of the file.
        reason: What it is instead, or what is wrong in it.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__("\n".join(f"{source}: {line}" for line in reason.split("\n")))


def read_output(data: bytes, *, source: str) -> Dict[str, Any]:
    """
    Read the output of a batch.

    Args:
        data: The file: UTF-8, with or without a byte-order mark.
        source: What messages call it.

    Returns:
        A document in whose jobs, results and runs everything that a report relies on is of the right type.

    Raises:
        ReportError: It is something else.
    """
    if data.lstrip().startswith(BEGINNING):
        raise ReportError(
            source, "this is the journal of a batch, not its output; pscheduler batch --resume gives the output"
        )
    document = _parse(data, source)
    if not isinstance(document, dict):
        raise ReportError(
            source, f"expected the output of a batch, which is one JSON object, and found {_kind(document)}"
        )
    if "jobs" not in document:
        raise ReportError(source, 'this is no output of a batch: it has no "jobs"')
    problems = list(_problems(document))
    if problems:
        named = [str(Problem(pointer(path), reason)) for path, reason in problems[:_NAMED]]
        more = len(problems) - len(named)
        raise ReportError(source, "\n".join([*named, *([f"and {more} more places like these"] if more else [])]))
    _require_results(document, source)
    return document


def _parse(data: bytes, source: str) -> Any:
    try:
        return parse(data, source=source).value
    except InputError as error:
        (problem,) = error.problems
        if _is_torn(data, problem):
            text = data.decode("utf-8-sig", "replace").rstrip()
            line, column = line_and_column(text, len(text))
            raise ReportError(
                source, f"this was not written to its end: it ends in line {line}, column {column}"
            ) from None
        # What is expected is said about batches there; all that comes before is right here as well.
        reason = problem.reason.split("; expected a batch", maxsplit=1)[0]
        place = "" if problem.line is None else f"line {problem.line}, column {problem.column}: "
        excerpt = "\n".join([place + reason.split("\n", maxsplit=1)[0], *reason.split("\n")[1:]])
        raise ReportError(source, excerpt) from None


def _is_torn(data: bytes, problem: Problem) -> bool:
    """Say whether the file is the beginning of an object, and what is wrong with it is that it ends."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text.startswith(b"{"):
        return False
    if "the input ends here" in problem.reason or "no closing double quote" in problem.reason:
        return True
    in_last_line = problem.line == text.count(b"\n") + 1
    return in_last_line and _TORN_WORD.search(text[-_LONGEST_WORD:]) is not None


def _problems(document: Mapping[str, Any]) -> Iterator[Tuple[Path, str]]:
    jobs = document["jobs"]
    if not isinstance(jobs, list):
        yield ("jobs",), _expected("an array", jobs)
        return
    for number, job in enumerate(jobs):
        if not isinstance(job, dict):
            yield ("jobs", number), _expected("an object", job)
            continue
        results = job.get("results", [])
        if not isinstance(results, list):
            yield ("jobs", number, "results"), _expected("an array", results)
            continue
        for iteration, result in enumerate(results):
            yield from _problems_of_result(result, ("jobs", number, "results", iteration))


def _problems_of_result(result: Any, path: Path) -> Iterator[Tuple[Path, str]]:
    if not isinstance(result, dict):
        yield path, _expected("an object", result)
        return
    if not isinstance(result.get("task", {}), (dict, type(None))):
        yield (*path, "task"), _expected("an object", result["task"])
    runs = result.get("runs")
    if not isinstance(runs, list):
        yield (*path, "runs"), _expected("an array", runs) if "runs" in result else "expected an array, found nothing"
        return
    for number, run in enumerate(runs):
        if not isinstance(run, dict):
            yield (*path, "runs", number), _expected("an object", run)


def _require_results(document: Mapping[str, Any], source: str) -> None:
    """Refuse what has the shape of an output, but nothing in it that ever happened."""
    if "batch" in document:
        return
    jobs: List[Mapping[str, Any]] = document["jobs"]
    results = [result for job in jobs for result in job.get("results", [])]
    if not any("results" in job for job in jobs):
        raise ReportError(source, "this batch was never run: none of its jobs has results")
    if not any(result["runs"] or "error" in result for result in results):
        raise ReportError(source, "this batch was never run: there is no run in it, as in what a dry run prints")


def _expected(what: str, found: Any) -> str:
    # Long values say nothing more than their type does.
    return f"expected {what}, found {_kind(found) if isinstance(found, (dict, list)) else show(found)}"


def _kind(value: Any) -> str:
    named: Optional[str] = next((words for kind, words in _KINDS if isinstance(value, kind)), None)
    return named or ("null" if value is None else "a number")
