"""
Read the output document of a batch from a file, or report what the file is instead.

An output of any size is read in a stream, one result after another (ADR 57). The file may be anything: the batch
itself, its journal, the output of a dry run or of another program, or a file cut off by a full disk. Then it is read as
a whole, and the message tells which, so that the user knows what to do.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from shutil import copyfileobj
from typing import Any, BinaryIO, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.errors import BatchError, InputError, Problem
from pscheduler_batch.input.json_stream import JsonStream
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.input.positions import line_and_column
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.output.record_store import MOST_BYTES, open_unnamed
from pscheduler_batch.pointers import Path, pointer
from pscheduler_batch.text import printable, show

# Other files of a batch, by their first characters.
_NOT_OUTPUTS = (
    (
        b'{"event":"batch",',
        "this is the journal of a batch, not its output; pscheduler batch --resume prints the output",
    ),
    (b'{"event":"', "these are the events of a batch, not its output"),
    (b'{"source": ', "these are the lines of --stream or of a report, not the output of a batch"),
)
# An incomplete word, number or escape at the end of a file.
_TORN_WORD = re.compile(rb"(?:[\s:,\[](?:tr?u?|fa?l?s?|nu?l?|-?[0-9.]*[.eE+-]+)|\\u?[0-9a-fA-F]{0,4})\Z")
_LONGEST_WORD = 50
# How many errors are reported; the others are counted.
_NAMED = 5
_KINDS: Tuple[Tuple[type, str], ...] = (
    (dict, "an object"),
    (list, "an array"),
    (str, "a text"),
    (bool, "a truth value"),
)


class ReportError(InputError):
    """
    What was given for a report is not the output of a batch.

    Attributes:
        reason: What it is instead, or what is wrong in it.
    """

    def __init__(self, source: Optional[str], reason: str, problems: Sequence[Problem] = ()) -> None:
        """
        Make the error.

        Args:
            source: The name of the file; None for a document that is not from a file.
            reason: What is wrong, in one or more lines.
            problems: The same for programs; by default one that concerns the whole document.
        """
        super().__init__(problems or [Problem("/", reason)], source=source)
        self.reason = reason
        place = "" if source is None else f"{printable(source)}: "
        self.args = ("\n".join(place + line for line in reason.split("\n")),)


class IncompleteOutputError(ReportError):
    """The output of a batch that was cut off, or that is being written or replaced."""


@dataclass(frozen=True)
class Output:
    """
    The output of a batch.

    Attributes:
        document: The document; its jobs need not contain their results.
        results: The results of each job by its number, read from the file when they are iterated over.
        secrets: The secrets that may be anywhere in it, but are not under such a name in it, as pairs.
    """

    document: JSONObject
    results: Mapping[int, Iterable[JSONObject]]
    secrets: JSON = None

    @classmethod
    def of(cls, document: JSONObject) -> Output:
        """Make an output of a document in memory."""
        return cls(document, {number: job.get("results", ()) for number, job in enumerate(document["jobs"])})


@contextmanager
def read_output(file: BinaryIO, *, source: str) -> Iterator[Output]:
    """
    Read the output of a batch; no more than one result is in memory at a time.

    Args:
        file: The file: UTF-8, with or without a byte-order mark. What cannot be read twice, such as a pipe, is copied
            to a temporary file without a name.
        source: Its name in messages.

    Yields:
        An output in which everything that a report relies on has the right type; its results can be read in the
        context.

    Raises:
        ReportError: The file is something else. Iterating over results raises it if the file has changed.
    """
    with ExitStack() as stack:
        twice = file if file.seekable() else stack.enter_context(_copy(file))
        try:
            output = _read_in_pieces(twice, source)
        except (ValueError, RecursionError):
            # Not an output, or one with a name twice in an object.
            # A device has no size, and perhaps no end.
            size = twice.seek(0, os.SEEK_END)
            twice.seek(0)
            output = Output.of(read_whole(twice.read(size), source=source))
        yield output


def read_whole(data: bytes, *, source: str) -> Dict[str, Any]:
    """
    Read the output of a batch as one document.

    Raises:
        ReportError: The file is something else.
    """
    for beginning, what in _NOT_OUTPUTS:
        if data.lstrip().startswith(beginning):
            raise ReportError(source, what)
    return check_output(_parse(data, source), source=source)


def check_output(document: Any, *, source: Optional[str] = None) -> Dict[str, Any]:
    """
    Check that a document is the output of a batch.

    Args:
        document: Any JSON.
        source: Its name in messages; None if it has none.

    Returns:
        The same document; everything in it that a report relies on has the right type.

    Raises:
        ReportError: It is something else.
    """
    if not isinstance(document, dict):
        raise ReportError(
            source, f"expected the output of a batch, which is a JSON object, but found {_kind(document)}"
        )
    if "jobs" not in document:
        raise ReportError(source, 'this is not the output of a batch: "jobs" is missing')
    problems = [Problem(pointer(path), reason) for path, reason in _problems(document)]
    if problems:
        named = list(map(str, problems[:_NAMED]))
        more = len(problems) - len(named)
        raise ReportError(source, "\n".join([*named, *([f"and {more} more errors"] if more else [])]), problems)
    _require_results(document, source)
    return document


def _copy(file: BinaryIO) -> BinaryIO:
    """Copy a file that cannot be read twice; a short one stays in memory."""
    start = io.BytesIO()
    while start.tell() < MOST_BYTES:
        data = file.read(MOST_BYTES)
        if not data:
            return start
        start.write(data)
    try:
        with ExitStack() as stack:
            copy = stack.enter_context(open_unnamed())
            copy.write(start.getbuffer())
            copyfileobj(file, copy)
            stack.pop_all()
    except OSError as error:
        raise BatchError(
            f"cannot copy the input to a temporary file: {error.strerror}; give the name of a file instead, or set "
            "TMPDIR to a directory with more space"
        ) from error
    return copy


def _read_in_pieces(file: BinaryIO, source: str) -> Output:
    """
    Check every result, and remember where those of each job are.

    Raises:
        ValueError: This is not an output, or has duplicate names.
    """
    stream = JsonStream(file)
    document: Dict[str, Any] = {}
    results: Dict[int, _Results] = {}
    ran = False
    for name in stream.members():
        _require(not (name == "jobs" and name in document))
        document[name] = [] if name == "jobs" else stream.value()
        for number, _ in enumerate(stream.elements() if name == "jobs" else ()):
            job: Dict[str, Any] = {}
            for pair in stream.members():
                if pair != "results":
                    job[pair] = stream.value()
                    continue
                _require(number not in results)
                results[number] = _Results(file, stream.tell(), source)
                for result in _results_in(stream):
                    ran = ran or bool(result["runs"] or "error" in result)
            document[name].append(job)
    stream.end()
    _require("jobs" in document and (_is_of_run(document) or (bool(results) and ran)))
    return Output(document, results)


def _require(condition: object) -> None:
    if not condition:
        raise ValueError


class _Results:
    """The results of one job in a file; can be iterated repeatedly."""

    def __init__(self, file: BinaryIO, offset: int, source: str) -> None:
        self._file = file
        self._offset = offset
        self._source = source

    def __iter__(self) -> Iterator[JSONObject]:
        try:
            yield from _results_in(JsonStream(self._file, self._offset))
        except (ValueError, RecursionError) as error:
            raise IncompleteOutputError(self._source, "this output changed while it was read") from error


def _results_in(stream: JsonStream) -> Iterator[Dict[str, Any]]:
    for _ in stream.elements():
        result = stream.value()
        _require(not any(_problems_of_result(result, ())))
        yield result


def _parse(data: bytes, source: str) -> Any:
    try:
        return parse(data, source=source).value
    except InputError as error:
        (problem,) = error.problems
        if _is_torn(data, problem):
            text = data.decode("utf-8-sig", "replace").rstrip()
            line, column = line_and_column(text, len(text))
            reason = f"this output is incomplete: it ends at line {line}, column {column}"
            raise IncompleteOutputError(source, reason, [Problem("/", reason, line, column)]) from None
        # The rest of the reason describes a batch, not an output.
        reason = problem.reason.split("; expected a batch", maxsplit=1)[0]
        place = "" if problem.line is None else f"line {problem.line}, column {problem.column}: "
        excerpt = "\n".join([place + reason.split("\n", maxsplit=1)[0], *reason.split("\n")[1:]])
        raise ReportError(source, excerpt, [replace(problem, reason=reason)]) from None


def _is_torn(data: bytes, problem: Problem) -> bool:
    """Return whether the file is the start of an object that was cut off."""
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


def _is_of_run(document: Mapping[str, Any]) -> bool:
    """Return whether a document has the account of a run; that of --dry-run has at most a random order."""
    batch = document.get("batch", {"shuffle": None})
    return not isinstance(batch, dict) or batch.keys() != {"shuffle"}


def _require_results(document: Mapping[str, Any], source: Optional[str]) -> None:
    """Refuse a document with the shape of an output but without any results."""
    if _is_of_run(document):
        return
    jobs: List[Mapping[str, Any]] = document["jobs"]
    results = [result for job in jobs for result in job.get("results", [])]
    if not any("results" in job for job in jobs):
        raise ReportError(source, "this batch has not been run: none of its jobs has results")
    if not any(result["runs"] or "error" in result for result in results):
        raise ReportError(source, "this batch has not been run: there are no runs in it, as in the output of --dry-run")


def _expected(what: str, found: Any) -> str:
    # A long value says no more than its type.
    return f"expected {what}, found {_kind(found) if isinstance(found, (dict, list)) else show(found)}"


def _kind(value: Any) -> str:
    named: Optional[str] = next((words for kind, words in _KINDS if isinstance(value, kind)), None)
    return named or ("null" if value is None else "a number")
