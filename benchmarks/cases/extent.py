"""How much is measured, and how a failed measurement is reported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional

from benchmarks.figures import Row
from benchmarks.measuring import BenchmarkError


@dataclass(frozen=True)
class Extent:
    """
    How much is measured.

    Attributes:
        short: Whether to measure only as much as shows that something is clearly off.
        repeat: How often each thing is measured; None for the default of the case.
        tell: Called with a line before each measurement.
    """

    short: bool
    repeat: Optional[int]
    tell: Callable[[str], None]

    def times(self, usual: int) -> int:
        """Return how often to measure what is usually measured this many times."""
        return self.repeat or (min(usual, 2) if self.short else usual)

    def row(self, blank: Row, measure: Callable[[Row], Row]) -> Row:
        """
        Measure a row; if that fails, the row gives the reason and the other rows are still measured.

        Args:
            blank: The row without figures.
            measure: Returns the row with its figures.
        """
        self.tell(f"({blank.case}) {blank.what}")
        try:
            return measure(blank)
        except BenchmarkError as error:
            return replace(blank, trouble=str(error))
