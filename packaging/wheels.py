"""The wheels that go into a package: that of the project, and those of requirements.txt."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = Path(__file__).with_name("requirements.txt")
# Distributions have late patches of a version of Python; some packages do not support its first ones.
PATCH = 99
# Tags of wheels for glibc up to 2.16, which have names of their own beside manylinux_2_N.
NAMED = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


def build_project(directory: Path) -> Path:
    """
    Build the wheel of the project, with the tools of tools.txt.

    It is built from a source distribution: a build in the source tree would pick up what earlier ones left in build/.

    Raises:
        subprocess.CalledProcessError: The wheel cannot be built.
    """
    source = directory / "source"
    source.mkdir()
    shutil.copytree(ROOT, source / "project", symlinks=True, ignore=_ignore)
    _run("-m", "build", "--no-isolation", "--outdir", str(directory), str(source / "project"))
    shutil.rmtree(source)
    return next(directory.glob("pscheduler_batch-*.whl"))


def download_requirements(directory: Path, python: str, glibc: int) -> List[Path]:
    """
    Download the wheels that an installation for a Python and a glibc 2.N needs, and verify their hashes.

    Args:
        directory: Where the wheels go; it is created.
        python: The version, such as "3.11".
        glibc: The newest N of glibc 2.N that a wheel may require.

    Raises:
        subprocess.CalledProcessError: A wheel is not available, or has another hash.
    """
    directory.mkdir()
    lock = directory / "requirements.txt"
    lock.write_text("\n".join(select(LOCK.read_text(encoding="utf-8"), python)) + "\n", encoding="utf-8")
    _run(
        *("-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", f"{python}.{PATCH}", "--dest", str(directory)),
        *(option for tag in platform_tags(glibc) for option in ("--platform", tag)),
        *("--requirement", str(lock)),
    )
    return sorted(directory.glob("*.whl"))


def select(lock: str, python: str) -> Iterator[str]:
    """
    Yield the requirements, with their hashes, that apply to a Python version on Linux.

    Pip evaluates markers for the Python that runs it, whatever --python-version says.
    """
    environment = marker_environment(python)
    for line in lock.replace("\\\n", "").splitlines():
        specification, *hashes = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(specification)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield " ".join((f"{requirement.name}{requirement.specifier}", *(f"--hash={value}" for value in hashes)))


def marker_environment(python: str) -> Dict[str, str]:
    """Return the values of the names in environment markers for a Python version on Linux."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.{PATCH}",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.{PATCH}",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_machine": platform.machine(),
    }


def platform_tags(glibc: int) -> List[str]:
    """List the platform tags of wheels for this architecture that work with glibc 2.N, the best one first."""
    machine = platform.machine()
    names = [[f"manylinux_2_{minor}", *filter(None, [NAMED.get(minor)])] for minor in range(glibc, 4, -1)]
    return [f"{name}_{machine}" for both in names for name in both]


def required_glibc(wheels: List[Path]) -> int:
    """Return the N of the glibc 2.N that some wheels require: each names the oldest that it supports."""
    return max(
        min([int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", wheel.name)] or _named_glibc(wheel.name))
        for wheel in wheels
    )


def _named_glibc(name: str) -> List[int]:
    return [minor for minor, tag in NAMED.items() if f"{tag}_" in name] or [0]


def _ignore(directory: str, names: List[str]) -> List[str]:
    """Name what does not belong to the sources in the directory of the project: what starts with a dot, and outputs."""
    if Path(directory) != ROOT:
        return [name for name in names if name == "__pycache__"]
    return [name for name in names if name in {"build", "dist"} or name.endswith(".egg-info") or name.startswith(".")]


def _run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=sys.stderr)
