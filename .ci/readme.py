"""
Print the command that a section of README.md shows.

    readme.py "Run the tests"

The first fenced block of the section has one line, a command that works in a fresh clone as it stands.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def find_command(text: str, title: str) -> str:
    """Return the only line of the first fenced block of a section."""
    section = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if section is None:
        sys.exit(f"README.md has no section '## {title}'")
    block = re.search(r"^```[a-z]*\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    lines = block[1].replace("\\\n", "").splitlines() if block else []
    if len(lines) != 1:
        sys.exit(f"README.md: the first fenced block of '## {title}' must have one line, not {lines}")
    return lines[0]


if __name__ == "__main__":
    print(find_command(README.read_text(encoding="utf-8"), sys.argv[1]))
