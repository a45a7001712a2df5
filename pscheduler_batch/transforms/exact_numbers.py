"""
Whole numbers that jq cannot hold.

jq's numbers are doubles, so a large whole number that goes through a transform may come out as another one; that is
told (ADR 21).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, List, Set, Tuple

from pscheduler_batch.model import JSON

# The largest span of whole numbers that a double holds without gaps.
EXACT = 2**53


def large_numbers(value: JSON) -> Set[int]:
    """
    Find the whole numbers in a JSON value that a double may not hold exactly (ADR 21).

    >>> large_numbers({"a": [2**53, 2**53 + 1]})
    {9007199254740993}
    """
    return {number for number in _numbers(value) if isinstance(number, int) and abs(number) > EXACT}


def changed_numbers(went_in: Set[int], after: JSON) -> List[Tuple[int, JSON]]:
    """
    Find whole numbers that jq could not hold (ADR 21).

    Args:
        went_in: The large numbers that the transforms were given.
        after: What came out of them.

    Returns:
        Pairs of a number that went in and what came out in its place.

    >>> changed_numbers({9007199254740993}, {"a": 9007199254740992})
    [(9007199254740993, 9007199254740992)]
    """
    if not went_in:
        return []
    # Equal numbers are one name of a dict, be they whole or not.
    came_out = {number: number for number in _numbers(after)}
    pairs = [(number, came_out.get(_as_double(number))) for number in sorted(went_in) if number not in came_out]
    return [(number, became) for number, became in pairs if became is not None]


def _as_double(number: int) -> float:
    """Say what jq makes of a whole number; what is too large for a double becomes the largest one."""
    try:
        return float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max


def _numbers(value: JSON) -> Set[Any]:
    """Collect the numbers in a JSON value that a double may not hold exactly."""
    found: Set[Any] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        # Most of a large $global are texts.
        if isinstance(item, str):
            continue
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool) and abs(item) >= EXACT:
            found.add(item)
    return found
