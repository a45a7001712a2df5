"""The report for databases and data frames: JSON Lines, one object per run."""

from __future__ import annotations

import json
from datetime import datetime
from math import isfinite
from typing import Any, Dict, Iterator

from pscheduler_batch.report.rows import BatchReport


class JsonlReport:
    """
    One object in one line for every run, and for every iteration without a run.

    It is what :meth:`~pscheduler_batch.report.rows.Row.as_dict` returns: flat, in base units, times in UTC. The text is
    ASCII, which needs no encoding and no care on a terminal.
    """

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the lines."""
        for row in report.rows:
            yield _line(row.as_dict())


def _line(values: Dict[str, Any]) -> str:
    """Write what every reader of JSON takes: a number that JSON does not have is null, and no surrogate is unpaired."""
    try:
        text = _dumps(values)
    except ValueError:
        text = _dumps({name: None if _is_no_number(value) else value for name, value in values.items()})
    if not text.isascii():
        text = json.dumps(json.loads(text.encode("utf-8", "replace")))
    return f"{text}\n"


def _dumps(values: Dict[str, Any]) -> str:
    return json.dumps(values, default=datetime.isoformat, ensure_ascii=False, allow_nan=False)


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not isfinite(value)
