"""How much is measured, and what becomes of a measurement that fails."""

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
        short: Whether only what shows that something is clearly off.
        repeat: How often each thing is measured; None leaves it to the case.
        tell: Is given a line for each thing that is about to be measured.
    """

    short: bool
    repeat: Optional[int]
    tell: Callable[[str], None]

    def times(self, usual: int) -> int:
        """Say how often to measure what is usually measured so many times."""
        return self.repeat or (min(usual, 2) if self.short else usual)

    def row(self, blank: Row, measure: Callable[[Row], Row]) -> Row:
        """
        Measure a row; if that fails, the row says why, and the other rows are measured all the same.

        Args:
            blank: The row without figures.
            measure: Fills it.
        """
        self.tell(f"({blank.case}) {blank.what}")
        try:
            return measure(blank)
        except BenchmarkError as error:
            return replace(blank, trouble=str(error))
