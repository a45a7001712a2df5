"""
What the page of the HTML report shows, gathered job by job for its template.

Texts are escaped by the template. The first rows of each job stand in the page as they are. The other rows, the details
of most runs and the numbers for plots are packed (ADR 58), so that of a job nothing remains in memory but its part of
the page.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import tzinfo
from itertools import groupby
from pathlib import PurePath
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from jinja2 import Environment

from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.model import JSON
from pscheduler_batch.report.csv_report import CsvColumns
from pscheduler_batch.report.drawings.choice import Drawings, Figure, drawings_of, drawn_samples
from pscheduler_batch.report.drawings.time_line import JobSpans, job_spans_of, overview_of
from pscheduler_batch.report.drawings.under_load import UnderLoad, under_load_of
from pscheduler_batch.report.findings import findings_of
from pscheduler_batch.report.formatting import block, in_zone, moment, one_line
from pscheduler_batch.report.html_table import HtmlCell, HtmlColumn, columns_of, same_of
from pscheduler_batch.report.job_runs import job_runs_of, run_key
from pscheduler_batch.report.jsonl_report import json_line
from pscheduler_batch.report.packing import Pack
from pscheduler_batch.report.rows import SKIPPED, BatchReport, JobMetrics, Row
from pscheduler_batch.report.run_table import counts_words, judged_words
from pscheduler_batch.report.starts import skew_words
from pscheduler_batch.text import all_words, short_duration

# The most rows of one table that are shown at once, as browsers take seconds to lay out more.
ROWS_AT_ONCE = 250
# The most rows of all jobs that stand in the page as they are; of each job, it is at least one.
_MOST_ROWS = 500
# The most characters of details that stand in the page as they are.
_MOST_PLAIN = 1_000_000
# The most characters of packed details; a fifth of them is reserved for runs that failed.
MOST_PACKED = 11_000_000
_FOR_SUCCEEDED = 0.8
# The characters of details that are packed together: many compress well, few are quickly unpacked.
_BLOCK = 400_000

# More jobs than these are folded at first, as they would be hundreds of screens.
_MOST_UNFOLDED = 50

# The most characters of a label, a reason and a state.
LABEL, REASON, STATE = 120, 2000, 40

# Of how many jobs the first card says what came out.
_FINDINGS = 10
# How many reasons for failures are listed, the most characters of each, and how many runs are named with each.
_REASONS, _SHORT_REASON, _RUNS = 20, 300, 12
# How many expectations are listed.
_JUDGMENTS = 100
# The most characters of the names of files that a browser saves.
_FILE_NAME = 80
# The most characters of an object or an array of JSON in one line.
_LINE = 100

_json_text = json.JSONEncoder(ensure_ascii=False).encode


class Details(NamedTuple):
    """
    The long parts of a run; the page has all of them or none.

    Attributes:
        text: Its result as text, ready to be shown.
        page: Its result as HTML, written as JSON.
        result: Its result as JSON.
        participants: The results of its participants as JSON.
        task: Its task as JSON.
    """

    text: str
    page: str
    result: str
    participants: str
    task: str


class Entry(NamedTuple):
    """
    One run in the page.

    Attributes:
        row: The run, without its long parts.
        key: The target of links to it.
        name: Its name within its job.
        cells: Its cells in the table.
        details: What is shown when it is opened, as HTML; empty where it is packed.
        block: The number of the pack with its details; None where they are in the page as they are.
    """

    row: Row
    key: str
    name: str
    cells: Tuple[HtmlCell, ...]
    details: str
    block: Optional[int]


@dataclass(frozen=True)
class Section:
    """
    One job in the page.

    Attributes:
        key: The target of links to it.
        label: Its label.
        facts: What its runs have in common, as names and values.
        columns: The columns of its table.
        count: How many runs it has.
        failed: How many of them failed.
        skipped: How many of them were skipped.
        findings: What came out, in sentences.
        skew: How far their starts were from the planned start, in words.
        drawings: What is drawn.
        figures: Its time line and plots, each with its index among all figures of the page.
        spans: Its runs in the time line of all jobs.
        under_load: The drawings of latency under load, each with its index.
    """

    key: str
    label: str
    facts: Tuple[Tuple[str, str], ...]
    columns: Tuple[HtmlColumn, ...]
    count: int
    failed: int
    skipped: int
    findings: Tuple[str, ...]
    skew: Optional[str]
    drawings: Drawings
    figures: Tuple[Tuple[int, Figure], ...]
    spans: JobSpans
    under_load: Tuple[Tuple[int, UnderLoad], ...]

    @property
    def good(self) -> Optional[bool]:
        """Whether all of it succeeded; None if some of it was skipped and nothing failed."""
        return None if self.skipped and not self.failed else not self.failed

    @property
    def counts(self) -> str:
        """How many of its runs failed or were skipped, in words; empty if all succeeded."""
        return counts_words(self.count, self.failed, self.skipped)


@dataclass
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
    runs: List[Tuple[Section, Entry]]
    more: int = 0


class PageContents:
    """
    What the template shows.

    Attributes:
        values: The variables of the template.
    """

    def __init__(self, report: BatchReport, environment: Environment, most_packed: int = MOST_PACKED) -> None:
        """
        Gather everything in one pass over the rows, and CSV in a second one.

        Args:
            report: The results of the batch.
            environment: The template engine, for the parts of the page that are made job by job.
            most_packed: The most characters of packed details.
        """
        self._template = environment.get_template("_job.html.j2")
        self._macros: Any = environment.get_template("_run.html.j2").module
        self._details = _DetailsOfRuns(self._macros, most_packed)
        self._zone = _zone_of(report)
        self._room = _MOST_ROWS
        self._table = Pack("[")
        self._json = Pack("[")
        self._columns = CsvColumns()
        self._drawings = Pack("[")
        self._drawn = self._count = 0
        self._failures: Dict[Tuple[str, str], Failed] = {}
        self._states: Set[str] = set()
        sections, parts = self._sections(report)
        self.values = self._values(report, sections, parts)

    def _sections(self, report: BatchReport) -> Tuple[List[Section], List[str]]:
        """Make the parts of the page for the jobs, which are returned with their sections."""
        metrics = {job: list(found) for job, found in groupby(report.jobs, key=lambda found: found.job)}
        sections: List[Section] = []
        parts: List[str] = []
        for job, rows in groupby(report.rows, key=lambda row: row.job):
            if sections:
                self._table.add(",")
            section, part = self._section(rows, metrics.get(job, []))
            sections.append(section)
            parts.append(part)
        self._table.add("]")
        self._json.add("\n]\n")
        return sections, parts

    def _values(self, report: BatchReport, sections: Sequence[Section], parts: Sequence[str]) -> Dict[str, Any]:
        """Return the variables of the template, once all sections are made."""
        overview = overview_of([section.spans for section in sections]) if len(sections) > 1 else None
        drawn = None if overview is None else (self._draw(overview), overview)
        found = sorted((each for each in sections if each.findings), key=lambda section: not section.failed)
        self._drawings.add("]")
        failures = list(self._failures.values())
        stem = _file_name(report.name)
        return {
            "report": replace(report, end=in_zone(report.end, self._zone)),
            "name": PurePath(report.name).name,
            "verdict": verdict_of(report),
            "count": self._count,
            "failed": sum(section.failed for section in sections),
            "skipped": sum(section.skipped for section in sections),
            "overview": drawn,
            "found": found[:_FINDINGS],
            "more_found": max(0, len(found) - _FINDINGS),
            "sections": sections,
            "folded": len(sections) > _MOST_UNFOLDED,
            "parts": parts,
            "states": sorted(self._states),
            "judgments": sorted(report.judgments, key=lambda judgment: judgment.met)[:_JUDGMENTS],
            "more_judgments": max(0, len(report.judgments) - _JUDGMENTS),
            "failures": failures[:_REASONS],
            "more_reasons": max(0, len(failures) - _REASONS),
            "left_out": self._details.left_out,
            "drawings": self._drawings.close(),
            "blocks": self._details.close(),
            "table": self._table.close(),
            "downloads": (
                (f"{stem}-runs.csv", "CSV", "text/csv", _packed(self._columns.lines(report.rows))),
                (f"{stem}-runs.json", "JSON", "application/json", self._json.close()),
            ),
        }

    def _draw(self, figure: Union[Figure, UnderLoad]) -> int:
        """Append a figure, and return its index."""
        text = json.dumps(asdict(figure), allow_nan=False)
        self._drawings.add(f",{text}" if self._drawn else text)
        self._drawn += 1
        return self._drawn - 1

    def _section(self, found: Iterable[Row], metrics: Sequence[JobMetrics]) -> Tuple[Section, str]:
        """Make the part of the page for a job."""
        plain = max(1, min(ROWS_AT_ONCE, self._room))
        rows: List[Row] = []
        places: List[Tuple[str, Optional[int]]] = []
        for given in found:
            row = _brief(given, self._zone, metrics)
            places.append(self._details.add(given, row, plain=len(rows) < plain))
            rows.append(row)
            self._columns.add(given)
            self._json.add(f"{',' if self._count else ''}\n{json_line(given)}")
            self._count += 1
        self._room -= min(plain, len(rows))
        job = job_runs_of(rows)
        drawings = drawings_of(job)
        section = Section(
            key=f"job-{rows[0].job}",
            label=one_line(rows[0].job_label, LABEL),
            facts=tuple(_facts(rows)),
            columns=columns_of(rows),
            count=len(rows),
            failed=sum(row.failed for row in rows),
            skipped=sum(row.skipped for row in rows),
            findings=findings_of(job, metrics),
            skew=skew_words(rows),
            drawings=drawings,
            figures=tuple((self._draw(figure), figure) for figure in drawings.figures),
            spans=job_spans_of(job),
            under_load=tuple((self._draw(panel), panel) for panel in under_load_of(rows, metrics)),
        )
        shown: List[str] = []
        for number, (row, name, (details, pack)) in enumerate(zip(rows, job.names, places)):
            cells = tuple(column.cell(row) for column in section.columns)
            entry = Entry(row, f"run-{run_key(row)}", name, cells, details, pack)
            html = self._macros.run(section, entry)
            if number < plain:
                shown.append(html)
                html = ""
            self._table.add(("," if number else "[") + _table_row(section, entry, number, html))
            self._note(section, entry)
        self._table.add("]")
        return section, self._template.render(section=section, runs=shown, at_once=ROWS_AT_ONCE)

    def _note(self, section: Section, entry: Entry) -> None:
        """Note the state of a run, and why it failed: one cause often makes hundreds of runs fail."""
        state = one_line(entry.row.state, STATE)
        self._states.add(state)
        if not entry.row.failed:
            return
        why = (state, one_line(entry.row.reason or "", _SHORT_REASON))
        same = self._failures.setdefault(why, Failed(*why, runs=[]))
        if len(same.runs) < _RUNS:
            same.runs.append((section, entry._replace(details="")))
        else:
            same.more += 1


class _DetailsOfRuns:
    """
    The details of all runs, as HTML: the first ones stand in the page as they are, the others in packs.

    Attributes:
        left_out: How many runs have none, because the page would be too large.
    """

    def __init__(self, macros: Any, most_packed: int) -> None:
        self.left_out = 0
        self._macros = macros
        self._most_packed = most_packed
        self._plain_room = _MOST_PLAIN
        self._packs: List[str] = []
        self._block: List[str] = []

    def add(self, row: Row, brief: Row, *, plain: bool) -> Tuple[str, Optional[int]]:
        """
        Write the details of a run.

        Args:
            row: The run.
            brief: The same without its long parts.
            plain: Whether they may stand in the page as they are.

        Returns:
            Either HTML, where it may stand in the page as it is and there is room, or the number of its pack.
        """
        room = self._most_packed * (1 if row.failed else _FOR_SUCCEEDED) - sum(map(len, self._packs))
        html = self._macros.details(brief, _details(row)) if room > 0 else ""
        if html and plain and len(html) <= self._plain_room:
            self._plain_room -= len(html)
            return html, None
        if len(html) > _BLOCK and len(Pack(html).close()) > room:
            html = ""
        if not html:
            self.left_out += 1
            html = self._macros.details(brief, None)
        self._block.append(f"{_json_text(f'run-{run_key(row)}')}:{_json_text(html)}")
        number = len(self._packs)
        if sum(map(len, self._block)) >= _BLOCK:
            self._pack()
        return "", number

    def close(self) -> Sequence[str]:
        """Return the packs, each an object with the HTML of some runs."""
        if self._block:
            self._pack()
        return self._packs

    def _pack(self) -> None:
        self._packs.append(Pack(f"{{{','.join(self._block)}}}").close())
        self._block = []


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
        return "The only run failed" if count == 1 else f"{all_words(count, 'runs').capitalize()} failed"
    counts = counts_words(count, failed, len(report.skipped))
    if counts:
        return counts
    return "The run succeeded" if count == 1 else f"{all_words(count, 'runs').capitalize()} succeeded"


def _zone_of(report: BatchReport) -> Optional[tzinfo]:
    """Return the zone in which the batch was run, for all times of the page."""
    first = report.start or next((row.start for row in report.rows if row.start is not None), None)
    return None if first is None else first.tzinfo


def _brief(row: Row, zone: Optional[tzinfo], metrics: Sequence[JobMetrics]) -> Row:
    """
    Return a row without its long parts, and with its times in a zone.

    Args:
        row: The row.
        zone: The zone.
        metrics: The metrics of its job, which tell what of its samples is drawn.
    """
    planned, start, end, made = (in_zone(each, zone) for each in (row.planned, row.start, row.end, row.result_time))
    return replace(
        row,
        planned=planned,
        start=start,
        end=end,
        result_time=made,
        task={},
        text=None,
        html=None,
        result=None,
        participants=None,
        # The names are those of the table: each row that is read has copies of its own.
        metrics={name: row.metrics[name] for name in METRICS if name in row.metrics},
        samples=drawn_samples(row.samples, metrics),
    )


def _file_name(name: str) -> str:
    """
    Return how the names of files begin that are saved from the page.

    >>> _file_name("/tmp/my batch.json"), _file_name("")
    ('my-batch', 'batch')
    """
    return re.sub(r"[^\w.-]+", "-", PurePath(name).stem).strip(".-")[:_FILE_NAME] or "batch"


def _packed(pieces: Iterable[str]) -> str:
    pack = Pack()
    for piece in pieces:
        pack.add(piece)
    return pack.close()


def _table_row(section: Section, entry: Entry, number: int, html: str) -> str:
    """
    Write what the script of the page knows of a run: its key, what became of it, its state, the text that the filter
    looks at, the keys by which its columns are sorted, and its HTML where that is not in the page.
    """
    row, state = entry.row, one_line(entry.row.state, STATE)
    hosts = (one_line(text, 80) for text in (row.test, row.lead, row.destination))
    shown = (f"{cell.text} {cell.unit}" for cell in entry.cells)
    found = " ".join((section.label, *hosts, entry.name, state, *shown, one_line(row.reason or "", REASON))).lower()
    orders = [str(number), state, *(cell.order for cell in entry.cells)]
    outcome = SKIPPED if row.skipped else "failed" if row.failed else "succeeded"
    return _json_text([entry.key, outcome, state, found, orders, html])


def _details(row: Row) -> Details:
    # A page without any character that HTML or a terminal interprets, as it becomes an attribute.
    page = json.dumps(row.html) if row.html else ""
    return Details(block(row.text or ""), page, _json(row.result), _json(row.participants), _json(row.task))


def _json(value: JSON) -> str:
    if value is None:
        return ""
    try:
        return block(_indented(value, ""))
    except RecursionError:
        return "(nested too deeply to show)"


def _indented(value: JSON, indent: str) -> str:
    """
    Write JSON with what is short in one line.

    json.dumps would take three times as long, as it does not use its implementation in C for more than one line.
    """
    line = _json_text(value)
    if len(line) <= _LINE or not isinstance(value, (dict, list)):
        return line
    deeper = f"{indent}  "
    if isinstance(value, dict):
        parts = [f"{_json_text(name)}: {_indented(part, deeper)}" for name, part in value.items()]
    else:
        parts = [_indented(part, deeper) for part in value]
    inside = f",\n{deeper}".join(parts)
    return f"{line[0]}\n{deeper}{inside}\n{indent}{line[-1]}"


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
