"""The report for databases and data frames: JSON Lines, one object per run."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Dict, Iterator

from pscheduler_batch.report.rows import BatchReport


class JsonlReport:
    """
    One object in one line for every run, and for every iteration without a run.

    It is what :meth:`~pscheduler_batch.report.rows.Row.as_dict` returns: flat, in base units, times in UTC. The text is
    ASCII, which is safe in any encoding and on a terminal.
    """

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the lines."""
        for row in report.rows:
            yield _line(row.as_dict())


def _line(values: Dict[str, Any]) -> str:
    """Write valid JSON without unpaired surrogates; numbers that JSON does not have are null already."""
    text = json.dumps(values, default=datetime.isoformat, ensure_ascii=False)
    if not text.isascii():
        text = json.dumps(json.loads(text.encode("utf-8", "replace")))
    return f"{text}\n"
