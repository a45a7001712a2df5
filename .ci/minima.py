"""
Print the oldest version that setup.cfg allows of each package, as constraints for pip.

    minima.py > FILE && pip install --constraint FILE '.[test]'

A requirement `name >= 1.2, < 2; marker` becomes `name==1.2; marker`.
"""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path
from typing import Iterator

SETUP = Path(__file__).parents[1] / "setup.cfg"
# The name, the minimum, an upper bound, which does not matter here, and an environment marker.
REQUIREMENT = re.compile(r"([\w.-]+) >= ([\w.]+)(?:, < [\w.]+)?(; .+)?")


def minima(text: str) -> Iterator[str]:
    """Yield a constraint for each package that the project or one of its extras requires."""
    setup = configparser.ConfigParser()
    setup.read_string(text)
    name = setup["metadata"]["name"]
    for lines in (setup["options"]["install_requires"], *setup["options.extras_require"].values()):
        for line in filter(None, lines.splitlines()):
            if line.startswith(f"{name}["):
                continue  # An extra of the project that includes another.
            match = REQUIREMENT.fullmatch(line)
            if match is None:
                sys.exit(f"setup.cfg: {line!r} is not of the form 'name >= version'; minima.py needs a minimum")
            yield f"{match[1]}=={match[2]}{match[3] or ''}"


if __name__ == "__main__":
    print("\n".join(dict.fromkeys(minima(SETUP.read_text(encoding="utf-8")))))
