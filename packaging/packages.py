"""
Build packages; run by packaging/build, which brings the tools.

A package has everything in it but Python: the program and what it requires, in a virtual environment of its own. It is
made without the Python for which it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import deb
import rpm
import single_file
import tree
import wheels

SINGLE_FILE = "single-file"
RELEASES = {
    "debian-12": tree.Release("deb12", "3.11", 36, "zsh/vendor-completions", "/lib/systemd/system"),
    "ubuntu-24.04": tree.Release("ubuntu24.04", "3.12", 39, "zsh/vendor-completions", "/usr/lib/systemd/system"),
    "el-9": tree.Release("el9", "3.9", 34, "zsh/site-functions", "/usr/lib/systemd/system"),
}


def main() -> None:
    """Build the packages that the command line names, and print their paths."""
    parser = argparse.ArgumentParser(
        prog="packaging/build", description="Build packages for this machine's architecture."
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("dist"), help="directory for the packages (default: dist)"
    )
    parser.add_argument("targets", nargs="+", choices=(*RELEASES, SINGLE_FILE), metavar="TARGET", help="%(choices)s")
    arguments = parser.parse_args()
    os.environ.setdefault("SOURCE_DATE_EPOCH", _last_change())
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        project = wheels.build_project(Path(directory))
        for target in arguments.targets:
            work = Path(directory, target)
            (work / "output").mkdir(parents=True)
            package = _build(target, project, work)
            print(shutil.copy(package, arguments.output))


def _build(target: str, project: Path, work: Path) -> Path:
    """Build one package in a directory that has a directory `output`, and return its path."""
    if target == SINGLE_FILE:
        return single_file.build(project, work)
    release = RELEASES[target]
    version = project.name.split("-")[1]
    requirements = wheels.download_requirements(work / "wheels", release.python, release.glibc)
    root = work / "root"
    tree.lay_out(root, release, project, requirements)
    if target.startswith("el-"):
        return rpm.build(root, release, version=version, output=work / "output")
    glibc = wheels.required_glibc(requirements)
    return deb.build(root, release, version=version, glibc=glibc, output=work / "output")


def _last_change() -> str:
    """Return the time of the last commit as seconds since 1970, or the present one where that is unknown."""
    log = ["git", "-C", str(wheels.ROOT), "log", "-1", "--format=%ct"]
    try:
        return subprocess.run(log, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return str(int(time.time()))


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"packaging/build: error: {error.cmd[0]} exited with status {error.returncode}; its output is above")
