"""The single-file executable: a zipapp with all dependencies in it, for several versions of Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import wheels
from packaging.tags import compatible_tags, cpython_tags

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
# The oldest glibc of the distributions that packages are built for; that of EL 9.
GLIBC = 34


def build(project: Path, work: Path) -> Path:
    """
    Build an executable for all of PYTHONS from the wheel of the project, and return its path.

    It has the commands of `pscheduler`. Its first start unpacks what it needs into the cache directory of its user.

    Raises:
        subprocess.CalledProcessError: A wheel cannot be downloaded, or pex has failed.
    """
    options = []
    for python in PYTHONS:
        directory = work / f"wheels-{python}"
        wheels.download_requirements(directory, python, GLIBC)
        options += ["--complete-platform", _describe_platform(python), "--pre-resolved-dists", str(directory)]
    executable = work / "output/pscheduler"
    subprocess.run(
        [
            *(sys.executable, "-m", "pex", "--no-pypi", "--no-build", "--no-rc", "--disable-cache", *options),
            *("--pre-resolved-dists", str(project), "pscheduler-batch[embedded]"),
            *("--python-shebang", "/usr/bin/env python3", "--venv", "prepend"),
            *("--entry-point", "pscheduler_commands:main", "--output-file", str(executable)),
        ],
        check=True,
        stdout=sys.stderr,
    )
    return executable


def _describe_platform(python: str) -> str:
    """Describe a Python version and the tags of wheels for it, as pex expects it."""
    version = tuple(map(int, python.split(".")))
    interpreter = f"cp{python.replace('.', '')}"
    platforms = wheels.platform_tags(GLIBC)
    tags = [
        *cpython_tags(version, [interpreter], platforms),
        *compatible_tags(version, interpreter, platforms),
    ]
    return json.dumps(
        {"marker_environment": wheels.marker_environment(python), "compatible_tags": [str(tag) for tag in tags]}
    )
