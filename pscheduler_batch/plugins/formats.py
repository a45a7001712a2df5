"""
The formats of specs and results for people: plain text, and HTML without scripts.

A result may come from a tool that failed, or from any version of one, so nothing is expected of it.
"""

from __future__ import annotations

from html import escape
from itertools import chain
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.plugins.methods import Call, MethodError
from pscheduler_batch.plugins.specification import BATCH, URL
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.output_reader import check_output
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.report.run_table import LONGEST_REASON, failure_groups, names_of, totals_line
from pscheduler_batch.report.summary import summary_columns, summary_of
from pscheduler_batch.terminal.table import Column
from pscheduler_batch.text import count_words

PLAIN, HTML = "text/plain", "text/html"

_RIGHT = ' style="text-align: right"'

Pairs = Sequence[Tuple[str, str]]


def spec_format(call: Call) -> str:
    """
    Write a spec.

    Raises:
        MethodError: The format is unknown.
    """
    form = _format(call)
    return _write_pairs(_spec_pairs(call.object()), form)


def result_format(call: Call) -> str:
    """
    Write a result: the summary, and as HTML a table.

    Raises:
        MethodError: The format is unknown.
    """
    form = _format(call)
    result = call.object().get("result")
    account = result if isinstance(result, Mapping) else {}
    report = _report(account.get(BATCH))
    said = [] if account.get("succeeded") is True else _failure_pairs(account)
    if report is None:
        return _write_pairs(said or [("Result", "there is no result of a batch")], form)
    if form == PLAIN:
        return summary_of(report, width=None) + (_write_pairs(said, form) if said else "")
    return "".join(_html_of(report)) + (_write_pairs(said, form) if said else "")


def _format(call: Call) -> str:
    form = call.arguments[0] if call.arguments else PLAIN
    if form not in (PLAIN, HTML):
        raise MethodError(f"unsupported MIME type {one_line(form, 100)!r}; choose {PLAIN} or {HTML}")
    return form


def _report(document: Any) -> Optional[BatchReport]:
    try:
        return report_of(check_output(document), results=False)
    except BatchError:
        return None


def _spec_pairs(spec: Mapping[str, Any]) -> Pairs:
    pairs: List[Tuple[str, str]] = []
    jobs = spec[BATCH].get("jobs") if isinstance(spec.get(BATCH), Mapping) else None
    if isinstance(jobs, list):
        labels = [_label(job, number) for number, job in enumerate(jobs)]
        pairs.append(("Batch", f"{count_words(len(jobs), 'job')}: {names_of(labels)}" if labels else "no jobs"))
    named = {"Batch": URL, "Duration": "duration", "Host": "host", "Host Node": "host-node"}
    pairs += [(title, one_line(str(spec[name]))) for title, name in named.items() if name in spec]
    return pairs


def _label(job: Any, number: int) -> str:
    label = job.get("label") if isinstance(job, Mapping) else None
    return one_line(label, 60) if isinstance(label, str) and label.strip() else f"job-{number}"


def _failure_pairs(account: Mapping[str, Any]) -> Pairs:
    titles: Dict[str, str] = {"error": "Error", "diags": "Diagnostics"}
    return [
        (title, one_line(account[name], LONGEST_REASON))
        for name, title in titles.items()
        if isinstance(account.get(name), str) and account[name].strip()
    ]


def _write_pairs(pairs: Pairs, form: str) -> str:
    if form == PLAIN:
        width = max((len(title) for title, _ in pairs), default=0)
        return "".join(f"{title} {'.' * (width - len(title) + 3)} {text}\n" for title, text in pairs)
    rows = "".join(f"<tr><td>{escape(title)}</td><td>{escape(text)}</td></tr>\n" for title, text in pairs)
    return f"<table>\n{rows}</table>\n"


def _html_of(report: BatchReport) -> Iterator[str]:
    columns, left_out = summary_columns(report)
    if columns:
        yield "<table>\n"
        yield _html_row("th", columns, [column.title for column in columns])
        for cells in zip(*(column.cells for column in columns)):
            yield _html_row("td", columns, [cell.text + cell.end for cell in cells])
        yield "</table>\n"
    if left_out:
        yield f"<p>and {left_out:,} more jobs</p>\n"
    groups, more = failure_groups(chain(report.failed, report.skipped))
    reasons = [f"{names_of(group.names, count=group.count)}: {group.reason}" for group in groups]
    reasons += [f"and {more:,} more reasons"] if more else []
    reasons += [one_line(report.error, LONGEST_REASON)] if report.error is not None else []
    if reasons:
        yield "<ul>\n" + "".join(f"<li>{escape(reason)}</li>\n" for reason in reasons) + "</ul>\n"
    yield f"<p>{escape(totals_line(report))}</p>\n"


def _html_row(tag: str, columns: Sequence[Column], texts: Sequence[str]) -> str:
    cells = (f"<{tag}{_RIGHT if column.right else ''}>{escape(text)}</{tag}>" for column, text in zip(columns, texts))
    return f"<tr>{''.join(cells)}</tr>\n"
