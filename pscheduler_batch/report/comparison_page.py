"""
A comparison as one page of HTML, with the values of both sides in one plot for each metric.

The plots are drawn here, so that the page has no script, and its policy allows none.
"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from pscheduler_batch._version import __version__
from pscheduler_batch.metrics.units import BITS, value_words
from pscheduler_batch.report.comparison import BETTER, TOO_FEW, WORSE, BatchComparison, ComparedRuns, Comparison
from pscheduler_batch.report.html_report import page_environment, page_file, policy_of

_STYLES = {BETTER: "good", WORSE: "bad"}
_MARKS = {BETTER: "✓ ", WORSE: "✗ "}
# The width of a plot, and the space at its sides where dots are not cut.
_WIDTH, _MARGIN = 300, 6
# Of more runs, as many are drawn, chosen by rank.
_MOST_DOTS = 100


class Side(NamedTuple):
    """
    One side of a plot.

    Attributes:
        dots: The places of values, from the left.
        middle: The place of the median.
        words: What it shows, in words.
    """

    dots: Tuple[float, ...]
    middle: float
    words: str


class DotPlot(NamedTuple):
    """The values of a metric, before above after, on one axis with these ends."""

    sides: Mapping[str, Side]
    low: str
    high: str


def render_page(compared: BatchComparison) -> str:
    """Write the page; the same comparison gives the same page."""
    styles = (page_file("report.css"), page_file("comparison.css"))
    groups = [_group(group) for group in compared.groups if group.comparisons and all(group.runs)]
    counts = Counter(row["verdict"] for group in groups for row in group["rows"])
    values: Dict[str, Any] = {
        "compared": compared,
        "groups": groups,
        "words": _title(counts),
        "good": not counts[WORSE] and all(judgment.met for judgment in compared.judgments),
        "others": compared.others,
        "sides": ("before", "after"),
        "width": _WIDTH,
        "styles": styles,
        "policy": policy_of((), styles),
        "version": __version__,
    }
    return page_environment().get_template("comparison.html.j2").render(values)


def _title(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return "No metrics to compare"
    metrics = f"{total:,} metric{'' if total == 1 else 's'}"
    if counts.get(TOO_FEW) == total:
        return f"Too few runs to compare {metrics}"
    words = [f"{counts[verdict]:,} {verdict}" for verdict in (WORSE, BETTER) if counts.get(verdict)]
    return f"{' and '.join(words)} of {metrics}" if words else f"No clear change in {metrics}"


def _group(group: ComparedRuns) -> Dict[str, Any]:
    return {"group": group, "rows": [_row(each) for each in group.comparisons]}


def _row(each: Comparison) -> Dict[str, Any]:
    medians = [value_words(median(values), each.metric.unit) if values else "" for values in (each.before, each.after)]
    return {
        "metric": each.metric,
        "medians": dict(zip(("before", "after"), medians)),
        "change": each.change_words,
        "verdict": each.verdict,
        "style": _STYLES.get(each.verdict, ""),
        "mark": _MARKS.get(each.verdict, ""),
        "plot": plot_of(each),
    }


def plot_of(each: Comparison) -> DotPlot:
    """Place the values of both sides on one axis; that of rates begins at 0."""
    values = [*each.before, *each.after]
    low, high = min(values), max(values)
    if low > 0 and (each.metric.unit == BITS or low == high):
        low = 0.0
    scale = (_WIDTH - 2 * _MARGIN) / ((high - low) or 1.0)

    def place(value: float) -> float:
        return round(_MARGIN + (value - low) * scale, 1)

    sides = {
        name: Side(
            tuple(dict.fromkeys(place(value) for value in _chosen(sorted(side)))),
            place(median(side)),
            f"{name} from {value_words(min(side), each.metric.unit)} to {value_words(max(side), each.metric.unit)}",
        )
        for name, side in (("before", each.before), ("after", each.after))
        if side
    }
    return DotPlot(sides, value_words(low, each.metric.unit), value_words(high, each.metric.unit))


def _chosen(values: Sequence[float]) -> List[float]:
    """Choose some of many values in ascending order, the first and the last among them."""
    if len(values) <= _MOST_DOTS:
        return list(values)
    return [values[round(number * (len(values) - 1) / (_MOST_DOTS - 1))] for number in range(_MOST_DOTS)]
