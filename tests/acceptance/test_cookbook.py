"""Run every recipe of docs/cookbook.md as it is written there, and compare its answer, numbers aside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, Optional

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.text_report import TextReport
from tests.support.commands import environment

ROOT = Path(__file__).parents[2]
COOKBOOK = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
LONGEST = 120  # seconds; only what hangs needs them
STATUSES = {"Stop at the first failure": 3, "Mail from cron": 4}
OUTPUT = re.compile(r"(?:-o|--output) ([a-z-]+\.json)")
# What differs each time: numbers with their units, and where lines end or are filled.
NUMBER = re.compile(r"[-+]?[0-9][-+0-9.:/e]*( ?([kMG]?b/s|[mµ]?s|min)\b)?")
PROGRAMS = {
    "pscheduler": "pscheduler_commands:main",
    "pscheduler-batch": "pscheduler_commands:batch",
    "pscheduler-batch-report": "pscheduler_commands:batch_report",
    "ansible-playbook": "ansible.cli.playbook:main",
}


@dataclass(frozen=True)
class Recipe:
    """A section of the cookbook: its title, its commands, and the answer to them."""

    title: str
    commands: str
    answer: str


def recipes() -> List[Recipe]:
    """Read the sections of the cookbook, each of which has one block of commands and one answer."""
    sections: Dict[str, List[Token]] = {}
    title: Optional[str] = None
    tokens = MarkdownIt().parse(COOKBOOK)
    for token, following in zip(tokens, [*tokens[1:], None]):
        if token.type == "heading_open" and token.tag == "h2" and following:
            title = following.content
            sections[title] = []
        elif token.type == "fence" and title:
            sections[title].append(token)
    return [
        Recipe(
            title,
            "".join(block.content for block in blocks if block.info == "sh"),
            "".join(block.content for block in blocks if block.info == "text"),
        )
        for title, blocks in sections.items()
    ]


def without_numbers(text: str) -> str:
    """
    Return an answer without what differs each time.

    >>> without_numbers("rtt/0   127.0.0.1:37313  0.04/0.1 ms   2 hops ****")
    'rtt/N N N N hop'
    """
    text = re.sub(r"\b(hop|retransmit)s\b", r"\1", NUMBER.sub("N", text))
    return " ".join(re.sub(r"\*{3,}", "", text).split())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with examples/ in it, as the clone that the cookbook speaks of, and bin/ with the programs."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, entry_point in PROGRAMS.items():
        module, _, function = entry_point.partition(":")
        text = f'#!/bin/sh\nexec "{sys.executable}" -c "from {module} import {function}; {function}()" "$@"\n'
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.title)
def test_recipe(recipe: Recipe, place: Path) -> None:
    """The commands of the recipe end as it says, and give the answer under them, but for the numbers."""
    if "ansible-playbook" in recipe.commands and find_spec("ansible") is None:
        pytest.skip("ansible-core is not installed")
    if "jq -r" in recipe.commands and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    environ = environment(BETA="", PSCHEDULER_BATCH_NO_SUMMARY="", ANSIBLE_FORCE_COLOR="", COLUMNS="200")
    done = subprocess.run(
        ["bash", "-eu", "-c", recipe.commands],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        cwd=place,
        env={**environ, "HOME": str(place), "PATH": f"{place / 'bin'}:{environ['PATH']}"},
    )

    assert done.returncode == STATUSES.get(recipe.title, 0), done.stderr
    assert without_numbers(recipe.answer) == without_numbers(done.stdout or done.stderr or report_in(place, recipe))


def report_in(place: Path, recipe: Recipe) -> str:
    """Return the text report of the output that the commands of a recipe have written."""
    (name,) = OUTPUT.findall(recipe.commands)
    report = report_of(json.loads((place / name).read_text(encoding="utf-8")))
    return "".join(TextReport().render(report))


def test_every_recipe_answers_a_question_of_the_table():
    """Each section begins with the question under which the table has a link to it."""
    table = dict(re.findall(r"^\| (.+?) \| \[(.+?)\]\(#.+?\) \|$", COOKBOOK, re.MULTILINE))
    titles = [recipe.title for recipe in recipes()]
    sections = dict(zip(titles, re.split(r"^## .*\n", COOKBOOK, flags=re.MULTILINE)[1:]))

    assert list(table.values()) == titles
    assert [
        title for question, title in table.items() if not sections[title].lstrip().startswith(f"*{question}*")
    ] == []


def test_the_job_for_gitlab_has_the_commands_of_its_recipe():
    """What is run here for GitLab is the script of examples/cookbook/gitlab-ci.yml."""
    text = (ROOT / "examples" / "cookbook" / "gitlab-ci.yml").read_text(encoding="utf-8")
    script = " ".join(text.partition(">-\n")[2].partition("  artifacts:")[0].split())

    (recipe,) = (recipe for recipe in recipes() if recipe.title == "GitLab")
    assert recipe.commands.splitlines()[0] == script
