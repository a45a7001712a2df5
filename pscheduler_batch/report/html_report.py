"""
The report as one page of HTML that needs nothing else: no network, no other file.

What servers and labels say is hostile text. Every text is escaped by the template engine; the plots' numbers are JSON
with no character in it that HTML knows; a server's HTML is shown in a frame that may run nothing and fetch nothing; and
the page's own policy allows its own two scripts and two style sheets, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from pscheduler_batch._version import __version__
from pscheduler_batch.errors import BatchError
from pscheduler_batch.model import JSON
from pscheduler_batch.report.formatting import block, duration_words, in_zone, moment, one_line
from pscheduler_batch.report.html_table import Cell, Column, columns_of, same_of
from pscheduler_batch.report.plots import Plot, TimeLine, overview_of, plots_of, run_names, skew_words, time_line_of
from pscheduler_batch.report.rows import MOST_CHARACTERS, BatchReport, Row
from pscheduler_batch.text import short_duration

if TYPE_CHECKING:
    from jinja2 import Environment

# Of one table; with more, browsers take seconds to lay it out. The page shows the others when asked to.
ROWS_AT_ONCE = 500

_FOLDER = files("pscheduler_batch.report")
_FEWEST_TO_DRAW = 2
_NONE = "'none'"
_LABEL, _REASON, _STATE = 120, 2000, 40
# How many reasons for failures are listed, how much of each, and how many runs with each.
_REASONS, _SHORT_REASON, _RUNS = 20, 300, 12


class MissingLibraryError(BatchError):
    """What the report needs is not installed."""


@dataclass(frozen=True)
class Entry:
    """
    One run in the page.

    Attributes:
        row: The run.
        key: What links lead to.
        name: What it is called in its job.
        cells: What the table says.
        text: Its result as text, ready to be shown.
        result: Its result as JSON.
        task: Its task as JSON.
        page: The number of its HTML among those in the page; None where it has none.
        left_out: Whether text, HTML and JSON are left out for their size.
    """

    row: Row
    key: str
    name: str
    cells: Tuple[Cell, ...]
    text: str
    result: str
    task: str
    page: Optional[int]
    left_out: bool


@dataclass(frozen=True)
class Section:
    """
    One job in the page.

    Attributes:
        key: What links lead to.
        label: The job's label.
        facts: What its runs have in common, as names and values.
        columns: Of its table.
        entries: Its runs.
        failed: How many of them failed.
        skew: How well their starts kept to the plan, in words.
        time_line: The number of its time line among the drawings; None where there is none.
        plots: Number and value of its plots.
    """

    key: str
    label: str
    facts: Tuple[Tuple[str, str], ...]
    columns: Tuple[Column, ...]
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
        runs: Those that are named, each with its job.
        more: How many others there are.
    """

    state: str
    reason: str
    runs: Tuple[Tuple[Section, Entry], ...]
    more: int


class HtmlReport:
    """
    The report as a page of HTML.

    The same account gives the same page, to the byte.
    """

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        """
        Set the limit.

        Args:
            most_characters: How many characters of texts, HTML and JSON the page may hold.
        """
        self._most_characters = most_characters

    def render(self, account: BatchReport) -> str:
        """
        Write the page.

        Raises:
            MissingLibraryError: Jinja is not installed.
        """
        template = _environment().get_template("report.html.j2")
        return template.render(_Contents(_localized(account), self._most_characters).values)


class _Contents:
    """What the template shows, gathered job by job."""

    def __init__(self, account: BatchReport, most_characters: int) -> None:
        self._kept = _kept(account.rows, most_characters)
        self._pages: List[str] = []
        self._drawings: List[Dict[str, Any]] = []
        jobs = [tuple(rows) for _, rows in groupby(account.rows, key=lambda row: row.job)]
        overview = self._draw(overview_of(jobs)) if len(jobs) > 1 else None
        sections = tuple(self._section(rows) for rows in jobs)
        entries = [entry for section in sections for entry in section.entries]
        failures = _failures(sections)
        scripts = (_library("chart.umd.min.js"), _static("report.js"))
        styles = {"page": _static("report.css"), "frame": _static("frame.css")}
        self.values: Dict[str, Any] = {
            "account": account,
            "verdict": verdict_of(account),
            "overview": overview,
            "sections": sections,
            "states": sorted({one_line(row.state, _STATE) for row in account.rows}),
            "failures": failures[:_REASONS],
            "more_reasons": max(0, len(failures) - _REASONS),
            "left_out": sum(entry.left_out for entry in entries),
            "most_megabytes": round(most_characters / 1_000_000),
            "drawings": _data(self._drawings),
            "pages": _data(self._pages),
            "scripts": scripts,
            "styles": styles,
            "policy": policy_of(scripts, tuple(styles.values())),
            "frame_policy": policy_of((), (styles["frame"],)),
            "at_once": ROWS_AT_ONCE,
            "version": __version__,
        }

    def _draw(self, drawing: Union[TimeLine, Plot, None]) -> Optional[int]:
        """Put a drawing on the list, and give its number there."""
        if drawing is None:
            return None
        kind = "time-line" if isinstance(drawing, TimeLine) else "plot"
        self._drawings.append({"kind": kind, **asdict(drawing)})
        return len(self._drawings) - 1

    def _section(self, rows: Tuple[Row, ...]) -> Section:
        columns = columns_of(rows)
        return Section(
            key=f"job-{rows[0].job}",
            label=one_line(rows[0].job_label, _LABEL),
            facts=tuple(_facts(rows)),
            columns=columns,
            entries=tuple(self._entry(row, name, columns) for row, name in zip(rows, run_names(rows))),
            failed=sum(not row.succeeded for row in rows),
            skew=skew_words(rows),
            time_line=self._draw(time_line_of(rows)) if len(rows) >= _FEWEST_TO_DRAW else None,
            plots=tuple((self._draw(plot), plot) for plot in plots_of(rows)),
        )

    def _entry(self, row: Row, name: str, columns: Sequence[Column]) -> Entry:
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
            task="" if kept is None else kept.task,
            page=page,
            left_out=kept is None,
        )


