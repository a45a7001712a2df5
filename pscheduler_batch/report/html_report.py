"""
The report as one page of HTML that needs nothing else: no network, no other file.

Text from servers and labels is hostile. The template engine escapes all of it; a server's HTML is shown in a frame that
may not run or fetch anything; and the page's own policy allows its own scripts and style sheets, by their hashes,
and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from pscheduler_batch._version import __version__
from pscheduler_batch.report.formatting import duration_words, moment, one_line
from pscheduler_batch.report.html_page import LABEL, MOST_PACKED, REASON, STATE, PageContents
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.text import short_duration

_FOLDER = files("pscheduler_batch.report")
_NONE = "'none'"


class HtmlReport:
    """
    The report as a page of HTML.

    The same results give the same page, to the byte.
    """

    def __init__(self, most_packed: int = MOST_PACKED) -> None:
        """
        Set the limit.

        Args:
            most_packed: The most characters of the packed texts, HTML and JSON of results in the page.
        """
        self._most_packed = most_packed

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the page."""
        scripts = (page_library("chart.umd.min.js"), *map(page_file, ("unpack.js", "plots.js", "tables.js")))
        styles = {"page": page_file("report.css"), "frame": page_file("frame.css")}
        environment = page_environment()
        return environment.get_template("report.html.j2").generate(
            PageContents(report, environment, self._most_packed).values,
            scripts=scripts,
            styles=styles,
            policy=policy_of(scripts, tuple(styles.values())),
            frame_policy=policy_of((), (styles["frame"],)),
            version=__version__,
        )


def policy_of(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """
    Write the Content-Security-Policy of a page: these scripts and styles, and nothing from anywhere else.

    Frames inherit it. Images may be in the page itself, as "data:".
    """
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-src 'none'; "
        f"script-src {' '.join(map(_hash, scripts)) or _NONE}; style-src {' '.join(map(_hash, styles))}"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def page_environment() -> Environment:
    """Make the template engine of pages, which escapes all texts."""
    environment = Environment(
        loader=PackageLoader("pscheduler_batch.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        line=one_line,
        label=lambda text: one_line(text, LABEL),
        reason=lambda text: one_line(text, REASON),
        state=lambda text: one_line(text, STATE),
        moment=moment,
        span=lambda length: short_duration(length.total_seconds()),
        duration=duration_words,
    )
    return environment


def page_file(name: str) -> str:
    """Read a file that becomes a part of pages."""
    return _FOLDER.joinpath("static", name).read_text(encoding="utf-8")


def page_library(name: str) -> str:
    """Read a library without the name of its source map, which the tools of browsers would try to fetch."""
    return re.sub(r"\n//# sourceMappingURL=.*\s*$", "\n", page_file(name))
