"""Formats of reports as another package would add them."""

from __future__ import annotations

from pscheduler_batch.report.formats import Format


class CountReport:
    """The number of runs, in two pieces of different types."""

    def render(self, report):
        """Write the pieces."""
        yield f"{len(report.rows)} rüns\ud800"
        yield b"\xff\n"


class BrokenReport:
    """A report that fails after its first piece."""

    def render(self, report):
        """Write a piece, and fail."""
        yield "first"
        raise OSError(28, f"no room for {len(report.rows)} runs")


COUNT = Format("tests.support.report_formats:CountReport", "the number of runs", (".COUNT", ".csv"))
BROKEN = Format("tests.support.report_formats:BrokenReport", "nothing", (".broken",))
NEEDY = Format("tests.support.report_formats:CountReport", "nothing", (".needy",), "no_such_library")
