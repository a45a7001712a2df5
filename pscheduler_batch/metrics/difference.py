"""
Compute whether two samples differ significantly, and by how much (ADR 56).

This is the Mann-Whitney test and the Hodges-Lehmann estimator. Neither assumes anything about the distribution of the
values, and a single outlier changes little.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, groupby
from statistics import NormalDist
from typing import Dict, List, Optional, Sequence, Tuple

# The level of significance.
LEVEL = 0.05
# Up to this number of values together the distribution is exact; for more a normal one is close enough.
_EXACT = 40
# More halvings of an interval change none of its digits.
_HALVINGS = 100


@dataclass(frozen=True)
class Difference:
    """
    The difference between two samples.

    Attributes:
        shift: The median of all differences between a value of the second and one of the first.
        interval: The 95 % confidence interval of the difference; None with too few values.
        p: The probability of a difference at least as clear by chance.
        enough: Whether there are enough values for a difference to be significant.
    """

    shift: float
    interval: Optional[Tuple[float, float]]
    p: float
    enough: bool

    @property
    def is_clear(self) -> bool:
        """Whether the difference is significant."""
        return self.enough and self.p < LEVEL


def difference_of(first: Sequence[float], second: Sequence[float]) -> Difference:
    """
    Compare two samples.

    >>> difference_of([1, 2, 3, 4, 5], [4, 5, 6, 7, 8])
    Difference(shift=3.0, interval=(0.0, 6.0), p=0.03968253968253968, enough=True)

    Args:
        first: At least one finite value, in any order.
        second: The same.
    """
    pairs = _Differences(first, second)
    enough = math.comb(len(first) + len(second), len(first)) > 2 / LEVEL
    interval = None
    if enough:
        outside = _outside(len(first), len(second))
        interval = (pairs.at(outside), pairs.at(pairs.number - 1 - outside))
    middle = (pairs.number - 1) / 2
    shift = (pairs.at(math.floor(middle)) + pairs.at(math.ceil(middle))) / 2
    return Difference(shift, interval, p_value(first, second), enough)


def p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """
    Compute the two-sided p of the Mann-Whitney test.

    Equal values share their ranks. Of few values, all ways to divide them into two samples are counted; of many, p is
    that of a normal distribution, corrected for equal values and for continuity.

    Args:
        first: At least one finite value, in any order.
        second: The same.
    """
    counts = [(value, len(list(equal))) for value, equal in groupby(sorted(chain(first, second)))]
    ties = tuple(count for _, count in counts)
    # Ranks are doubled, so that those of equal values are integers.
    ends = list(accumulate(ties))
    ranks = {value: 2 * end - count + 1 for (value, count), end in zip(counts, ends)}
    doubled = sum(ranks[value] for value in first)
    size, total = len(first), ends[-1]
    if total <= _EXACT:
        ways = _rank_sums(ties, size)
        below = sum(number for rank_sum, number in ways.items() if rank_sum <= doubled)
        above = sum(number for rank_sum, number in ways.items() if rank_sum >= doubled)
        return min(1.0, 2 * min(below, above) / math.comb(total, size))
    equal = sum(count**3 - count for count in ties) / (total * (total - 1))
    deviation = math.sqrt(max(0.0, size * (total - size) / 12 * (total + 1 - equal)))
    distance = abs(doubled - size * (total + 1)) / 2 - 0.5
    if deviation == 0 or distance <= 0:
        return 1.0
    return math.erfc(distance / deviation / math.sqrt(2))


@lru_cache(maxsize=64)
def _rank_sums(ties: Tuple[int, ...], size: int) -> Dict[int, int]:
    """
    Count the ways to choose some of several values, by the sum of their doubled ranks.

    >>> _rank_sums((1, 2), 2)
    {7: 2, 10: 1}

    Args:
        ties: How many values are equal, in the order of the values.
        size: How many are chosen.
    """
    chosen: List[Dict[int, int]] = [{} for _ in range(size + 1)]
    chosen[0][0] = 1
    end = 0
    for count in ties:
        end += count
        rank = 2 * end - count + 1
        # Downwards, so that the counts that are read do not include these values yet.
        for number in range(min(size, end), 0, -1):
            sums = chosen[number]
            for taken in range(1, min(count, number) + 1):
                ways = math.comb(count, taken)
                for rank_sum, known in chosen[number - taken].items():
                    reached = rank_sum + taken * rank
                    sums[reached] = sums.get(reached, 0) + ways * known
    return dict(sorted(chosen[size].items()))


@lru_cache(maxsize=256)
def _outside(first: int, second: int) -> int:
    """Return how many differences are outside of the interval at each of its ends; there are enough values for one."""
    if first + second > _EXACT:
        deviation = math.sqrt(first * second * (first + second + 1) / 12)
        return max(0, math.floor(first * second / 2 + NormalDist().inv_cdf(LEVEL / 2) * deviation) - 1)
    allowed = math.comb(first + second, first) * LEVEL / 2
    cumulated = accumulate(_rank_sums((1,) * (first + second), first).values())
    return sum(1 for ways in cumulated if ways <= allowed) - 1


class _Differences:
    """All differences between a value of one sample and one of another, in ascending order, without storing them."""

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        self._first = sorted(map(float, first))
        self._second = sorted(map(float, second))

    @property
    def number(self) -> int:
        return len(self._first) * len(self._second)

    def at(self, rank: int) -> float:
        """Return the difference of a rank, counted from 0."""
        low, high = self._second[0] - self._first[-1], self._second[-1] - self._first[0]
        if self._count(low) > rank:
            return low
        # There are always at most that many differences up to "low", and more up to "high".
        for _ in range(_HALVINGS):
            middle = low + (high - low) / 2
            if not low < middle < high:
                break
            low, high = (low, middle) if self._count(middle) > rank else (middle, high)
        return min(self._next(value, low) for value in self._first)

    def _count(self, most: float) -> int:
        """Count the differences up to a value."""
        return sum(bisect_right(self._second, value + most) for value in self._first)

    def _next(self, value: float, above: float) -> float:
        """Return the smallest difference from a value that is above another difference."""
        place = bisect_right(self._second, value + above)
        return self._second[place] - value if place < len(self._second) else math.inf
