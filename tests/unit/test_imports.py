"""The way that imports run, read from the source: each module may use what is below it, never what is above."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import FrozenSet, Iterator

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "pscheduler_batch"

# From the bottom up; a module's place is found by its first name below the package.
LAYERS = (
    {"_version", "errors", "printing"},
    {
        "destinations",
        "events",
        "iso8601",
        "model",
        "positions",
        "private",
        "reply",
        "secrets_in_text",
        "tally",
        "terminal",
        "wording",
    },
    {"excerpts", "file_names", "lengths", "loader", "places", "plain", "syntax", "validation", "violations"},
    {
        "blame",
        "exact_numbers",
        "iteration_problems",
        "jq_child",
        "jq_process",
        "jq_source",
        "script_note",
        "scripts",
        "transforms",
    },
    {"checked", "checking", "planner", "questions", "rest", "timeline", "watched"},
    {
        "connection_words",
        "diffs",
        "exchange",
        "foresight",
        "hosts",
        "locking",
        "marks",
        "past",
        "plan_rows",
        "records",
        "sealing",
        "server_problems",
        "signals",
        "slots",
        "transports",
        "turns",
        "waiting",
    },
    {
        "asking",
        "frames",
        "journal_file",
        "left_alone",
        "live_view",
        "messages",
        "options",
        "output",
        "plan_view",
        "progress",
        "progress_words",
        "punctuality",
        "report",
        "results",
        "retries",
        "schema_text",
        "screen",
    },
    {
        "connections",
        "fetching",
        "first_runs",
        "journal",
        "judging",
        "kept",
        "leads",
        "posting",
        "server_check",
        "summary",
    },
    {"submitter"},
    {"runner"},
    {"processor"},
    {""},  # the package's own face
    {"embedded"},
    {"execution", "looking", "starting"},
    {"cli", "completing", "help_sections", "report_cli", "server_cli"},
    {"__main__"},
)
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}
BELOW_EMBEDDED = {"_version", "errors", "printing", "model", "iso8601", "rest", "embedded"}
ONLY_USER = {"jq": "scripts", "httpx": "exchange"}


def module_name(path: Path) -> str:
    """Give the dotted name of a file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).replace(".__init__", "")


MODULES = {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}


def place(module: str) -> str:
    """Give a module's first name below the package, "" for the package itself."""
    return f"{module}.".split(".")[1]


@cache
def imports_of(module: str) -> FrozenSet[str]:
    """List what a module imports, wherever in its text it does so; names are resolved to modules."""
    return frozenset(_imported(MODULES[module], module))


def _imported(path: Path, module: str) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names = (f"{source}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else source for name in names)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_place_in_the_layers(module):
    """A new module says in this file where it belongs."""

    assert place(module) in HEIGHT


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_from_above(module):
    """Imports point one way, from the command to the values and errors."""
    own = (name for name in imports_of(module) if name in MODULES)
    above = {name for name in own if HEIGHT.get(place(name), 0) > HEIGHT.get(place(module), 0)}

    assert not above


def test_there_are_no_circles():
    """Modules of one layer may use each other, but never in a circle; graphlib names the circle."""
    uses = {module: {name for name in imports_of(module) if name in MODULES} for module in MODULES}
    order = list(TopologicalSorter(uses).static_order())

    assert set(order) == set(MODULES)


@pytest.mark.parametrize("module", [name for name in MODULES if place(name) == "embedded"])
def test_the_embedded_server_uses_only_the_protocol(module):
    """The embedded server shares words and values with the client, and none of its steps."""
    used = {place(name) for name in imports_of(module) if name in MODULES}

    assert used <= BELOW_EMBEDDED


@pytest.mark.parametrize("library", ONLY_USER)
def test_a_library_has_one_user(library):
    """Only one step knows jq, and only one knows httpx; the embedded server is a program of its own."""
    users = {place(module) for module in MODULES if library in {name.split(".")[0] for name in imports_of(module)}}

    assert users <= {ONLY_USER[library], "embedded"}


def test_only_the_commands_know_click():
    """Click and its ways of ending a program stay in the commands."""
    users = {place(module) for module in MODULES if "click" in {name.split(".")[0] for name in imports_of(module)}}

    assert users <= {"cli", "completing", "help_sections", "report_cli", "server_cli"}
