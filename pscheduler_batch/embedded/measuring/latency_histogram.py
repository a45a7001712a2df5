"""What a histogram of pScheduler's latency results says: the keys are values as text, the values are how many."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import Dict, List, Mapping, Union

Statistics = Dict[str, Union[float, List[float]]]


def statistics(histogram: Mapping[str, int], unit: float = 1.0) -> Statistics:
    """
    Work out the figures of a histogram.

    Percentiles are interpolated between neighbours at rank *p* (*n* + 1), as the NIST handbook has it.

    >>> statistics({"1": 1, "2": 2, "3": 1})["median"]
    2.0

    Args:
        histogram: Counts by value; may be empty.
        unit: What the values are multiplied with.

    Returns:
        ``median``, ``minimum``, ``maximum``, ``mean``, ``mode`` (a list), ``percentile-25``, ``percentile-75``,
        ``percentile-95``, ``variance`` and ``standard-deviation``; nothing for an empty histogram.
    """
    pairs = sorted((float(value) * unit, count) for value, count in histogram.items() if count)
    if not pairs:
        return {}
    values = [value for value, _ in pairs]
    ranks = list(accumulate(count for _, count in pairs))
    size = ranks[-1]
    mean = math.fsum(value * count for value, count in pairs) / size
    variance = math.fsum((value - mean) ** 2 * count for value, count in pairs) / size
    most = max(count for _, count in pairs)

    def percentile(share: float) -> float:
        rank = min(max(share * (size + 1), 1.0), float(size))
        below = values[bisect_left(ranks, math.floor(rank))]
        above = values[bisect_left(ranks, math.ceil(rank))]
        return below + (rank - math.floor(rank)) * (above - below)

    return {
        "median": percentile(0.5),
        "minimum": values[0],
        "maximum": values[-1],
        "mean": mean,
        "mode": [value for value, count in pairs if count == most],
        "percentile-25": percentile(0.25),
        "percentile-75": percentile(0.75),
        "percentile-95": percentile(0.95),
        "variance": variance,
        "standard-deviation": math.sqrt(variance),
    }
