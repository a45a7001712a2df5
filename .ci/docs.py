"""Check the documents: the man page renders, the change log has its form, links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

ROOT = Path(__file__).parents[1]
# Each reads a man page and writes nothing to stderr when there is nothing to complain of.
RENDERERS = (
    ("groff", "-man", "-ww", "-z", "-Tutf8", "-K", "utf8"),
    ("man", "--warnings", "--encoding=UTF-8", "-l"),
    ("mandoc", "-T", "lint", "-W", "warning"),  # In this order: lint alone complains of matters of style.
)
# The headings of Keep a Changelog 1.1.0, https://keepachangelog.com/en/1.1.0/.
VERSION = re.compile(r"## \[(Unreleased|\d+\.\d+\.\d+)\](?: - (\d{4}-\d\d-\d\d))?$")
KINDS = {"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def check_man_page(page: Path) -> Iterator[str]:
    """Render a man page with every program there is for that; give what they complain of."""
    for command in RENDERERS:
        program = shutil.which(command[0])
        if program is not None:
            done = subprocess.run([program, *command[1:], str(page)], capture_output=True, text=True, check=False)
            said = done.stderr + (done.stdout if command[0] == "mandoc" else "")
            if said or done.returncode:
                yield f"{page.name}: {command[0]} ends with status {done.returncode} and says:\n{said}"


def check_change_log(text: str) -> Iterator[str]:
    """Check a change log: its title, versions with dates from the newest down, and the kinds of changes."""
    if not text.startswith("# Changelog\n"):
        yield "CHANGELOG.md: does not begin with '# Changelog'"
    dates: List[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"CHANGELOG.md:{number}: {line}"
        if line.startswith("## "):
            version = VERSION.match(line)
            if version is None or (version[1] == "Unreleased") != (version[2] is None):
                yield f"{place}: is neither '## [Unreleased]' nor '## [1.2.3] - 2026-01-31'"
            elif version[2] is not None:
                dates.append(version[2])
        elif line.startswith("### ") and line not in KINDS:
            yield f"{place}: is none of {', '.join(sorted(KINDS))}"
    if dates != sorted(dates, reverse=True):
        yield "CHANGELOG.md: versions do not go from the newest down"


def anchors(text: str) -> List[str]:
    """List the anchors of a Markdown document's headings, as they are made when it is shown."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles]


def check_links(document: Path) -> Iterator[str]:
    """Check that a document's links to files and headings of the project lead somewhere."""
    text = document.read_text(encoding="utf-8")
    for link in LINK.findall(FENCED.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists():
            yield f"{document.relative_to(ROOT)}: there is no {link}"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{document.relative_to(ROOT)}: {name or 'the document'} has no heading #{anchor}"


def main() -> int:
    """Run every check; print what is wrong."""
    pages = sorted((ROOT / "man").glob("*.1"))
    documents = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
    complaints = [] if pages else ["There is no man page in man/."]
    complaints += [text for page in pages for text in check_man_page(page)]
    complaints += check_change_log((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    complaints += [text for document in documents for text in check_links(document)]
    print("\n".join(complaints) or f"{len(pages)} man pages, {len(documents)} documents: nothing to complain of")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
