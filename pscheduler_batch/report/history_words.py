"""What is unusual in the last runs, in sentences made by plain rules (ADR 61)."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from pscheduler_batch.metrics.table import main_metrics
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.report.formatting import moment
from pscheduler_batch.report.history import UNUSUALLY_HIGH, History, MetricHistory, Series, Spread
from pscheduler_batch.text import list_names

GOOD = "good"
BAD = "bad"
UNCLEAR = ""
# So many sentences are at the start of a page or a text.
MOST_SENTENCES = 12
# How many names a sentence lists.
_NAMED = 3
# Of metrics that are unusual together, a sentence is about the first with such an ending.
_PREFERRED = ("-mean", "-median", "throughput")


class Sentence(NamedTuple):
    """
    A sentence about the last runs.

    Attributes:
        text: The sentence.
        kind: Whether this is :data:`BAD`, :data:`GOOD` or :data:`UNCLEAR`.
        series: The numbers of the series that it is about.
    """

    text: str
    kind: str
    series: Tuple[int, ...]


def sentences_of(history: History) -> List[Sentence]:
    """List what is unusual in sentences: runs that failed first, then what has become worse, different, and better."""
    found = [*_failed(history), *_unusual(history)]
    order = (BAD, UNCLEAR, GOOD)
    return sorted(found, key=lambda sentence: order.index(sentence.kind))


def title_of(history: History, sentences: Sequence[Sentence]) -> str:
    """Sum up the last runs in a few words."""
    if not history.runs:
        return "No runs in this period"
    unusual = {number for sentence in sentences for number in sentence.series}
    failed = sum(bool(each.last.failed) for each in history.series)
    others = len(unusual) - failed
    if not unusual:
        judged = any(metric.usual is not None for each in history.series for metric in each.metrics)
        return "Nothing unusual in the last runs" if judged else "Too few runs to say what is usual"
    of = f" of {len(history.series):,}"
    parts = [f"{failed:,}{of} failed"] if failed else []
    parts += [f"{others:,}{'' if failed else of} unusual"] if others else []
    return f"Last runs: {', '.join(parts)}"


def span_words(history: History) -> str:
    """Write when the first and the last run started; empty without runs."""
    return "" if history.span is None else f"{moment(history.span[0])} to {moment(history.span[1])}"


def ran_before(history: History, series: Series) -> bool:
    """Return whether last runs are neither in the last output nor in the last hour, day or week of the history."""
    return series.last.source != history.last_source and max(series.runs) != len(history.buckets) - 1


def leading(metrics: Sequence[MetricHistory]) -> MetricHistory:
    """Choose the metric to be named where there is room for one; there is at least one."""
    return next((found for found in metrics if found.metric.name.endswith(_PREFERRED)), metrics[0])


def brief_words(metrics: Sequence[MetricHistory]) -> str:
    """Write the last value of the most important metric, with the usual range."""
    if not metrics:
        return ""
    lead = leading(metrics)
    if lead.last is None:
        return ""
    value, usual = value_words(lead.last, lead.metric.unit), usual_words(lead)
    title = lead.metric.title[:1].lower() + lead.metric.title[1:]
    return f"{title} {value}" + (f" (usually {usual})" if usual else "")


def usual_words(metric: MetricHistory) -> str:
    """Write the usual range of a metric, such as "0.4 to 0.6 ms"; empty where it is not known."""
    return "" if metric.usual is None else range_words(metric.usual, metric.metric.unit)


def range_words(spread: Spread, unit: str) -> str:
    """
    Write the range from p10 to p90.

    >>> range_words(Spread(9, 0.0005, 0.0004, 0.0006), "s"), range_words(Spread(9, 0.0, 0.0, 0.0), "ratio")
    ('0.4 to 0.6 ms', '0 %')
    """
    low, high = value_words(spread.p10, unit), value_words(spread.p90, unit)
    if low == high:
        return low
    number, _, of_low = low.partition(" ")
    return f"{number} to {high}" if of_low and of_low == high.partition(" ")[2] else f"{low} to {high}"


def _failed(history: History) -> Iterator[Sentence]:
    reasons: Dict[Tuple[str, bool, Optional[int]], List[int]] = {}
    for number, each in enumerate(history.series):
        if each.last.failed:
            is_partly = each.last.failed < each.last.runs
            bucket = max(each.runs) if ran_before(history, each) else None
            reasons.setdefault((each.last.reason or "", is_partly, bucket), []).append(number)
    for (reason, is_partly, bucket), numbers in reasons.items():
        names = _names(history.series[number].name for number in numbers)
        last = [history.series[number].last for number in numbers]
        failed, runs = sum(each.failed for each in last), sum(each.runs for each in last)
        of = f"{failed:,} of the last {runs:,} runs" if is_partly else "The last run"
        if runs > 1 and not is_partly:
            of = f"The last {runs:,} runs"
        when = "" if bucket is None else f" ({moment(max(each.start for each in last))})"
        yield Sentence(f"{of} of {names}{when} failed: {reason.rstrip('.')}.", BAD, tuple(numbers))


def _unusual(history: History) -> Iterator[Sentence]:
    for number, each in enumerate(history.series):
        groups: Dict[Tuple[str, str], List[MetricHistory]] = {}
        chosen = main_metrics({metric.metric.name: 0.0 for metric in each.metrics})
        for metric in each.metrics:
            if metric.is_unusual and metric.metric.name in chosen:
                groups.setdefault((metric.metric.unit, metric.verdict), []).append(metric)
        for metrics in groups.values():
            lead = leading(metrics)
            others = [found.metric.title for found in metrics if found is not lead]
            yield Sentence(_sentence(history, each, lead, others), _kind(lead), (number,))


def _sentence(history: History, series: Series, lead: MetricHistory, others: Sequence[str]) -> str:
    value = "" if lead.last is None else value_words(lead.last, lead.metric.unit)
    when = "in the last run" if series.last.runs == 1 else f"in the last {series.last.runs:,} runs (median)"
    if ran_before(history, series):
        when += f" ({moment(series.last.start)})"
    words = f'{lead.metric.title} of "{series.name}" was {value} {when}; it is usually {usual_words(lead)}.'
    if not others:
        return words
    how = "high" if lead.verdict == UNUSUALLY_HIGH else "low"
    return f"{words} Also unusually {how}: {list_names([f'{name[:1].lower()}{name[1:]}' for name in others])}."


def _kind(metric: MetricHistory) -> str:
    return {True: BAD, False: GOOD, None: UNCLEAR}[metric.is_worse]


def _names(names: Iterable[str]) -> str:
    every = [f'"{name}"' for name in names]
    shown = every[:_NAMED]
    return list_names([*shown, f"{len(every) - _NAMED:,} more"] if len(every) > _NAMED else shown)
