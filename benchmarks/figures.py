"""The values that cases return and tables show: figures beside their floors, targets, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Mapping, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Limit:
    """
    The maximum of a figure, or of its ratio to the floor.

    Attributes:
        most: The maximum.
        of: "ratio", or "figure" for the figure itself, in its unit.
    """

    most: float
    of: str = "ratio"


@dataclass(frozen=True)
class Row:
    """
    A row of the table.

    Attributes:
        case: The letter of its case.
        what: What was measured.
        unit: The unit of the figure and the floor: "s", "ms" or "MB"; empty if the row has only counts.
        figures: The measurements of the batch processor.
        floors: The measurements of the leanest program that does the same.
        target: The target.
        guard: The ratio above which the row is clearly off; never a time.
        counts: Counts by name.
        count_guards: The maximum of each count.
        trouble: The reason if there are no figures.
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
        """The median figure as a multiple of the median floor; None if one of them is missing."""
        return self.figure / self.floor if self.figure is not None and self.floor else None

    @property
    def is_met(self) -> Optional[bool]:
        """Whether the target is met; None without a target or a measurement."""
        if self.target is None:
            return None
        measured = self.ratio if self.target.of == "ratio" else self.figure
        return None if measured is None else measured <= self.target.most


def middle(values: Sequence[float]) -> Optional[float]:
    """
    Return the median, or None for no values.

    >>> middle((3.0, 1.0, 2.0)), middle(())
    (2.0, None)
    """
    return median(values) if values else None
