"""The report for databases and data frames: JSON Lines, one object per run."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Iterator

from pscheduler_batch.report.rows import BatchReport, Row


class JsonlReport:
    """
    One object in one line for every run, and for every iteration without a run.

    It is what :meth:`~pscheduler_batch.report.rows.Row.as_dict` returns: flat, in base units, times in UTC. The text is
    ASCII, which is safe in any encoding and on a terminal.
    """

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the lines."""
        for row in report.rows:
            yield f"{json_line(row)}\n"


def json_line(row: Row) -> str:
    """Write valid JSON without unpaired surrogates; numbers that JSON does not have are null already."""
    text = json.dumps(row.as_dict(), default=datetime.isoformat, ensure_ascii=False)
    return text if text.isascii() else json.dumps(json.loads(text.encode("utf-8", "replace")))
