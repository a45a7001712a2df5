"""The rooms of the package, read from its folders: each may use the rooms below it, never one above."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import FrozenSet, Iterator

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "pscheduler_batch"

# From top to bottom, as docs/architecture.md draws them; a room may use every room in a line below its own.
ROOMS = (
    {"__main__", "testing"},
    {"cli"},
    {"embedded", "plugins"},
    {"drafts", "processor"},
    {"report"},
    {"terminal", "running"},
    {"output", "planning", "journal"},
    {"scheduler"},
    {"input", "http", "transforms", "metrics"},
    {"ground"},
)
HEIGHT = {room: -line for line, rooms in enumerate(ROOMS) for room in rooms}
# The rooms of the embedded server, in the same order; the values and base classes of its top are used by all of them.
EMBEDDED_ROOMS = (
    {"server"},
    {"listener"},
    {"api"},
    {"scheduling"},
    {"classes", "faults", "tests"},
    {"offers"},
    {"measurement"},
    {"command_line"},
    {"measuring", "spec"},
    {"certificate", "documents", "pace", "test"},
)
EMBEDDED_HEIGHT = {room: -line for line, rooms in enumerate(EMBEDDED_ROOMS) for room in rooms}
# The files at the top of the package are the ground, except these.
NOT_GROUND = {"__init__", "__main__", "processor"}
# The embedded server shares words and values with the client, and none of its steps.
BELOW_EMBEDDED = {"ground", "http.response", "http.urls", "scheduler.api"}
USERS = {
    "jq": {"transforms"},
    "httpx": {"http"},
    "click": {"cli"},
    "rich": {"terminal", "report"},
    "pytest": {"testing"},
}


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package, without the name of the package."""
    return ".".join(path.relative_to(ROOT / PACKAGE).with_suffix("").parts)


MODULES = {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
FOLDERS = sorted(path for path in (ROOT / PACKAGE).rglob("*") if path.is_dir() and list(path.glob("*.py")))


def room_of(module: str) -> str:
    """
    Return the room that a module is in.

    >>> room_of("http.client"), room_of("errors"), room_of("processor")
    ('http', 'ground', 'processor')
    """
    first, _, rest = module.partition(".")
    return first if rest or first in NOT_GROUND else "ground"


@cache
def imports_of(module: str) -> FrozenSet[str]:
    """List what a module imports, anywhere in its text; modules of the package without the package's name."""
    return frozenset(_imported(MODULES[module]))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inside = node.module.partition(".")[2] if node.module.split(".")[0] == PACKAGE else None
            if inside is None:
                yield node.module
                continue
            names = (f"{inside}.{alias.name}".lstrip(".") for alias in node.names)
            yield from (
                name if name in MODULES else inside if inside in MODULES else f"{inside}.__init__" for name in names
            )


def own_imports(module: str) -> FrozenSet[str]:
    """List the modules of the package that a module imports."""
    return frozenset(name.lstrip(".") for name in imports_of(module) if name.lstrip(".") in MODULES)


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_a_room_uses_only_rooms_below_it(module):
    """Imports point one way, from the commands to the values and errors; inside a room they may go anywhere."""
    room = room_of(module)
    used = {name for name in own_imports(module) if room_of(name) != room}

    assert not {name for name in used if HEIGHT[room_of(name)] >= HEIGHT[room]}


def test_there_are_no_circles():
    """Modules of one room may use each other, but never in a circle; graphlib names the circle."""
    order = list(TopologicalSorter({module: own_imports(module) for module in MODULES}).static_order())

    assert set(order) == set(MODULES)


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) == "embedded"])
def test_the_embedded_server_uses_only_the_protocol(module):
    """The embedded server shares words and values with the client, and none of its steps."""
    used = {name for name in own_imports(module) if room_of(name) != "embedded"}

    assert not {name for name in used if name not in BELOW_EMBEDDED and room_of(name) not in BELOW_EMBEDDED}


@pytest.mark.parametrize("module", [name for name in MODULES if name.count(".") and room_of(name) == "embedded"])
def test_a_room_of_the_embedded_server_uses_only_rooms_below_it(module):
    """The server is above its API, which is above the scheduling of runs, and measuring knows none of them."""
    room = module.split(".")[1]
    used = {name.split(".")[1] for name in own_imports(module) if room_of(name) == "embedded"} - {room}

    assert room == "__init__" or not {name for name in used if EMBEDDED_HEIGHT[name] >= EMBEDDED_HEIGHT[room]}


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) not in {"embedded", "cli", "testing"}])
def test_only_commands_and_fixtures_use_the_embedded_server(module):
    """A batch does not know that its server runs in the same process."""
    assert "embedded" not in {room_of(name) for name in own_imports(module)}


@pytest.mark.parametrize("library", USERS)
def test_a_library_is_used_in_its_room(library):
    """One room knows jq, one httpx, one click, and two draw with rich; the embedded server is a program of its own."""
    users = {room_of(module) for module in MODULES if library in {name.split(".")[0] for name in imports_of(module)}}

    assert users <= {*USERS[library], "embedded"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_room_says_what_happens_in_it(folder):
    """The first thing that a newcomer reads of a folder is one sentence."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))

    assert text
    assert text.split("\n\n")[0].endswith(".")


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_room_hands_on_three_names_at_most(folder):
    """A room is used through its modules; what its ``__init__`` hands on is what everybody wants of it."""
    body = ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body
    names = [
        alias
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    ]

    assert len(names) <= 3
    assert not [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]


def test_few_imports_are_inside_functions():
    """Each of them defers a library that is slow to import and that most commands do not need."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    inside = {
        (module, node.lineno)
        for module, path in MODULES.items()
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, functions)
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }

    assert len(inside) <= 10
