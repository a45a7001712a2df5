"""Parse the text of a batch, with errors that a person can act on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, List, NoReturn, Optional, Tuple, Union

from pscheduler_batch.errors import InputError, Problem
from pscheduler_batch.input.excerpts import broken_excerpt
from pscheduler_batch.input.json_values import MAX_DEPTH, MAX_DIGITS, TOO_DEEP
from pscheduler_batch.input.positions import line_and_column

_EXPECTED = "expected a batch as one JSON object"

_STRING = r'"(?:[^"\\]|\\.)*"'

# Messages of the json module, by their beginning, and ours.
_REASONS = {
    "Expecting property name": "expected a name in double quotes",
    "Expecting ':'": "expected a colon between the name and its value",
    "Expecting ','": "expected a comma or a closing bracket; a comma or a double quote may be missing before it",
    "Expecting value": "expected a value: an object, an array, a string in double quotes, a number, true, false, null",
    "Unterminated string": "the string that starts here has no closing double quote",
    "Invalid control character": "line break or tab in a string; write \\n or \\t",
    "Invalid \\escape": "invalid escape in a string; write a backslash as \\\\",
    "Invalid \\u": "\\u must be followed by four hexadecimal digits",
    "Extra data": "unexpected text after the end of the JSON document",
}
# Habits from other languages, by the text at the place of the error.
_HINTS = (
    ("//|/\\*|#", 'JSON has no comments; use a pair whose name begins with #, such as "#": "…"'),
    ("'", "use double quotes for strings and names, not single quotes"),
    (r"(True|False|None)\b", "true, false and null are lowercase"),
    (r"[A-Za-z_][\w-]*\s*[:=]", "names must be in double quotes"),
)
_TRAILING_COMMA = "trailing comma before the closing bracket"


@dataclass(frozen=True)
class Parsed:
    """
    A parsed document with its text.

    Attributes:
        value: The value; pairs whose names begin with # are still included.
        text: The text, without a byte-order mark.
        has_duplicates: Whether a name may occur twice in one object.
    """

    value: Any
    text: str
    has_duplicates: bool


def parse(data: Union[bytes, str], *, source: Optional[str], what: str = "a batch") -> Parsed:
    """
    Parse JSON.

    Args:
        data: UTF-8, with or without a byte-order mark, or text.
        source: The name of the file for messages.
        what: What the input is, for messages.

    Raises:
        InputError: The input is not JSON; the error has the place, the line and what was expected there.
    """
    try:
        text = _decode(data)
        value, has_duplicates = _load(text)
    except _SyntaxProblem as problem:
        raise _shown(problem, data, source, f"{what} as one JSON object") from None
    return Parsed(value, text, has_duplicates)


def decode_text(data: bytes, *, source: Optional[str], what: str) -> str:
    """
    Decode a text that is not JSON, such as a list of hosts.

    Args:
        data: UTF-8, with or without a byte-order mark.
        source: The name of the file for messages.
        what: What the input is, for messages.

    Raises:
        InputError: It is not UTF-8 text; the error has the place.
    """
    try:
        return _decode(data)
    except _SyntaxProblem as problem:
        raise _shown(problem, data, source, what) from None


def _shown(problem: _SyntaxProblem, data: Union[bytes, str], source: Optional[str], expected: str) -> InputError:
    text = data if isinstance(data, str) else data.decode("utf-8-sig", "replace")
    reason = problem.problem.reason.replace(_EXPECTED, f"expected {expected}")
    return InputError([replace(problem.problem, reason=reason)], source=source, text=text)


class _SyntaxProblem(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, reason: str, line: Optional[int] = None, column: Optional[int] = None) -> None:
        super().__init__(reason)
        self.problem = Problem("/", reason, line, column)


def _decode(data: Union[bytes, str]) -> str:
    if isinstance(data, str):
        return data[data.startswith("\ufeff") :]
    encoding = json.detect_encoding(data)
    if encoding.startswith(("utf-16", "utf-32")) and _is_json_in(data, encoding):
        raise _SyntaxProblem(f"the input is {encoding[:6].upper()}; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse_bytes(data, error)
    if "\0" in text[:1024]:
        raise _SyntaxProblem(f"the input is binary, not text; {_EXPECTED}")
    return text


def _is_json_in(data: bytes, encoding: str) -> bool:
    text = data.decode(encoding, errors="replace").lstrip("\ufeff \t\r\n")
    return text.startswith(("{", "[")) or data.startswith((b"\xff\xfe", b"\xfe\xff"))


def _refuse_bytes(data: bytes, error: UnicodeDecodeError) -> NoReturn:
    before = data[: error.start].decode("utf-8-sig", errors="replace")
    if re.search(rb"[\x00-\x08\x0e-\x1a]", data[:1024]):
        raise _SyntaxProblem(f"the input is binary, not text; {_EXPECTED}") from None
    line, column = line_and_column(before, len(before))
    byte = f"0x{data[error.start]:02x}"
    raise _SyntaxProblem(f"byte {byte} is not valid UTF-8; save the input as UTF-8", line, column) from None


def _load(text: str) -> Tuple[Any, bool]:
    if not text.strip():
        what = "contains only white space" if text else "is empty"
        raise _SyntaxProblem(f"the input {what}; {_EXPECTED}")
    shrunk: List[bool] = []

    def to_object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            shrunk.append(True)
        return made

    try:
        return json.loads(text, object_pairs_hook=to_object), bool(shrunk)
    except json.JSONDecodeError as error:
        raise _explain(text, error) from None
    except RecursionError:
        raise _SyntaxProblem(TOO_DEEP, *too_deep_at(text)) from None
    except ValueError as error:
        # The interpreter's limit for the length of integers; the error does not say where.
        reason = f"a whole number of more than {MAX_DIGITS - 1} digits is too long"
        raise _SyntaxProblem(reason, *line_and_column(text, _too_long_at(text))) from error


def _too_long_at(text: str) -> int:
    numbers = re.finditer(rf"{_STRING}|([0-9]{{{MAX_DIGITS},}})", text)
    return next((match.start() for match in numbers if match.group(1)), 0)


def too_deep_at(text: str) -> Tuple[int, int]:
    """Return the line and the column of the first bracket in valid JSON that opens one level too many."""
    depth = 0
    for match in re.finditer(rf"{_STRING}|[{{\[]|[}}\]]", text):
        depth += (match.group() in ("{", "[")) - (match.group() in ("}", "]"))
        if depth > MAX_DEPTH:
            return line_and_column(text, match.start())
    return 1, 1


def _explain(text: str, error: json.JSONDecodeError) -> _SyntaxProblem:
    reason, offset = _reason(text, error)
    line, column = line_and_column(text, offset)
    return _SyntaxProblem(f"not JSON: {reason}\n{broken_excerpt(text, offset)}", line, column)


def _reason(text: str, error: json.JSONDecodeError) -> Tuple[str, int]:
    """Return what is wrong and where; versions of the json module differ in where they report some errors."""
    offset = error.pos
    rest = text[offset:]
    before = text[:offset].rstrip()
    if error.msg.startswith("Illegal trailing comma"):
        return _TRAILING_COMMA, offset
    if not rest.strip():
        return f"the input ends here, but {_what_is_open(text)}", len(text.rstrip())
    if rest.startswith(("}", "]")) and before.endswith(","):
        return _TRAILING_COMMA, len(before) - 1
    if rest.startswith(("}", "]")) and error.msg.startswith("Expecting ','"):
        return f"unexpected {rest[0]}: {_what_is_open(text[:offset])}", offset
    hints = [hint for pattern, hint in _HINTS if re.match(pattern, rest)]
    if hints:
        return hints[0], offset
    known = [words for beginning, words in _REASONS.items() if error.msg.startswith(beginning)]
    return (known[0] if known else error.msg), offset


def _what_is_open(text: str) -> str:
    opened: List[Tuple[str, int]] = []
    for match in re.finditer(rf"{_STRING}|[{{\[]|[}}\]]", text):
        if match.group() in ("{", "["):
            opened.append((match.group(), match.start()))
        elif match.group() in ("}", "]") and opened:
            opened.pop()
    if not opened:
        return "the document is incomplete"
    bracket, offset = opened[-1]
    line, column = line_and_column(text, offset)
    return f"the {bracket} at line {line}, column {column} is not closed"
