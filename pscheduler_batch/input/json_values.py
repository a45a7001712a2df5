"""
Convert a Python object to plain JSON and strip comments.

Parsed files and objects of Python programs take the same way, so one rule copies them, strips their comments and finds
what cannot be written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Dict, List, Tuple

from pscheduler_batch.pointers import Path, is_secret
from pscheduler_batch.text import HIDDEN

# The validator stops at 255 levels and the limit of the interpreter varies; no sensible batch comes near.
MAX_DEPTH = 200
TOO_DEEP = f"nested too deeply: at most {MAX_DEPTH} levels of objects and arrays are allowed"
# Python neither reads nor writes longer whole numbers (sys.get_int_max_str_digits); 14,280 bits are 4,299 digits.
MAX_DIGITS = 4300
_MAX_BITS = 14280

_AS_IS = frozenset([bool, type(None)])
_MAX_SIMPLE = 2**63


@dataclass(frozen=True)
class Finding:
    """
    An error or warning about a part of a batch.

    Attributes:
        path: The path to the part.
        reason: The message.
        at_name: Whether it is about the name of the pair instead of its value.
    """

    path: Path
    reason: str
    at_name: bool = False


def to_plain(value: Any) -> Tuple[Any, List[Finding]]:
    """
    Copy a value without the pairs whose names begin with # (ADR 7).

    Args:
        value: The value, which is not changed; the copy shares nothing mutable with it. Tuples become arrays, and any
            mapping becomes an object.

    Returns:
        The copy, and findings about values that cannot be written as JSON; if there are any, do not use the copy.

    Raises:
        TooDeepError: It has more than 200 levels, or contains itself.
    """
    findings: List[Finding] = []
    return _copy(value, (), findings), findings


class TooDeepError(Exception):
    """
    The value is nested too deeply to be used.

    Attributes:
        path: The first steps of the path to the deepest part.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(TOO_DEEP)
        self.path = path[:3]


def _copy(value: Any, path: Path, findings: List[Finding]) -> Any:
    if isinstance(value, Mapping):
        _check_depth(path)
        return _copy_object(value, path, findings)
    if isinstance(value, (list, tuple)):
        _check_depth(path)
        # Almost all values of a large batch are simple, and do not need a call and a path each.
        return [
            item if _is_simple(item) else _copy(item, (*path, number), findings) for number, item in enumerate(value)
        ]
    return _copy_scalar(value, path, findings)


def _is_simple(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        simple: bool = value.isascii()
        return simple
    return kind in _AS_IS or (kind is int and -_MAX_SIMPLE < value < _MAX_SIMPLE)


def _copy_object(value: Mapping[Any, Any], path: Path, findings: List[Finding]) -> Dict[str, Any]:
    copy: Dict[str, Any] = {}
    for name, item in value.items():
        if not isinstance(name, str):
            reason = f"found a name of the Python type {type(name).__name__}; in JSON every name is a string"
            findings.append(Finding((*path, str(name)), reason, at_name=True))
        elif not name.startswith("#"):
            if not name.isascii():
                _check_text(name, path, findings)
            copy[name] = item if _is_simple(item) else _copy(item, (*path, name), findings)
    return copy


def _copy_scalar(value: Any, path: Path, findings: List[Finding]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            _refuse(path, f"found a whole number of more than {MAX_DIGITS - 1} digits, which is too long", findings)
        return int(value)
    if isinstance(value, float):
        if not isfinite(value):
            _refuse(path, _why_not_finite(value), findings)
        return float(value)
    if isinstance(value, str):
        _check_text(value, path, findings)
        return str(value)
    _refuse(path, f"found a Python {type(value).__name__}, which cannot be written as JSON", findings)
    return None


def _refuse(path: Path, reason: str, findings: List[Finding]) -> None:
    shown = f"found {HIDDEN}, which cannot be written as JSON" if is_secret(path) else reason
    findings.append(Finding(path, shown))


def _check_text(text: str, path: Path, findings: List[Finding]) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        _refuse(path, f"invalid character: unpaired surrogate {half}", findings)


def _why_not_finite(value: float) -> str:
    if value != value:  # noqa: PLR0124 - only NaN is not equal to itself
        return "found NaN, which is not JSON; use a number or null"
    sign = "-" if value < 0 else ""
    return f"found {sign}Infinity, which is not JSON, or a number that is too large"


def _check_depth(path: Path) -> None:
    if len(path) >= MAX_DEPTH:
        raise TooDeepError(path)
