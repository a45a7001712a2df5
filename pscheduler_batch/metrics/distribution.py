"""
Statistics of samples that are known one by one or only as a histogram.

Every sample has the same weight. A percentile is interpolated linearly between the two samples next to its rank,
counted from the smallest sample to the largest ("inclusive"), as NumPy and spreadsheets do by default. The standard
deviation is that of the samples themselves (divided by their number, not by one less), as ping reports it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Dict, Iterator, Mapping

# With more different values, samples are rounded; these take some 10 MB.
MOST_VALUES = 100_000
_DIGITS = 6


class SampleCounts:
    """
    Samples that are added up: how many there are of each value.

    If there are more different values than a limit, all but the smallest and the largest are rounded to six significant
    digits, or to fewer if that is not enough.

    >>> samples = SampleCounts(most=4)
    >>> samples.add({1.23456: 1, 1.2346: 2, 1.4: 1})
    >>> samples.add({1.23456: 1, 1.12345678: 1, 2.12345678: 1})
    >>> samples.counts, samples.size
    ({1.2346: 4, 1.4: 1, 1.12345678: 1, 2.12345678: 1}, 7)
    """

    def __init__(self, most: int = MOST_VALUES) -> None:
        """
        Start without samples.

        Args:
            most: How many different values there may be.
        """
        self.counts: Dict[float, int] = {}
        self._most = most
        self._digits = _DIGITS

    @property
    def size(self) -> int:
        """The number of samples."""
        return sum(self.counts.values())

    def add(self, more: Mapping[float, int]) -> None:
        """Add samples."""
        for value, count in more.items():
            self.counts[value] = self.counts.get(value, 0) + count
        while len(self.counts) > self._most and self._digits:
            self._round()
            # So that it is not needed again soon.
            self._digits -= len(self.counts) > self._most / 2

    def _round(self) -> None:
        ends = {min(self.counts), max(self.counts)}
        exact, self.counts = self.counts, {}
        for value, count in exact.items():
            rounded = value if value in ends else float(f"{value:.{self._digits}g}")
            self.counts[rounded] = self.counts.get(rounded, 0) + count


class CompactCounts(Mapping[float, int]):
    """
    How many samples there are of each value, in a quarter of the memory of a dictionary.

    >>> counts = CompactCounts({0.5: 1, 0.25: 3})
    >>> dict(counts), counts[0.25], 0.4 in counts
    ({0.25: 3, 0.5: 1}, 3, False)
    """

    __slots__ = ("_counts", "_values")

    def __init__(self, counts: Mapping[float, int]) -> None:
        """
        Copy the samples.

        Args:
            counts: How many samples there are of each value.
        """
        self._values = array("d", sorted(counts))
        self._counts = array("Q", [counts[value] for value in self._values])

    def __getitem__(self, value: float) -> int:
        """Return how many samples have a value that there is."""
        place = bisect_left(self._values, value)
        if place == len(self) or self._values[place] != value:
            raise KeyError(value)
        return self._counts[place]

    def __iter__(self) -> Iterator[float]:
        """Iterate over the values in ascending order."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many different values there are."""
        return len(self._values)


class Distribution:
    """
    Samples in ascending order, equal ones counted.

    >>> samples = Distribution({1.0: 2, 4.0: 1, 9.0: 1})
    >>> samples.size, samples.mean, samples.percentile(0.5), samples.percentile(0.75)
    (4, 3.75, 2.5, 5.25)
    """

    def __init__(self, counts: Mapping[float, int]) -> None:
        """
        Sort the samples.

        Args:
            counts: How many samples there are of each value: at least one value, each count positive.
        """
        self._values = sorted(counts)
        self._counts = [counts[value] for value in self._values]
        self._ranks = list(accumulate(self._counts))

    @property
    def size(self) -> int:
        """The number of samples."""
        return self._ranks[-1]

    @property
    def smallest(self) -> float:
        """The smallest sample."""
        return self._values[0]

    @property
    def largest(self) -> float:
        """The largest sample."""
        return self._values[-1]

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return math.fsum(value * count for value, count in zip(self._values, self._counts)) / self.size

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        mean = self.mean
        squares = ((value - mean) ** 2 * count for value, count in zip(self._values, self._counts))
        return math.sqrt(math.fsum(squares) / self.size)

    def percentile(self, share: float) -> float:
        """
        Return the value that a share of the samples do not exceed.

        Args:
            share: From 0 to 1; 0.5 is the median.
        """
        rank = share * (self.size - 1)
        below, above = self._at(math.floor(rank)), self._at(math.ceil(rank))
        return below + (rank - math.floor(rank)) * (above - below)

    def _at(self, rank: int) -> float:
        """Return the sample of a rank, counted from 0."""
        return self._values[bisect_right(self._ranks, rank)]