@dataclass(frozen=True)
class _Kept:
    """What of a run is long; all of it is in the page, or nothing."""

    text: str
    html: str
    result: str
    task: str


@dataclass(frozen=True)
class Verdict:
    """
    What became of the batch in a few words.

    Attributes:
        good: Whether nothing went wrong.
        words: The words.
    """

    good: bool
    words: str


def verdict_of(account: BatchReport) -> Verdict:
    """
    Say first what people want to know first.

    >>> verdict_of(BatchReport((), None, None, "no lead was found", ())).words
    'The batch was not carried through'
    """
    count, failed = len(account.rows), len(account.failed)
    if account.error is not None:
        return Verdict(good=False, words="The batch was not carried through")
    if not count:
        return Verdict(good=True, words="Nothing was run")
    if failed == count:
        return Verdict(good=False, words="The only run failed" if count == 1 else f"All {count:,} runs failed")
    if failed:
        return Verdict(good=False, words=f"{failed:,} of {count:,} runs failed")
    return Verdict(good=True, words="The run succeeded" if count == 1 else f"All {count:,} runs succeeded")


def policy_of(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """
    Write the page's Content-Security-Policy: it runs and looks as we made it, and fetches nothing from anywhere.

    Frames inherit it. Pictures may be in the page itself, as "data:".
    """
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-src 'none'; "
        f"script-src {' '.join(map(_hash, scripts)) or _NONE}; style-src {' '.join(map(_hash, styles))}"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - in the extra "report" only
    except ImportError as error:
        raise MissingLibraryError(
            "a report in HTML needs Jinja, which is not installed: pip install 'pscheduler-batch[report]'"
        ) from error
    environment = Environment(
        loader=PackageLoader("pscheduler_batch.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        line=one_line,
        label=lambda text: one_line(text, _LABEL),
        reason=lambda text: one_line(text, _REASON),
        state=lambda text: one_line(text, _STATE),
        moment=moment,
        span=lambda length: short_duration(length.total_seconds()),
        duration=duration_words,
    )
    return environment


def _failures(sections: Sequence[Section]) -> List[Failed]:
    """Take together what failed for the same reason, as one cause often makes hundreds of runs fail."""
    found: Dict[Tuple[str, str], List[Tuple[Section, Entry]]] = {}
    for section in sections:
        for entry in section.entries:
            if not entry.row.succeeded:
                why = (one_line(entry.row.state, _STATE), one_line(entry.row.reason or "", _SHORT_REASON))
                found.setdefault(why, []).append((section, entry))
    return [
        Failed(state, reason, tuple(runs[:_RUNS]), max(0, len(runs) - _RUNS)) for (state, reason), runs in found.items()
    ]


def _static(name: str) -> str:
    return _FOLDER.joinpath("static", name).read_text(encoding="utf-8")


def _library(name: str) -> str:
    """Read a library; without the name of its source map, which a browser's tools would look for beside the page."""
    return re.sub(r"\n//# sourceMappingURL=.*\s*$", "\n", _static(name))


def _data(value: JSON) -> str:
    r"""
    Write JSON that HTML takes for nothing else.

    >>> _data(["</script>"])
    '["\\u003c/script\\u003e"]'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _localized(account: BatchReport) -> BatchReport:
    """Bring all times into the zone in which the batch was run."""
    first = account.start or next((row.start for row in account.rows if row.start is not None), None)
    zone = None if first is None else first.tzinfo
    rows = tuple(
        replace(r, planned=in_zone(r.planned, zone), start=in_zone(r.start, zone), end=in_zone(r.end, zone))
        for r in account.rows
    )
    return replace(account, rows=rows, end=in_zone(account.end, zone))


def _key(row: Row) -> str:
    return f"{row.job}-{row.iteration}" + ("" if row.run is None else f"-{row.run}")


def _kept(rows: Sequence[Row], most_characters: int) -> Dict[str, _Kept]:
    """Choose whose texts, HTML and JSON are in the page: of failed runs first, as far as there is room."""
    kept: Dict[str, _Kept] = {}
    room = most_characters
    for row in sorted(rows, key=lambda row: row.succeeded):
        # Not written as JSON once there is no room: that takes the most time.
        if not row.whole or room <= 0 or len(row.text or "") + len(row.html or "") > room:
            continue
        found = _Kept(block(row.text or ""), row.html or "", _json(row.result), _json(row.task))
        size = sum(map(len, (found.text, found.html, found.result, found.task)))
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
        return "(nested too deeply to be shown)"


def _facts(rows: Sequence[Row]) -> Iterator[Tuple[str, str]]:
    """Say what the runs of a job have in common."""
    for name, attribute in (("Test", "test"), ("Lead", "lead"), ("Destination", "destination")):
        common = same_of(rows, attribute)
        if common:
            yield name, one_line(common, _LABEL)
    planned = {row.planned for row in rows}
    if len(planned) == 1 and rows[0].planned is not None:
        yield "Planned start", moment(rows[0].planned)
    starts = [row.start for row in rows if row.start is not None]
    if starts:
        yield ("First start" if len(starts) > 1 else "Start"), moment(min(starts))
    ends = [row.end for row in rows if row.end is not None]
    if ends and starts:
        yield "Took", short_duration((max(ends) - min(starts)).total_seconds())
