"""Comparisons of outputs as text, CSV, JSON and HTML."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from statistics import median
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from rich.text import Text

from pscheduler_batch.metrics.table import HIGHER, LOWER
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.report.comparison import (
    BETTER,
    DIFFERENT,
    ONLY_AFTER,
    ONLY_BEFORE,
    SAME,
    TOO_FEW,
    UNCLEAR,
    WORSE,
    BatchComparison,
    ComparedRuns,
    Comparison,
)
from pscheduler_batch.report.exports import CSV, HTML, TEXT, csv_text, json_text
from pscheduler_batch.report.metrics_table import grouped_lines
from pscheduler_batch.report.run_table import judgment_lines
from pscheduler_batch.terminal.table import Cell, Column, render_lines

_STYLES = {BETTER: "green", WORSE: "red"}
# In the order in which they are counted.
_VERDICTS = (BETTER, WORSE, HIGHER, LOWER, DIFFERENT, SAME, UNCLEAR, ONLY_BEFORE, ONLY_AFTER, TOO_FEW)


def render_comparison(form: str, compared: BatchComparison, width: Optional[int] = None) -> str:
    """
    Write a comparison.

    Args:
        form: One of :data:`~pscheduler_batch.report.exports.FORMATS`.
        compared: The comparison.
        width: The most characters in a line of text; None for as many as it needs.
    """
    if form == TEXT:
        return _as_text(compared, width)
    if form == HTML:
        # Text, which is the usual format, does not need what pages need.
        page: str = import_module("pscheduler_batch.report.comparison_page").render_page(compared)
        return page
    return _as_csv(compared) if form == CSV else _as_json(compared)


def _as_text(compared: BatchComparison, width: Optional[int]) -> str:
    tables = [group for group in compared.groups if group.comparisons and all(group.runs)]
    each = [comparison for group in tables for comparison in group.comparisons]
    columns = (
        Column("metric", tuple(Cell(found.metric.name) for found in each), 12, 16, 5),
        _values("before", each, lambda found: found.before),
        _values("after", each, lambda found: found.after),
        Column("change", tuple(Cell(found.change_words, brief=found.brief_change) for found in each), 8, 23, 1),
        Column("", tuple(Cell(found.verdict, style=_STYLES.get(found.verdict, "")) for found in each), 6, 12, 4),
    )
    groups = [(_heading(group), group.comparisons) for group in tables]
    lines, needed = grouped_lines(columns, groups, width)
    lines += [Text(f"{reason}: {'; '.join(names)}") for reason, names in compared.others]
    lines += judgment_lines(compared.judgments)
    return render_lines([*lines, Text(_totals(each))], needed)


def _values(title: str, found: Sequence[Comparison], values: Callable[[Comparison], Sequence[float]]) -> Column:
    cells = (value_words(median(values(each)), each.metric.unit) if values(each) else "" for each in found)
    return Column(title, tuple(map(Cell, cells)), 6, 9, 3, right=True)


def _heading(group: ComparedRuns) -> str:
    before, after = map(group.runs_words, (0, 1))
    return f"{group.name} ({group.test}, {before} before, {after} after)"


def _totals(each: Sequence[Comparison]) -> str:
    counts = Counter(found.verdict for found in each)
    words = ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in _VERDICTS if verdict in counts)
    more = " to tell (4 on each side are enough)" if TOO_FEW in counts else ""
    return f"{len(each):,} metric{'' if len(each) == 1 else 's'} compared" + (f": {words}{more}" if words else "")


def _as_json(compared: BatchComparison) -> str:
    before, after = compared.files
    document = {
        "before": before,
        "after": after,
        "jobs": [
            {
                "label": group.label,
                "test": group.test,
                "varied": group.varied,
                "runs-before": group.runs[0],
                "runs-after": group.runs[1],
                "metrics": [each.as_pairs() for each in group.comparisons],
            }
            for group in compared.groups
        ],
        "expectations": [judgment.as_pairs() for judgment in compared.judgments],
    }
    return json_text(document)


def _as_csv(compared: BatchComparison) -> str:
    # A dictionary, as it keeps the order of first appearance.
    varied = dict.fromkeys(where for group in compared.groups for where in group.varied)
    lines: List[Mapping[str, Any]] = [
        {"label": group.label, "test": group.test, **_cells(group, varied), **each.as_pairs()}
        for group in compared.groups
        for each in group.comparisons
    ]
    return csv_text(lines)


def _cells(group: ComparedRuns, varied: Mapping[str, None]) -> Dict[str, Any]:
    return {where: group.varied.get(where) for where in varied}
