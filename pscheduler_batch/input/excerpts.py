"""
Problems as text for people and editors: each with its line of the input, and a caret under the place.

The first line of a problem is complete in itself and has the form that editors and continuous integration know from
compilers, ``FILE:LINE:COLUMN: error: POINTER: ...`` (ADR 45); the lines below it are indented. Secrets in excerpts are
replaced by asterisks (ADR 18), and control characters by escapes.
"""

from __future__ import annotations

import json
import unicodedata
from itertools import accumulate
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.input.positions import Lines, secret_spans, spans_between
from pscheduler_batch.redaction import Redactor, blot_secrets
from pscheduler_batch.text import STANDARD_INPUT, printable

# How many columns of a line are shown; half of them are reserved for either side of the place.
_SHOWN = 120
# In text that is not JSON: how far before the excerpt a secret may start that reaches into it.
_CONTEXT = 100_000
# The most characters of a pointer and of a whole line: names in the input may have any length.
_LONGEST_POINTER = 200
_LONGEST_LINE = 1500

# What stands in front of the line and the column for an input that is not a file.
_NOT_FILES = {STANDARD_INPUT: "<stdin>", None: "<input>"}

_INDENT = "    "


def render_problems(problems: Iterable[Problem], *, text: Optional[str], source: Optional[str]) -> str:
    r"""
    Write errors and warnings for standard error.

    >>> text = '{"jobs": [5]}'
    >>> print(render_problems([Problem("/jobs/0", "found 5", 1, 11)], text=text, source="a.json"))
    a.json:1:11: error: /jobs/0: found 5
        {"jobs": [5]}
                  ^
    >>> print(render_problems([Problem("/", "it is empty")], text="", source="standard input"))
    <stdin>: error: it is empty

    Args:
        problems: The errors and warnings, in the order of the output.
        text: The text of the input, if it came as text.
        source: The name of the file.

    Returns:
        Lines without a final newline; "" for no problems.
    """
    excerpts = None if text is None else _Text(text)
    return "\n".join(line for problem in problems for line in _render(problem, excerpts, source))


def _render(problem: Problem, text: Optional[_Text], source: Optional[str]) -> Iterator[str]:
    reason, *more = problem.reason.split("\n")
    yield _clip(printable(f"{_place(problem, source)}: {problem.severity}: {_pointer_words(problem)}{reason}"))
    # A reason with several lines has its own excerpt: of a script that does not compile, or of text that is not JSON.
    yield from (_clip(printable(line)) for line in more)
    if not more and text is not None and problem.line is not None and problem.column is not None:
        yield from text.excerpt(problem.line, problem.column, problem.end_column)
    if problem.change is not None:
        yield from _render_change(problem.change)


def _place(problem: Problem, source: Optional[str]) -> str:
    name = _NOT_FILES.get(source) or source
    return f"{name}" if problem.line is None else f"{name}:{problem.line}:{problem.column}"


def _pointer_words(problem: Problem) -> str:
    """Name the part of the input; its root needs no name."""
    words = [] if problem.where == "/" else [_short_pointer(problem.where)]
    words += [problem.during] if problem.during else []
    return f"{', '.join(words)}: " if words else ""


def _render_change(change: Change) -> Iterator[str]:
    part = "the task" if change.part == "/" else printable(_short_pointer(change.part))
    if change.before:
        yield f"{_INDENT}{part} before: {printable(change.before)}"
    if change.after:
        yield f"{_INDENT}{part} after:  {printable(change.after)}"


def _short_pointer(where: str) -> str:
    half = _LONGEST_POINTER // 2
    return where if len(where) <= _LONGEST_POINTER else f"{where[:half]}…{where[-half:]}"


def _clip(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


class _Text:
    """The text of an input, with its lines and the places of its secrets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = Lines(text)
        try:
            self._secrets: Optional[List[Tuple[int, int]]] = secret_spans(text)
        except (LookupError, RuntimeError, StopIteration, ValueError):
            # It is not JSON, so secrets have to be guessed.
            self._secrets = None
        self._redactor = Redactor.of({"_": json.loads(text[begin:behind])} for begin, behind in self._secrets or ())

    def excerpt(self, line: int, column: int, end_column: Optional[int]) -> List[str]:
        """Return an excerpt for the place of a problem."""
        offset = self._lines.start(line) + column - 1
        if self._secrets is None:
            return broken_excerpt(self._text, offset).split("\n")
        length = 1 if end_column is None else end_column - column
        start, stop = _around(self._text, offset)
        return _point_at(self._without_secrets(start, stop), offset - start, length)

    def _without_secrets(self, start: int, stop: int) -> str:
        # The same text may be in open places, and reach into the excerpt.
        margin = min(self._redactor.longest, start)
        shown = self._redactor.blot(self._text[start - margin : stop + self._redactor.longest])[margin:][: stop - start]
        for begin, behind in spans_between(self._secrets or (), start, stop):
            hidden = range(max(begin, start) - start, min(behind, stop) - start)
            if hidden:
                shown = shown[: hidden.start] + "*" * len(hidden) + shown[hidden.stop :]
        return shown


def broken_excerpt(text: str, offset: int) -> str:
    """
    Return a line of text that is not JSON, with a caret below a place; what may be a secret is hidden.

    Args:
        text: The text.
        offset: The place, which may be behind the last character.

    Returns:
        Two lines.
    """
    start, stop = _around(text, offset)
    # No string continues over the end of a line, so secrets can be found from the start of a line.
    context = text.rfind("\n", 0, max(start - _CONTEXT, 0)) + 1
    return "\n".join(_point_at(blot_secrets(text[context:stop])[start - context :], offset - start, 1))


def _around(text: str, offset: int) -> Tuple[int, int]:
    """Return the start and the end of the line, or of a part of it that is a bit longer than an excerpt."""
    end = text.find("\n", offset)
    line_end = len(text) if end < 0 else end
    line_start = text.rfind("\n", 0, offset) + 1
    return max(line_start, offset - _SHOWN - 1), min(line_end, offset + _SHOWN + 1)


def _point_at(shown: str, at: int, length: int) -> List[str]:
    """Return a piece of a line, and a line with carets below some of its characters."""
    pieces = [_piece(character) for character in shown.rstrip()]
    before, behind = pieces[:at][::-1], pieces[at:]
    right = _fitting(behind, _SHOWN - min(_width(before), _SHOWN // 2))
    left = _fitting(before, _SHOWN - _width(behind[:right]))
    shown_before = "".join(piece for piece, _ in before[:left][::-1])
    shown_behind = "".join(piece for piece, _ in behind[:right])
    begin = "…" if left < len(before) else ""
    end = "…" if right < len(behind) else ""
    indent = _width(before[:left]) + len(begin) + max(at - len(pieces), 0)
    carets = _width(behind[: min(length, right)])
    return [
        f"{_INDENT}{begin}{shown_before}{shown_behind}{end}",
        f"{_INDENT}{' ' * indent}{'^' * max(carets, 1)}",
    ]


def _width(pieces: Sequence[Tuple[str, int]]) -> int:
    return sum(width for _, width in pieces)


def _fitting(pieces: Sequence[Tuple[str, int]], columns: int) -> int:
    """Return how many pieces fit in a number of columns."""
    return sum(1 for taken in accumulate(width for _, width in pieces[:_SHOWN]) if taken <= columns)


def _piece(character: str) -> Tuple[str, int]:
    """Return a character as a terminal can show it, and its width in columns."""
    if character == "\t":
        return " ", 1
    if not character.isprintable():
        escape = printable(character)
        return escape, len(escape)
    if unicodedata.category(character) in ("Mn", "Me"):
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1
