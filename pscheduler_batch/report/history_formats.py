"""Histories as text, CSV, JSON and HTML."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Dict, Iterator, List, Mapping, Optional

from rich.text import Text

from pscheduler_batch.metrics.table import main_metrics
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.report.exports import CSV, HTML, TEXT, csv_text, json_text
from pscheduler_batch.report.formatting import moment, one_line
from pscheduler_batch.report.history import History, MetricHistory, Series, Spread
from pscheduler_batch.report.history_words import BAD, MOST_SENTENCES, sentences_of, span_words, usual_words
from pscheduler_batch.report.metrics_table import grouped_lines
from pscheduler_batch.report.run_table import judgment_lines
from pscheduler_batch.terminal.table import WIDEST, Cell, Column, render_lines
from pscheduler_batch.text import count_words

_STYLES = {True: "red", False: "green", None: ""}
# How many reasons of failures the text lists.
_REASONS = 10


def render_history(form: str, history: History, width: Optional[int] = None) -> str:
    """
    Write a history.

    Args:
        form: One of :data:`~pscheduler_batch.report.exports.FORMATS`.
        history: The history.
        width: The most characters in a line of text; None for as many as it needs.
    """
    if form == TEXT:
        return _as_text(history, width)
    if form == HTML:
        # The other formats do not need what pages need.
        page: str = import_module("pscheduler_batch.report.history_page").render_page(history)
        return page
    return csv_text(list(_lines(history))) if form == CSV else json_text(_document(history))


def shown_metrics(series: Series) -> List[MetricHistory]:
    """Select the metrics that are shown where there is no room for all."""
    chosen = main_metrics({each.metric.name: 0.0 for each in series.metrics})
    return [each for each in series.metrics if each.metric.name in chosen]


def totals_words(history: History) -> str:
    """Sum up the runs, such as "480 runs in 20 outputs, 3 failed"."""
    runs, outputs = count_words(history.runs, "run"), count_words(len(history.sources), "output")
    words = f"{runs} in {outputs}, {history.failed:,} failed"
    return f"{words}; {count_words(history.outside, 'run')} outside the period" if history.outside else words


def _as_text(history: History, width: Optional[int]) -> str:
    tables = [(each, shown_metrics(each)) for each in history.series]
    metrics = [metric for _, shown in tables for metric in shown]
    columns = (
        Column("metric", tuple(Cell(each.metric.name) for each in metrics), 12, 20, 5),
        Column("last", tuple(Cell(_words(each.last, each)) for each in metrics), 6, 9, 4, right=True),
        Column("usual", tuple(Cell(usual_words(each)) for each in metrics), 8, 22, 3),
        Column("median", tuple(Cell(_median(each)) for each in metrics), 6, 9, 1, right=True),
        Column("", tuple(Cell(each.verdict, style=_STYLES[each.is_worse]) for each in metrics), 6, 14, 2),
    )
    lines, needed = grouped_lines(columns, [(_heading(each), shown) for each, shown in tables], width)
    sentences = sentences_of(history)
    said = [Text(each.text, style="red" if each.kind == BAD else "") for each in sentences[:MOST_SENTENCES]]
    if len(sentences) > MOST_SENTENCES:
        said.append(Text(f"And {len(sentences) - MOST_SENTENCES:,} more, marked below."))
    lines = [*said, *([Text("")] if said and lines else []), *lines]
    lines += [
        Text(f"{count_words(each.runs, 'run')} failed, the last on {moment(each.last)}: {each.reason}")
        for each in history.failures[:_REASONS]
    ]
    if len(history.failures) > _REASONS:
        lines.append(Text(f"and {len(history.failures) - _REASONS:,} more reasons"))
    lines += judgment_lines(history.judgments)
    lines += [Text(note) for note in history.notes]
    span = span_words(history)
    return render_lines([*lines, Text(totals_words(history) + (f"; {span}" if span else ""))], needed)


def _heading(series: Series) -> str:
    runs, failed = sum(series.runs.values()), sum(series.failed.values())
    words = f"{count_words(runs, 'run')}, {failed:,} failed" if failed else count_words(runs, "run")
    test = f"{one_line(series.test, WIDEST)}, " if series.test else ""
    return f"{series.name} ({test}{words}, last {moment(series.last.start)})"


def _words(value: Optional[float], each: MetricHistory) -> str:
    return "" if value is None else value_words(value, each.metric.unit)


def _median(each: MetricHistory) -> str:
    return "" if each.usual is None else value_words(each.usual.median, each.metric.unit)


def _lines(history: History) -> Iterator[Mapping[str, Any]]:
    # A dictionary, as it keeps the order of first appearance.
    varied = dict.fromkeys(where for series in history.series for where in series.varied)
    for series in history.series:
        about = {"label": series.label, "test": series.test, "destination": series.destination}
        given = {where: series.varied.get(where) for where in varied}
        for bucket, runs in series.runs.items():
            counts = {
                "bucket": history.size.name,
                "start": history.buckets[bucket].isoformat(),
                "runs": runs,
                "failed": series.failed.get(bucket, 0),
            }
            measured = [each for each in series.metrics if bucket in each.spreads]
            for each in measured:
                named = {"metric": each.metric.name, "unit": each.metric.unit}
                yield {**about, **given, **named, **counts, **_pairs(each.spreads[bucket])}
            if not measured:
                yield {**about, **given, "metric": "", "unit": "", **counts, **dict.fromkeys(_PAIRS)}


_PAIRS = ("measured", "median", "p10", "p90")


def _pairs(spread: Spread) -> Dict[str, Any]:
    return dict(zip(_PAIRS, (spread.runs, spread.median, spread.p10, spread.p90)))


def _document(history: History) -> Dict[str, Any]:
    return {
        "since": None if history.period.since is None else history.period.since.isoformat(),
        "until": None if history.period.until is None else history.period.until.isoformat(),
        "bucket": history.size.name,
        "outputs": list(history.sources),
        "runs": history.runs,
        "failed": history.failed,
        "outside": history.outside,
        "notes": list(history.notes),
        "unusual": [each.text for each in sentences_of(history)],
        "series": [_series(history, each) for each in history.series],
        "failures": [
            {"reason": each.reason, "runs": each.runs, "labels": list(each.jobs), "last": each.last.isoformat()}
            for each in history.failures
        ],
        "expectations": [judgment.as_pairs() for judgment in history.judgments],
    }


def _series(history: History, series: Series) -> Dict[str, Any]:
    last = series.last
    return {
        "label": series.label,
        "test": series.test,
        "destination": series.destination,
        "varied": dict(series.varied),
        "last": {
            "start": last.start.isoformat(),
            "output": last.source,
            "runs": last.runs,
            "failed": last.failed,
            "reason": last.reason,
        },
        "buckets": [
            {"start": history.buckets[bucket].isoformat(), "runs": runs, "failed": series.failed.get(bucket, 0)}
            for bucket, runs in series.runs.items()
        ],
        "metrics": [
            {
                "metric": each.metric.name,
                "unit": each.metric.unit,
                "last": each.last,
                "usual": None if each.usual is None else _pairs(each.usual),
                "verdict": each.verdict,
                "buckets": [
                    {"start": history.buckets[bucket].isoformat(), **_pairs(spread)}
                    for bucket, spread in each.spreads.items()
                ],
            }
            for each in series.metrics
        ],
    }
