"""Check the documents: man pages render, the change log has its form, and links and paths exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

ROOT = Path(__file__).parents[1]
# Each reads a man page and prints nothing if the page is correct.
RENDERERS = (
    ("groff", "-man", "-ww", "-z", "-Tutf8", "-K", "utf8"),
    ("man", "--warnings", "--encoding=UTF-8", "-l"),
    ("mandoc", "-T", "lint", "-W", "warning"),  # "lint" alone also reports matters of style.
)
# The headings of Keep a Changelog 1.1.0, https://keepachangelog.com/en/1.1.0/.
VERSION = re.compile(r"## \[(Unreleased|\d+\.\d+\.\d+)\](?: - (\d{4}-\d\d-\d\d))?$")
KINDS = {"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# A file or directory of the project in backticks, which may have wildcards, such as `tests/unit/test_*.py`.
PATH = re.compile(r"`((?:\.ci|benchmarks|docs|examples|man|packaging|plugins|pscheduler_batch|tests)/[\w./*-]*)`")


def check_man_page(page: Path) -> Iterator[str]:
    """Render a man page with every installed renderer and return what they report."""
    for command in RENDERERS:
        program = shutil.which(command[0])
        if program is not None:
            done = subprocess.run([program, *command[1:], str(page)], capture_output=True, text=True, check=False)
            report = done.stderr + (done.stdout if command[0] == "mandoc" else "")
            if report or done.returncode:
                yield f"{page.name}: {command[0]} exited with status {done.returncode}:\n{report}"


def check_change_log(text: str) -> Iterator[str]:
    """Check the title of a change log, the order and dates of its versions, and the kinds of changes."""
    if not text.startswith("# Changelog\n"):
        yield "CHANGELOG.md: the first line is not '# Changelog'"
    dates: List[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"CHANGELOG.md:{number}: {line}"
        if line.startswith("## "):
            version = VERSION.match(line)
            if version is None or (version[1] == "Unreleased") != (version[2] is None):
                yield f"{place}: not of the form '## [Unreleased]' or '## [1.2.3] - 2026-01-31'"
            elif version[2] is not None:
                dates.append(version[2])
        elif line.startswith("### ") and line not in KINDS:
            yield f"{place}: not one of {', '.join(sorted(KINDS))}"
    if dates != sorted(dates, reverse=True):
        yield "CHANGELOG.md: the newest version is not first"


def anchors(text: str) -> List[str]:
    """List the anchors that a renderer makes of the headings of a Markdown document."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles]


def check_links(document: Path) -> Iterator[str]:
    """Check that the files and headings that a document links to exist."""
    text = document.read_text(encoding="utf-8")
    for link in LINK.findall(FENCED.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists():
            yield f"{document.relative_to(ROOT)}: {link} does not exist"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{document.relative_to(ROOT)}: {name or 'the document'} has no heading #{anchor}"


def check_paths(document: Path) -> Iterator[str]:
    """Check that the files and directories that a document names exist."""
    for path in PATH.findall(document.read_text(encoding="utf-8")):
        if not any(ROOT.glob(path.rstrip("/"))):
            yield f"{document.relative_to(ROOT)}: {path} does not exist"


def main() -> int:
    """Run every check and print the errors."""
    pages = sorted((ROOT / "man").glob("*.1"))
    documents = [*ROOT.glob("*.md"), ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    errors = [] if pages else ["man/ has no man page"]
    errors += [text for page in pages for text in check_man_page(page)]
    errors += check_change_log((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    errors += [text for document in documents for check in (check_links, check_paths) for text in check(document)]
    print("\n".join(errors) or f"{len(pages)} man pages, {len(documents)} documents: no errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
