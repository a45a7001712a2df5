"""
What the page of the HTML report shows, gathered job by job for its template.

Texts are escaped by the template; the numbers for plots become JSON without any character that HTML interprets.
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, replace
from itertools import groupby
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from pscheduler_batch.metrics.headlines import load_words, pooled_words
from pscheduler_batch.model import JSON
from pscheduler_batch.report.formatting import block, in_zone, moment, one_line
from pscheduler_batch.report.html_table import HtmlCell, HtmlColumn, columns_of, same_of
from pscheduler_batch.report.plots import Plot, TimeLine, overview_of, plots_of, run_names, skew_words, time_line_of
from pscheduler_batch.report.rows import BatchReport, JobMetrics, Row
from pscheduler_batch.report.run_table import judged_words
from pscheduler_batch.text import short_duration

# The most rows of one table, as browsers take seconds to lay out more; the page shows the others on request.
ROWS_AT_ONCE = 500

# The most characters of a label, a reason and a state.
LABEL, REASON, STATE = 120, 2000, 40

_FEWEST_TO_DRAW = 2
# How many reasons for failures are listed, the most characters of each, and how many runs are named with each.
_REASONS, _SHORT_REASON, _RUNS = 20, 300, 12
# How many expectations are listed.
_JUDGMENTS = 100


@dataclass(frozen=True)
class Entry:
    """
    One run in the page.

    Attributes:
        row: The run.
        key: The target of links to it.
        name: Its name within its job.
        cells: Its cells in the table.
        text: Its result as text, ready to be shown.
        result: Its result as JSON.
        participants: The results of its participants as JSON.
        task: Its task as JSON.
        page: The index of its HTML among the pages of servers; None where it has none.
        left_out: Whether text, HTML and JSON are left out because of their size.
    """

    row: Row
    key: str
    name: str
    cells: Tuple[HtmlCell, ...]
    text: str
    result: str
    participants: str
    task: str
    page: Optional[int]
    left_out: bool


@dataclass(frozen=True)
class Section:
    """
    One job in the page.

    Attributes:
        key: The target of links to it.
        label: Its label.
        facts: What its runs have in common, as names and values.
        columns: The columns of its table.
        entries: Its runs.
        failed: How many of them failed.
        skew: How far their starts were from the planned start, in words.
        time_line: The index of its time line among the drawings; None where there is none.
        plots: Its plots, each with its index among the drawings.
    """

    key: str
    label: str
    facts: Tuple[Tuple[str, str], ...]
    columns: Tuple[HtmlColumn, ...]
    entries: Tuple[Entry, ...]
    failed: int
    skew: Optional[str]
    time_line: Optional[int]
    plots: Tuple[Tuple[Optional[int], Plot], ...]


@dataclass(frozen=True)
class Failed:
    """
    Runs that failed for the same reason.

    Attributes:
        state: Their state.
        reason: Why they failed.
        runs: The runs that are named, each with its job.
        more: How many others there are.
    """

    state: str
    reason: str
    runs: Tuple[Tuple[Section, Entry], ...]
    more: int


class PageContents:
    """
    What the template shows.

    Attributes:
        values: The variables of the template.
    """

    def __init__(self, report: BatchReport, most_characters: int) -> None:
        """
        Gather everything.

        Args:
            report: The results of the batch.
            most_characters: The most characters of texts, HTML and JSON in the page.
        """
        report = _localized(report)
        self._kept = _kept(report.rows, most_characters)
        self._pages: List[str] = []
        self._drawings: List[Dict[str, Any]] = []
        jobs = [tuple(rows) for _, rows in groupby(report.rows, key=lambda row: row.job)]
        overview = self._draw(overview_of(jobs)) if len(jobs) > 1 else None
        sections = tuple(self._section(rows, [job for job in report.jobs if job.job == rows[0].job]) for rows in jobs)
        entries = [entry for section in sections for entry in section.entries]
        failures = _failures(sections)
        self.values: Dict[str, Any] = {
            "report": report,
            "verdict": verdict_of(report),
            "overview": overview,
            "sections": sections,
            "states": sorted({one_line(row.state, STATE) for row in report.rows}),
            "judgments": sorted(report.judgments, key=lambda judgment: judgment.met)[:_JUDGMENTS],
            "more_judgments": max(0, len(report.judgments) - _JUDGMENTS),
            "failures": failures[:_REASONS],
            "more_reasons": max(0, len(failures) - _REASONS),
            "left_out": sum(entry.left_out for entry in entries),
            "most_megabytes": round(most_characters / 1_000_000),
            "drawings": _data(self._drawings),
            "pages": _data(self._pages),
            "at_once": ROWS_AT_ONCE,
        }

    def _draw(self, drawing: Union[TimeLine, Plot, None]) -> Optional[int]:
        """Append a drawing, and return its index."""
        if drawing is None:
            return None
        kind = "time-line" if isinstance(drawing, TimeLine) else "plot"
        self._drawings.append({"kind": kind, **asdict(drawing)})
        return len(self._drawings) - 1

    def _section(self, rows: Tuple[Row, ...], metrics: Sequence[JobMetrics]) -> Section:
        columns = columns_of(rows)
        return Section(
            key=f"job-{rows[0].job}",
            label=one_line(rows[0].job_label, LABEL),
            facts=(*_facts(rows), *_pooled(metrics)),
            columns=columns,
            entries=tuple(self._entry(row, name, columns) for row, name in zip(rows, run_names(rows))),
            failed=sum(not row.succeeded for row in rows),
            skew=skew_words(rows),
            time_line=self._draw(time_line_of(rows)) if len(rows) >= _FEWEST_TO_DRAW else None,
            plots=tuple((self._draw(plot), plot) for plot in plots_of(rows)),
        )

    def _entry(self, row: Row, name: str, columns: Sequence[HtmlColumn]) -> Entry:
        kept = self._kept.get(_key(row))
        page = None
        if kept is not None and kept.html:
            page = len(self._pages)
            self._pages.append(kept.html)
        return Entry(
            row=row,
            key=f"run-{_key(row)}",
            name=name,
            cells=tuple(column.cell(row) for column in columns),
            text="" if kept is None else kept.text,
            result="" if kept is None else kept.result,
            participants="" if kept is None else kept.participants,
            task="" if kept is None else kept.task,
            page=page,
            left_out=kept is None,
        )


@dataclass(frozen=True)
class _Kept:
    """The long parts of a run; the page has all of them or none."""

    text: str
    html: str
    result: str
    participants: str
    task: str


@dataclass(frozen=True)
class Verdict:
    """
    The outcome of the batch in a few words.

    Attributes:
        good: Whether nothing went wrong.
        words: The words.
    """

    good: bool
    words: str


def verdict_of(report: BatchReport) -> Verdict:
    """
    Sum up the outcome of a batch.

    >>> verdict_of(BatchReport((), None, None, "no lead was found", ())).words
    'The batch was not completed'
    """
    words = ", ".join(part for part in (_outcome_of(report), judged_words(report)) if part)
    return Verdict(good=report.succeeded, words=words)


def _outcome_of(report: BatchReport) -> str:
    count, failed = len(report.rows), len(report.failed)
    if report.error is not None:
        return "The batch was not completed"
    if not count:
        return "Nothing was run"
    if failed == count:
        return "The only run failed" if count == 1 else f"All {count:,} runs failed"
    if failed:
        return f"{failed:,} of {count:,} runs failed"
    return "The run succeeded" if count == 1 else f"All {count:,} runs succeeded"


def _failures(sections: Sequence[Section]) -> List[Failed]:
    """Group failures by reason, as one cause often makes hundreds of runs fail."""
    found: Dict[Tuple[str, str], List[Tuple[Section, Entry]]] = {}
    for section in sections:
        for entry in section.entries:
            if not entry.row.succeeded:
                why = (one_line(entry.row.state, STATE), one_line(entry.row.reason or "", _SHORT_REASON))
                found.setdefault(why, []).append((section, entry))
    return [
        Failed(state, reason, tuple(runs[:_RUNS]), max(0, len(runs) - _RUNS)) for (state, reason), runs in found.items()
    ]


def _data(value: JSON) -> str:
    r"""
    Write JSON without any character that HTML interprets.

    >>> _data(["</script>"])
    '["\\u003c/script\\u003e"]'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _localized(report: BatchReport) -> BatchReport:
    """Convert all times to the zone in which the batch was run."""
    first = report.start or next((row.start for row in report.rows if row.start is not None), None)
    zone = None if first is None else first.tzinfo

    def localized(row: Row) -> Row:
        planned, start, end, made = (in_zone(each, zone) for each in (row.planned, row.start, row.end, row.result_time))
        return replace(row, planned=planned, start=start, end=end, result_time=made)

    return replace(report, rows=tuple(map(localized, report.rows)), end=in_zone(report.end, zone))


