"""
Find integers that jq cannot represent.

Numbers in jq are doubles, so a transform may change a large integer; the user is warned of that (ADR 21).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, List, Set, Tuple

from pscheduler_batch.model import JSON

# Doubles represent all integers up to this one.
EXACT = 2**53


def large_numbers(value: JSON) -> Set[int]:
    """
    Return the integers in a JSON value that a double may not represent exactly (ADR 21).

    >>> large_numbers({"a": [2**53, 2**53 + 1]})
    {9007199254740993}
    """
    return {number for number in _numbers(value) if isinstance(number, int) and abs(number) > EXACT}


def changed_numbers(went_in: Set[int], after: JSON) -> List[Tuple[int, JSON]]:
    """
    Find integers that transforms changed (ADR 21).

    Args:
        went_in: The large integers that the transforms were given.
        after: The output of the transforms.

    Returns:
        Pairs of an integer and the number that took its place.

    >>> changed_numbers({9007199254740993}, {"a": 9007199254740992})
    [(9007199254740993, 9007199254740992)]
    """
    if not went_in:
        return []
    # An integer and an equal float are the same key of a dict.
    came_out = {number: number for number in _numbers(after)}
    pairs = [(number, came_out.get(_as_double(number))) for number in sorted(went_in) if number not in came_out]
    return [(number, became) for number, became in pairs if became is not None]


def _as_double(number: int) -> float:
    """Convert an integer as jq does; one that is too large becomes the largest double."""
    try:
        return float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max


def _numbers(value: JSON) -> Set[Any]:
    """Return the numbers in a JSON value that a double may not represent exactly."""
    found: Set[Any] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        # Most of a large $global is text.
        if isinstance(item, str):
            continue
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool) and abs(item) >= EXACT:
            found.add(item)
    return found
