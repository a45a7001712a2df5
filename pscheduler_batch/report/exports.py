"""What comparisons and histories have in common as files: their formats, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePath
from typing import Any, Mapping, Sequence

from pscheduler_batch.report.added_formats import FormatError
from pscheduler_batch.report.csv_report import csv_value
from pscheduler_batch.text import printable

TEXT = "text"
HTML = "html"
CSV = "csv"
JSON = "json"
FORMATS = (TEXT, CSV, JSON, HTML)
_ENDINGS = {".txt": TEXT, ".csv": CSV, ".json": JSON, ".html": HTML, ".htm": HTML}


def format_of_ending(name: str, *, default: str, what: str) -> str:
    """
    Return the format that the ending of a file name stands for.

    >>> [format_of_ending(name, default="text", what="comparison") for name in ("a.txt", "a.CSV", "a")]
    ['text', 'csv', 'text']

    Args:
        name: The name.
        default: The format where there is no ending.
        what: What is written, for the message.

    Raises:
        FormatError: The ending stands for something else.
    """
    ending = PurePath(name).suffix.lower()
    if ending and ending not in _ENDINGS:
        raise FormatError(
            f"cannot tell the format of the {what} from the name {printable(name)}: "
            "use the ending .txt, .csv, .json or .html, or choose a format with --format"
        )
    return _ENDINGS.get(ending, default)


def json_text(document: Mapping[str, Any]) -> str:
    """Write JSON that every reader takes: no surrogate is unpaired."""
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return f"{json.dumps(json.loads(text), indent=2)}\n"


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """
    Write CSV.

    Args:
        lines: Cells by the names of the columns, which are the same in all lines; None is an empty cell.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    if lines:
        writer.writerow(map(csv_value, lines[0]))
    writer.writerows(["" if value is None else csv_value(value) for value in line.values()] for line in lines)
    return stream.getvalue()
