"""The table of a job's runs in the HTML report: its columns and cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Callable, Optional, Sequence, Tuple

from pscheduler_batch.metrics.table import METRICS, Metric, main_metrics
from pscheduler_batch.metrics.units import is_number, value_words
from pscheduler_batch.report.formatting import duration_words, one_line, times_of_day
from pscheduler_batch.report.rows import Row
from pscheduler_batch.report.starts import delay_of
from pscheduler_batch.text import short_duration, show

_MOST_VARIED = 3
_NOTHING = "\u2013"


@dataclass(frozen=True)
class HtmlCell:
    """
    What a table shows of one run in one column.

    Attributes:
        text: The text.
        unit: What follows it, less prominent.
        order: The key for sorting: a number where the column is numeric; empty keys come last.
    """

    text: str
    unit: str = ""
    order: str = ""


@dataclass(frozen=True)
class HtmlColumn:
    """
    A column of a table.

    Attributes:
        title: Its heading.
        short: What stands before its value on a narrow screen.
        hint: Its tooltip; may be empty.
        numeric: Whether it is sorted as numbers and aligned right.
        cell: Makes the cell of a run.
    """

    title: str
    hint: str
    numeric: bool
    cell: Callable[[Row], HtmlCell]
    short: str = ""


def columns_of(rows: Sequence[Row]) -> Tuple[HtmlColumn, ...]:
    """
    Choose the columns for the runs of a job.

    Hosts have columns only where they differ between runs; see :func:`same_of` for the others. Without metrics there
    is a column with the headline of the result.
    """
    chosen = [*_varied(rows), *_metrics(rows)]
    if not any(row.metrics for row in rows):
        chosen.append(HtmlColumn("Result", "", numeric=False, cell=lambda row: _words(row.headline)))
    if same_of(rows, "lead") is None and not _is_varied(rows, "lead"):
        chosen.append(HtmlColumn("Lead", "Host that ran the task", numeric=False, cell=lambda row: _words(row.lead)))
    if same_of(rows, "destination") is None and not _is_varied(rows, "destination"):
        chosen.append(HtmlColumn("Destination", "", numeric=False, cell=lambda row: _words(row.destination)))
    chosen.append(HtmlColumn("Start", "", numeric=True, cell=_time_cell(rows, lambda row: row.start), short="at"))
    if any(row.planned is not None for row in rows):
        hint = "How long after its planned start the run started"
        chosen.append(HtmlColumn("After plan", hint, numeric=True, cell=_after_plan))
    chosen.append(HtmlColumn("Duration", "", numeric=True, cell=_duration, short="for"))
    if any(row.result_time is not None for row in rows):
        hint = "When this one of several results was made"
        made_at = _time_cell(rows, lambda row: row.result_time)
        chosen.append(HtmlColumn("Result at", hint, numeric=True, cell=made_at))
    return tuple(
        replace(column, short=column.short or _short(column.title, [each.title for each in chosen]))
        for column in chosen
    )


def _short(title: str, titles: Sequence[str]) -> str:
    """
    Cut a title by the words that others end with, too.

    >>> _short("Mean round trip", ["Mean round trip", "Longest round trip"])
    'Mean'
    """
    words = title.split()
    for place in range(1, len(words)):
        ending = f" {' '.join(words[place:])}"
        if sum(other.endswith(ending) for other in titles) > 1:
            return " ".join(words[:place])
    return title


def same_of(rows: Sequence[Row], attribute: str) -> Optional[str]:
    """Return what all runs of a job have in common, such as their lead; None where they differ."""
    values = {str(getattr(row, attribute)) for row in rows}
    return values.pop() if len(values) == 1 else None


def _is_varied(rows: Sequence[Row], attribute: str) -> bool:
    """Return whether a column of what the transform varied already shows the same."""
    return any(all(row.varied.get(where) == getattr(row, attribute) for row in rows) for where in _pointers(rows))


def _pointers(rows: Sequence[Row]) -> Sequence[str]:
    return list(dict.fromkeys(pointer for row in rows for pointer in row.varied))[:_MOST_VARIED]


def _varied(rows: Sequence[Row]) -> Sequence[HtmlColumn]:
    pointers = _pointers(rows)
    names = [pointer.rsplit("/", 1)[-1] for pointer in pointers]
    return [
        HtmlColumn(
            one_line(name if names.count(name) == 1 else pointer, 40),
            one_line(pointer, 200),
            _numeric(rows, pointer),
            _value(pointer),
        )
        for name, pointer in zip(names, pointers)
    ]


def _numeric(rows: Sequence[Row], pointer: str) -> bool:
    return all(is_number(row.varied[pointer]) for row in rows if pointer in row.varied)


def _value(pointer: str) -> Callable[[Row], HtmlCell]:
    def cell(row: Row) -> HtmlCell:
        if pointer not in row.varied:
            return HtmlCell(_NOTHING)
        value = row.varied[pointer]
        text = one_line(value, 80) if isinstance(value, str) else show(value)
        return HtmlCell(text, order=text)

    return cell


def _metrics(rows: Sequence[Row]) -> Sequence[HtmlColumn]:
    found = {name for row in rows for name in main_metrics(row.metrics)}
    metrics = [metric for name, metric in METRICS.items() if name in found]
    return [HtmlColumn(metric.title, metric.meaning, numeric=True, cell=_metric(metric)) for metric in metrics]


def _metric(metric: Metric) -> Callable[[Row], HtmlCell]:
    def cell(row: Row) -> HtmlCell:
        if metric.name not in row.metrics:
            return HtmlCell(_NOTHING)
        value = row.metrics[metric.name]
        number, space, unit = value_words(value, metric.unit).rpartition(" ")
        return HtmlCell(number, unit, str(value)) if space else HtmlCell(unit, order=str(value))

    return cell


def _words(text: str) -> HtmlCell:
    shown = one_line(text, 200)
    return HtmlCell(shown or _NOTHING, order=shown.lower())


def _time_cell(rows: Sequence[Row], moment: Callable[[Row], Optional[datetime]]) -> Callable[[Row], HtmlCell]:
    write = times_of_day(map(moment, rows))

    def cell(row: Row) -> HtmlCell:
        when = moment(row)
        return HtmlCell(_NOTHING) if when is None else HtmlCell(write(when), order=_seconds_since_epoch(when))

    return cell


def _seconds_since_epoch(when: datetime) -> str:
    return str((when - datetime(1970, 1, 1, tzinfo=when.tzinfo)).total_seconds())


def _after_plan(row: Row) -> HtmlCell:
    delay = delay_of(row)
    return (
        HtmlCell(_NOTHING)
        if delay is None
        else HtmlCell(short_duration(delay.total_seconds()), order=str(delay.total_seconds()))
    )


def _duration(row: Row) -> HtmlCell:
    length = row.duration
    return HtmlCell(_NOTHING) if length is None else HtmlCell(duration_words(row), order=str(length.total_seconds()))
