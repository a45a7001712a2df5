"""The values that cases give and tables show: figures beside their floors, targets, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Mapping, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Limit:
    """
    What a figure, or its ratio to the floor, should not be above.

    Attributes:
        most: The most it should be.
        of: "ratio", or "figure" where the figure counts by itself, in its unit.
    """

    most: float
    of: str = "ratio"


@dataclass(frozen=True)
class Row:
    """
    One thing that was measured.

    Attributes:
        case: The letter of its case.
        what: What was done.
        unit: Of the figure and the floor: "s", "ms" or "MB"; empty where only things were counted.
        figures: What the batch processor took, each time.
        floors: What the leanest took that does the same, each time.
        target: What is aimed at.
        guard: What is so far off that it is a fault; always a ratio, never a time.
        counts: What was counted, by its name.
        count_guards: The most that each count may be.
        trouble: Why there are no figures.
    """

    case: str
    what: str
    unit: str = "s"
    figures: Tuple[float, ...] = ()
    floors: Tuple[float, ...] = ()
    target: Optional[Limit] = None
    guard: Optional[float] = None
    counts: Mapping[str, float] = field(default_factory=dict)
    count_guards: Mapping[str, float] = field(default_factory=dict)
    trouble: Optional[str] = None

    @property
    def figure(self) -> Optional[float]:
        """The median of the figures."""
        return middle(self.figures)

    @property
    def floor(self) -> Optional[float]:
        """The median of the floors."""
        return middle(self.floors)

    @property
    def ratio(self) -> Optional[float]:
        """The median figure as a multiple of the median floor; None where there is no such thing."""
        return self.figure / self.floor if self.figure is not None and self.floor else None

    @property
    def is_met(self) -> Optional[bool]:
        """Whether the target is met; None where there is none, or nothing was measured."""
        if self.target is None:
            return None
        measured = self.ratio if self.target.of == "ratio" else self.figure
        return None if measured is None else measured <= self.target.most


def middle(values: Sequence[float]) -> Optional[float]:
    """
    Give the median; None of nothing.

    >>> middle((3.0, 1.0, 2.0)), middle(())
    (2.0, None)
    """
    return median(values) if values else None
