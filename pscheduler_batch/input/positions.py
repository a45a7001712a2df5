"""
Find the parts of a JSON document in its text.

The json module reports no positions, so a second pass over the text finds them, only when there is something to report.
The json module's own scanner skips everything else at full speed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from json import JSONDecoder
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from pscheduler_batch.pointers import Path

_SECRET_NAME = re.compile(r'"(?:_|\\u005[fF])')

_WHITE = re.compile(r"[ \t\r\n]*")

# The scanner of the json module, (text, index) -> (value, index behind it); the typing stubs do not include it.
_scan_value: Callable[[str, int], Tuple[Any, int]] = JSONDecoder().scan_once  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Place:
    """
    The place of a value and of its name.

    Attributes:
        name: The offset of the opening quote of the name; in an array, the offset of the value.
        value: The offset of the first character of the value.
    """

    name: int
    value: int


@dataclass(frozen=True)
class Duplicate:
    """A name that occurs twice in one object; the offsets are those of the opening quotes."""

    path: Path
    first: int
    second: int


def line_and_column(text: str, offset: int) -> Tuple[int, int]:
    """Return the line and the column of one offset; see :class:`Lines` for many."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class Lines:
    r"""
    The lines of a text, to convert offsets to lines and columns.

    >>> Lines("{\n  1}").place(4)
    (2, 3)
    """

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Tuple[int, int]:
        """Return the line and the column of an offset, both counted from 1, columns in characters."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def start(self, line: int) -> int:
        """Return the offset of the start of a line."""
        return self._starts[line - 1]

    def extent(self, text: str, offset: int) -> Tuple[int, int, Optional[int]]:
        """
        Return the line and the column of a value or a name, and the column behind it.

        The last is None for objects and arrays, which commonly continue over many lines.

        >>> Lines('{"a": [1]}').extent('{"a": [1]}', 1), Lines('{"a": [1]}').extent('{"a": [1]}', 6)
        ((1, 2, 5), (1, 7, None))
        """
        line, column = self.place(offset)
        if text[offset] in "{[":
            return line, column, None
        return line, column, column + _scan_value(text, offset)[1] - offset


def locate(text: str, paths: Iterable[Path]) -> Dict[Path, Place]:
    """
    Find parts of a document.

    Args:
        text: Valid JSON.
        paths: The paths to look for. Of a duplicate name the last value counts, as in the json module.

    Returns:
        The places by path, without the paths that do not exist in the text.
    """
    wanted: Dict[Any, Any] = {}
    for path in paths:
        branch = wanted
        for step in path:
            branch = branch.setdefault(step, {})
    cursor = _Cursor(text)
    places: Dict[Path, Place] = {(): Place(cursor.index, cursor.index)}
    _locate(cursor, wanted, (), places)
    return places


def find_duplicates(text: str) -> List[Duplicate]:
    """
    Find every name that occurs twice in one object, in the order of the text.

    Names that begin with # are comments, which may repeat; they and their values are ignored.

    Args:
        text: Valid JSON.
    """
    duplicates: List[Duplicate] = []
    _collect_duplicates(_Cursor(text), (), duplicates)
    return sorted(duplicates, key=lambda duplicate: duplicate.second)


def secret_spans(text: str) -> List[Tuple[int, int]]:
    r"""
    Find the values of all pairs whose names begin with _, however the names are spelt (ADR 18).

    >>> secret_spans('{"_a": 1, "\\u005fb": [2]}')
    [(7, 8), (21, 24)]

    Args:
        text: Valid JSON.

    Returns:
        The start and the end of each, in order, not nested.
    """
    candidates = [match.start() for match in _SECRET_NAME.finditer(text)]
    spans: List[Tuple[int, int]] = []
    if candidates:
        _collect_secrets(_Cursor(text), candidates, spans)
    return spans


def spans_between(spans: Sequence[Tuple[int, int]], start: int, stop: int) -> Iterator[Tuple[int, int]]:
    """
    Yield the spans that overlap a piece of the text, without looking at the many others.

    >>> list(spans_between([(0, 2), (4, 9), (12, 13), (20, 21)], 5, 13))
    [(4, 9), (12, 13)]

    Args:
        spans: Spans as :func:`secret_spans` returns them.
        start: The start of the piece.
        stop: The end of the piece.
    """
    before = bisect_right(spans, (start, start)) - 1
    for index in range(max(before, 0), len(spans)):
        begin, behind = spans[index]
        if begin >= stop:
            return
        if behind > start:
            yield begin, behind


class _Cursor:
    """A position in the text that moves from value to value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.index = 0
        self._skip_white()

    def _skip_white(self) -> None:
        # The pattern matches everywhere, if only the empty string.
        self.index = _WHITE.match(self.text, self.index).end()  # type: ignore[union-attr]

    def skip_value(self) -> None:
        """Move from the first character of a value to the character behind it."""
        _, self.index = _scan_value(self.text, self.index)

    def members(self) -> Iterator[Tuple[Union[str, int], Place]]:
        """
        Iterate over the members of the object or array at the cursor.

        The caller must move behind the value of a member before it asks for the next one. Any other value has no
        members, and the cursor moves behind it.
        """
        opening = self.text[self.index]
        if opening not in "{[":
            self.skip_value()
            return
        self.index += 1
        self._skip_white()
        number = 0
        while self.text[self.index] not in "}]":
            yield self._member(number, named=opening == "{")
            self._skip_white()
            if self.text[self.index] == ",":
                self.index += 1
                self._skip_white()
            number += 1
        self.index += 1

    def _member(self, number: int, *, named: bool) -> Tuple[Union[str, int], Place]:
        start = self.index
        if not named:
            return number, Place(start, start)
        name, self.index = _scan_value(self.text, start)
        self._skip_white()
        self.index += 1
        self._skip_white()
        return name, Place(start, self.index)


def _locate(cursor: _Cursor, wanted: Dict[Any, Any], path: Path, places: Dict[Path, Place]) -> None:
    if not wanted:
        cursor.skip_value()
        return
    for step, place in cursor.members():
        if step in wanted:
            places[(*path, step)] = place
            _locate(cursor, wanted[step], (*path, step), places)
        else:
            cursor.skip_value()


def _collect_duplicates(cursor: _Cursor, path: Path, duplicates: List[Duplicate]) -> None:
    seen: Dict[Union[str, int], int] = {}
    for step, place in cursor.members():
        if str(step).startswith("#"):
            cursor.skip_value()
            continue
        if step in seen:
            duplicates.append(Duplicate((*path, step), seen[step], place.name))
        seen[step] = place.name
        _collect_duplicates(cursor, (*path, step), duplicates)


def _collect_secrets(cursor: _Cursor, candidates: List[int], spans: List[Tuple[int, int]]) -> None:
    for step, place in cursor.members():
        cursor.skip_value()
        behind = cursor.index
        if isinstance(step, str) and step.startswith("_"):
            spans.append((place.value, behind))
        elif bisect_right(candidates, place.value) < bisect_right(candidates, behind):
            # Descend only into values that may contain secrets.
            cursor.index = place.value
            _collect_secrets(cursor, candidates, spans)