def _key(row: Row) -> str:
    return f"{row.job}-{row.iteration}" + ("" if row.run is None else f"-{row.run}")


def _kept(rows: Sequence[Row], most_characters: int) -> Dict[str, _Kept]:
    """Choose the runs whose texts, HTML and JSON fit into the page, failed runs first."""
    kept: Dict[str, _Kept] = {}
    room = most_characters
    for row in sorted(rows, key=lambda row: row.succeeded):
        # JSON is not even written once there is no room, as that takes the most time.
        if not row.whole or room <= 0 or len(row.text or "") + len(row.html or "") > room:
            continue
        json_texts = (_json(value) for value in (row.result, row.participants, row.task))
        found = _Kept(block(row.text or ""), row.html or "", *json_texts)
        size = sum(map(len, astuple(found)))
        if size <= room:
            kept[_key(row)] = found
            room -= size
    return kept


def _json(value: JSON) -> str:
    if value is None:
        return ""
    try:
        return block(json.dumps(value, indent=2, ensure_ascii=False))
    except RecursionError:
        return "(nested too deeply to show)"


def _facts(rows: Sequence[Row]) -> Iterator[Tuple[str, str]]:
    """List what the runs of a job have in common."""
    for name, attribute in (("Test", "test"), ("Lead", "lead"), ("Destination", "destination")):
        common = same_of(rows, attribute)
        if common:
            yield name, one_line(common, LABEL)
    planned = {row.planned for row in rows}
    if len(planned) == 1 and rows[0].planned is not None:
        yield "Planned start", moment(rows[0].planned)
    starts = [row.start for row in rows if row.start is not None]
    if starts:
        yield ("First start" if len(starts) > 1 else "Start"), moment(min(starts))
    ends = [row.end for row in rows if row.end is not None]
    if ends and starts:
        yield "Duration", short_duration((max(ends) - min(starts)).total_seconds())


def _pooled(metrics: Sequence[JobMetrics]) -> Iterator[Tuple[str, str]]:
    """Write the statistics of all runs of a job, where the delays of packets are known."""
    for job in metrics:
        words = pooled_words(job.metrics)
        if job.runs > 1 and words:
            yield f"All {job.runs:,} runs" if len(metrics) == 1 else f"All runs of {job.test}", words
        loaded = load_words(job.metrics)
        if loaded:
            yield "Under load", loaded
