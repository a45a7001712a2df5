"""packaging/requirements.txt has, with hashes, what the packages need."""

from __future__ import annotations

import configparser
import runpy
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "packaging/requirements.txt").read_text(encoding="utf-8")
TOOLS = (ROOT / "packaging/tools.txt").read_text(encoding="utf-8")


WHEELS = runpy.run_path(str(ROOT / "packaging/wheels.py"))


@pytest.mark.parametrize("python", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_the_lock_satisfies_what_the_project_requires(python):
    """Each Python gets one version of each package that setup.cfg names, and a version that it allows."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["embedded"]
    locked = {}
    for line in WHEELS["select"](LOCK, python):
        requirement, _, hashes = line.partition(" ")
        name, _, version = requirement.partition("==")
        assert hashes.startswith("--hash=sha256:")
        assert name not in locked
        locked[name] = version

    for line in filter(None, wanted.splitlines()):
        requirement = Requirement(line)
        assert requirement.specifier.contains(locked[requirement.name]), line


@pytest.mark.parametrize("lock", [LOCK, TOOLS], ids=["requirements", "tools"])
def test_no_line_of_a_lock_goes_without_hash_or_names_a_place(lock):
    """Every package is verified, and comes from wherever pip is set up to look."""
    lines = lock.replace("\\\n", "").splitlines()

    assert all("--hash=sha256:" in line for line in lines)
    assert "//" not in lock


def test_a_requirement_for_another_python_is_left_out():
    """Markers are evaluated for the Python of the package, on Linux."""
    lock = (
        "a==1 ; python_full_version < '3.10' \\\n    --hash=sha256:1\nb==2 --hash=sha256:2\n"
        "c==3 ; sys_platform == 'win32' --hash=sha256:3\n"
    )

    assert list(WHEELS["select"](lock, "3.9")) == ["a==1 --hash=sha256:1", "b==2 --hash=sha256:2"]
    assert list(WHEELS["select"](lock, "3.11")) == ["b==2 --hash=sha256:2"]


def test_the_newest_of_the_oldest_glibc_of_the_wheels_is_required():
    """A wheel supports the oldest glibc that its name has; together they need the newest of these."""
    names = (
        "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "b-1-cp311-cp311-manylinux_2_26_x86_64.manylinux_2_28_x86_64.whl",
        "c-1-cp311-cp311-manylinux2010_x86_64.whl",
        "d-1-py3-none-any.whl",
    )

    assert WHEELS["required_glibc"]([Path(name) for name in names]) == 26
    assert WHEELS["required_glibc"]([Path(name) for name in names[2:]]) == 12
    assert WHEELS["required_glibc"]([Path(name) for name in names[3:]]) == 0


def test_tags_of_wheels_are_listed_newest_first_with_their_old_names():
    """Pip takes the first tag for which there is a wheel."""
    tags = [tag.split("_x86_64")[0].split("_aarch64")[0] for tag in WHEELS["platform_tags"](18)]

    assert tags[:3] == ["manylinux_2_18", "manylinux_2_17", "manylinux2014"]
    assert tags[-2:] == ["manylinux_2_5", "manylinux1"]


@pytest.mark.parametrize("name", ["preinst", "postinst", "prerm", "postrm"])
def test_scripts_of_the_debian_package_have_no_syntax_error(name):
    """A shell can read them."""
    subprocess.run(["sh", "-n", str(ROOT / "packaging/debian" / name)], check=True)
