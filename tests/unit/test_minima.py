"""The constraints with which ``.ci/run`` installs the oldest versions that setup.cfg allows."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

MINIMA = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "minima.py"))

SETUP = """
[metadata]
name = a-project
[options]
install_requires =
    click >= 8.1
    ruff >= 0.17.6, < 0.18
[options.extras_require]
some =
    # A reason.
    selenium >= 4.20; python_version >= "3.10"
all =
    a-project[some]
"""


def test_each_requirement_becomes_its_minimum():
    """Of the project and its extras, with the conditions under which it is required."""
    assert list(MINIMA["minima"](SETUP)) == [
        "click==8.1",
        "ruff==0.17.6",
        'selenium==4.20; python_version >= "3.10"',
    ]


@pytest.mark.parametrize("requirement", ["click", "click == 8.1", "click>=8.1", "click < 9"])
def test_a_requirement_without_a_minimum_is_an_error(requirement):
    """It would be installed in its newest version, and the minimum never be tested."""
    with pytest.raises(SystemExit, match=f"{requirement!r} is not of the form 'name >= version'"):
        list(MINIMA["minima"](SETUP.replace("click >= 8.1", requirement)))


def test_the_requirements_of_the_project_have_minima():
    """All of them, without a contradiction."""
    constraints = list(MINIMA["minima"](MINIMA["SETUP"].read_text(encoding="utf-8")))
    names = [constraint.partition("==")[0] for constraint in constraints]

    assert {"httpx", "starlette", "pytest"} <= set(names)
    assert len(set(constraints)) == len(set(names))
