"""A history as one page of HTML, with a plot of each metric."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch._version import __version__
from pscheduler_batch.metrics.units import scale_of, value_words
from pscheduler_batch.report.buckets import bucket_words
from pscheduler_batch.report.history import NO_VALUE, TOO_FEW, USUAL, History, MetricHistory, Series
from pscheduler_batch.report.history_formats import shown_metrics
from pscheduler_batch.report.history_words import (
    BAD,
    MOST_SENTENCES,
    Sentence,
    brief_words,
    ran_before,
    sentences_of,
    span_words,
    title_of,
    usual_words,
)
from pscheduler_batch.report.html_report import page_environment, page_file, page_library, policy_of
from pscheduler_batch.report.packing import Pack

# So many series have their numbers in the page, and so many points are in its plots; others are in CSV and JSON.
MOST_SERIES = 200
MOST_POINTS = 100_000
# Of more series, only those that are not usual are unfolded, and at most as many.
_UNFOLDED = 6
_REASONS = 20
_STYLES = {True: "bad", False: "good", None: ""}


def render_page(history: History, most_points: int = MOST_POINTS) -> str:
    """
    Write the page; the same history gives the same page.

    Args:
        history: The history.
        most_points: How many points there are in all plots together.
    """
    scripts = (page_library("chart.umd.min.js"), page_file("unpack.js"), page_file("plots.js"))
    styles = (page_file("report.css"), page_file("history.css"))
    sentences = sentences_of(history)
    contents = _Contents(history, sentences, most_points)
    values: Dict[str, Any] = {
        "history": history,
        "title": title_of(history, sentences),
        "good": not any(each.kind == BAD for each in sentences) and all(each.met for each in history.judgments),
        "span": span_words(history),
        "sentences": [(sentence, contents.key_of(sentence)) for sentence in sentences[:MOST_SENTENCES]],
        "more_sentences": max(len(sentences) - MOST_SENTENCES, 0),
        "failures": history.failures[:_REASONS],
        "more_failures": max(len(history.failures) - _REASONS, 0),
        "entries": contents.entries,
        "others": contents.others,
        "drawings": Pack(json.dumps(contents.drawings, separators=(",", ":"))).close(),
        "scripts": scripts,
        "styles": styles,
        "policy": policy_of(scripts, styles),
        "version": __version__,
    }
    return page_environment().get_template("history.html.j2").render(values)


class _Contents:
    """
    What the page shows of each series.

    Attributes:
        drawings: The numbers of the plots; the first two are the runs and the failed runs of all series together.
        entries: The series that have their numbers in the page.
        others: The series that do not.
    """

    def __init__(self, history: History, sentences: Sequence[Sentence], most_points: int) -> None:
        self._history = history
        self._points = most_points
        self.drawings: List[Mapping[str, Any]] = _counts(history)
        marked = dict.fromkeys(number for sentence in sentences for number in sentence.series)
        ranked = [*marked, *(number for number in range(len(history.series)) if number not in marked)]
        chosen = set(ranked[:MOST_SERIES])
        unfolded = set(ranked[:_UNFOLDED]) if len(ranked) <= _UNFOLDED else set(list(marked)[:_UNFOLDED])
        self.others = [each for number, each in enumerate(history.series) if number not in chosen]
        shown = [(number, each) for number, each in enumerate(history.series) if number in chosen]
        # Where there is no room for all plots, those of the main metrics come first, those of unusual series before.
        order = {number: rank for rank, number in enumerate(ranked)}
        plots: Dict[Tuple[int, bool], List[Dict[str, Any]]] = {}
        for is_main in (True, False):
            for number, each in sorted(shown, key=lambda item: order[item[0]]):
                plots[number, is_main] = list(self._plots(each, _chosen(each, is_main=is_main)))
        self.entries = [
            {
                "key": f"s{number}",
                "series": each,
                "runs": sum(each.runs.values()),
                "failed": sum(each.failed.values()),
                "open": number in unfolded,
                "parts": [_part(_chosen(each, is_main=is_main), plots[number, is_main]) for is_main in (True, False)],
                "brief": brief_words(shown_metrics(each)),
                "ran_before": ran_before(history, each),
                "unusual": sum(metric.is_unusual for metric in _chosen(each, is_main=True)),
                "is_worse": any(metric.is_unusual and metric.is_worse for metric in _chosen(each, is_main=True)),
            }
            for number, each in shown
        ]
        self._keys = {number: f"s{number}" for number, _ in shown}

    def key_of(self, sentence: Sentence) -> Optional[str]:
        """Return where the first series of a sentence is."""
        return next((self._keys[number] for number in sentence.series if number in self._keys), None)

    def _plots(self, series: Series, metrics: Sequence[MetricHistory]) -> Iterator[Dict[str, Any]]:
        for each in metrics:
            if each.is_constant or len(each.spreads) < 2:  # noqa: PLR2004 - a line needs two points
                continue
            self._points -= len(each.spreads)
            if self._points < 0:
                yield {"left_out": each.metric.title}
                continue
            yield {"number": len(self.drawings), "title": each.metric.title}
            self.drawings.append(_drawing(self._history, series, each))


def _chosen(series: Series, *, is_main: bool) -> List[MetricHistory]:
    shown = shown_metrics(series)
    return shown if is_main else [each for each in series.metrics if each not in shown]


def _part(metrics: Sequence[MetricHistory], plots: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    constant = [
        each for each in metrics if each.is_constant and sum(spread.runs for spread in each.spreads.values()) > 1
    ]
    return {
        "rows": [_row(each) for each in metrics],
        "constant": ", ".join(
            f"{each.metric.name} {value_words(each.extremes[0], each.metric.unit)}" for each in constant
        ),
        "plots": [plot for plot in plots if "number" in plot],
        "left_out": [plot["left_out"] for plot in plots if "left_out" in plot],
    }


def _row(each: MetricHistory) -> Dict[str, Any]:
    unit = each.metric.unit
    return {
        "metric": each.metric,
        "last": "" if each.last is None else value_words(each.last, unit),
        "usual": usual_words(each),
        "median": "" if each.usual is None else value_words(each.usual.median, unit),
        "verdict": each.verdict,
        "style": _STYLES[each.is_worse] if each.is_unusual else "",
        "soft": each.verdict in {USUAL, TOO_FEW, NO_VALUE},
    }


def _counts(history: History) -> List[Mapping[str, Any]]:
    """Count the runs and the failed runs of all series; the first drawing has the places of all others."""
    numbers = range(len(history.buckets))
    runs = [sum(each.runs.get(number, 0) for each in history.series) for number in numbers]
    failed = [sum(each.failed.get(number, 0) for each in history.series) for number in numbers]
    places = [bucket_words(history.size, start) for start in history.buckets]
    return [
        {"kind": "counts", "places": places, "counts": runs, "colour": "series-1", "what": ""},
        {"kind": "counts", "counts": failed, "colour": "series-5", "what": " failed"},
    ]


def _drawing(history: History, series: Series, each: MetricHistory) -> Dict[str, Any]:
    known = [value for spread in each.spreads.values() for value in (spread.p10, spread.p90)]
    factor, unit = scale_of(each.metric.unit, known)

    def scaled(value: Optional[float]) -> Optional[float]:
        return None if value is None else float(f"{value * factor:.5g}")

    spreads = [each.spreads.get(number) for number in range(len(history.buckets))]
    return {
        "kind": "history",
        "unit": unit,
        "from_zero": min(known) >= 0,
        "runs": [spread and spread.runs for spread in spreads],
        "low": [spread and scaled(spread.p10) for spread in spreads],
        "middle": [spread and scaled(spread.median) for spread in spreads],
        "high": [spread and scaled(spread.p90) for spread in spreads],
        "last": scaled(each.last),
        "last_place": max(series.runs),
        "mark": {"bad": "series-5", "good": "series-3"}.get(_STYLES[each.is_worse], "ink")
        if each.is_unusual
        else "ink",
        "usual": None if each.usual is None else [scaled(each.usual.p10), scaled(each.usual.p90)],
    }
