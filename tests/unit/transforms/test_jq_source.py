"""Tests of the text of jq programs: directives at the head, comments, and where an error is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Tuple

import pytest

from pscheduler_batch.transforms.jq_source import (
    blank,
    explain_compile_error,
    imported_modules,
    library_folders,
    with_library,
)

FOLDERS = ("/lib",)
SEARCH = '"search": ["/lib"]'


def complaint(what: str, line: int, column: int, file: str = "<top-level>") -> str:
    """Return what jq would about a place of the whole program."""
    return f"jq: error: {what} at {file}, line {line}, column {column}:\n    (the line)\njq: 1 compile error"


def make_program(folder: Path) -> Path:
    """Put an executable file named jq into a folder."""
    folder.mkdir(parents=True)
    program = folder / "jq"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def bare(monkeypatch, tmp_path) -> Path:
    """A machine without any jq, whose home and current folder are empty; gives the folder that has them."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JQ_LIBRARY_PATH", raising=False)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def found(bare: Path) -> Tuple[str, ...]:
    """The folders that are searched, as paths below the bare machine's."""
    return tuple(os.path.relpath(folder, bare) for folder in library_folders())


def test_only_the_current_folder_is_searched_on_a_bare_machine(bare):
    """Folders that do not exist are left out."""

    assert found(bare) == ("here",)


def test_a_current_folder_that_was_removed_is_not_searched(bare, monkeypatch):
    """A shell may still be in it."""
    folder = bare / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    assert library_folders() == ()


def test_folders_are_searched_in_the_order_home_environment_program(bare, monkeypatch):
    """The user's own modules come first, those of the machine last."""
    for folder in ("home/.jq", "one", "two", "lib/jq"):
        (bare / folder).mkdir(parents=True)
    make_program(bare / "bin")
    monkeypatch.setenv("JQ_LIBRARY_PATH", os.pathsep.join([str(bare / "two"), "", str(bare / "one")]))

    assert found(bare) == (os.path.join("home", ".jq"), "two", "one", os.path.join("lib", "jq"), "lib", "here")


def test_a_linked_jq_brings_both_its_places(bare):
    """A jq on the PATH may be a symbolic link; modules are beside the link or beside the program."""
    program = make_program(bare / "opt" / "bin")
    for folder in ("opt/lib", "lib", "bin"):
        (bare / folder).mkdir(parents=True)
    (bare / "bin" / "jq").symlink_to(program)

    assert found(bare) == ("lib", os.path.join("opt", "lib"), "here")


def test_a_file_that_cannot_be_run_is_no_jq(bare):
    """Only an executable jq says where modules are."""
    make_program(bare / "bin").chmod(0o644)
    (bare / "lib").mkdir()

    assert found(bare) == ("here",)


def test_a_file_named_dot_jq_is_no_folder(bare):
    """Only a folder can be searched."""
    (bare / "home" / ".jq").write_text("def f: 1;")

    assert found(bare) == ("here",)


@pytest.mark.parametrize(
    ("script", "head", "body"),
    [
        (".a", "", ".a"),
        ("", "", ""),
        ('import "a" as a; .', f'import "a" as a {{{SEARCH}}};', " ."),
        ('import "a" as $a; .', f'import "a" as $a {{{SEARCH}}};', " ."),
        ('include "a"; .', f'include "a" {{{SEARCH}}};', " ."),
        ('import "a" as a {}; .', f'import "a" as a {{{SEARCH}}};', " ."),
        ('import "a" as a {x: 1}; .', f'import "a" as a {{{SEARCH}, x: 1}};', " ."),
        ('import "a" as a {"x": ";}"}; .', f'import "a" as a {{{SEARCH}, "x": ";}}"}};', " ."),
        ('import "a" as a {search: "/my"}; .', 'import "a" as a {search: "/my"};', " ."),
        ('import "a" as a {"search": ["/my"]}; .', 'import "a" as a {"search": ["/my"]};', " ."),
        ("module {a: 1}; .", "module {a: 1};", " ."),
        ('# one\n# two\nimport "a" as a; .', f'# one\n# two\nimport "a" as a {{{SEARCH}}};', " ."),
        ('import # why\n"a" as\n a\n;\n.', f'import # why\n"a" as\n a\n {{{SEARCH}}};', "\n."),
        ('"import" | .', "", '"import" | .'),
        ('. # import "a" as a;', "", '. # import "a" as a;'),
        ("importance", "", "importance"),
    ],
)
def test_directives_are_told_where_to_look(script, head, body):
    """Imports get the folders unless they have a search of their own; all else stays as it is."""

    assert with_library(script, FOLDERS) == (head, body)


def test_only_modules_from_anywhere_are_named():
    """Neither data, nor what has a folder of its own, nor what is no plain name."""
    script = (
        'module {}; import "a" as a; import "b" as $b; include "c"; import "d" as d {search: "/d"}; include "\\(1)"; .'
    )

    assert imported_modules(script) == ["a", "c", ""]


def test_every_import_is_told_where_to_look():
    """Several directives are one head, on their own lines."""
    head, body = with_library('import "a" as a;\ninclude "b";\n.', FOLDERS)

    assert (head, body) == (f'import "a" as a {{{SEARCH}}};\ninclude "b" {{{SEARCH}}};', "\n.")


@pytest.mark.parametrize("script", ["", " \n\t", "# c", "# c\n", "# one\n  # two", "# kept on \\\n.a"])
def test_comments_and_white_space_are_a_blank_script(script):
    """Such a script is "." for jq; a backslash takes the next line into the comment."""

    assert blank(script)


@pytest.mark.parametrize("script", [".", "# c\n.", "# even \\\\\n.", '"#"'])
def test_a_script_that_does_something_is_not_blank(script):
    """Whatever stands outside a comment counts."""

    assert not blank(script)


@pytest.mark.parametrize("script", ["#" * 5000 + "\n.", ("#" * 80 + "\n") * 200 + ".", " " * 5000 + "x"])
def test_a_ruler_of_number_signs_costs_no_time(script):
    """A line of number signs is a popular ornament; matching it must not take exponential time."""

    assert not blank(script)
    assert with_library(script, FOLDERS) == ("", script)


def test_a_ruler_in_the_metadata_costs_no_time():
    """The same between the braces of an import that is not right."""
    script = 'import "a" as a {' + "#" * 200 + "\n} ."

    assert with_library(script, FOLDERS) == ("", script)


@pytest.mark.parametrize(
    ("name", "prefix", "hint"),
    [
        ("iteraton", "PREFIX", "did you mean $iteration?"),
        ("tsak", "PREFIX", "did you mean $task?"),
        ("hots", "PREFIX", "did you mean $hosts?"),
        ("zzz", "PREFIX", "variables are $global, $iteration, $task and the names in the transform's `args`"),
        ("iteraton", "", "variables are $global and the names in the transform's `args`"),
        ("globla", "", "did you mean $global?"),
    ],
)
def test_a_variable_that_is_not_defined_gets_a_hint(name, prefix, hint):
    """Only the scripts that work on a task, which have a prefix, have its variables."""
    said = explain_compile_error(
        complaint(f"${name} is not defined", 1, 1), f"${name}", "", prefix, ["global", "hosts"]
    )

    assert said.splitlines()[0] == f"the script does not compile: ${name} is not defined; {hint}"


def test_a_place_behind_the_prefix_is_a_place_in_the_script():
    """What was put before the script does not show."""
    said = explain_compile_error(complaint("bad", 1, 11), ".a b", "", "1234567")

    assert said == "the script does not compile: bad\n    line 1: .a b\n               ^"


def test_a_place_on_a_later_line_is_not_moved():
    """The prefix is on the first line only."""
    said = explain_compile_error(complaint("bad", 2, 3), ".\n| foo", "", "1234567")

    assert said == "the script does not compile: bad\n    line 2: | foo\n              ^"


def test_a_place_on_the_line_of_an_import_is_not_moved_by_its_folders():
    """The folders that were written into an import do not show either."""
    script = '# c\nimport "a" as a; .a b'
    head, body = with_library(script, FOLDERS)
    column = len(f"{head}PREFIX{body}".split("\n")[1])
    said = explain_compile_error(complaint("bad", 2, column), script, head, "PREFIX")

    assert said.split("\n")[1:] == ['    line 2: import "a" as a; .a b', " " * 32 + "^"]


def test_columns_are_counted_in_characters():
    """What jq says counts the bytes of UTF-8."""
    said = explain_compile_error(complaint("bad", 1, len('"é中" | '.encode()) + 1), '"é中" | foo', "", "")

    assert said.split("\n")[2] == " " * len('    line 1: "é中" | ') + "^"


def test_tabs_stay_tabs_so_that_the_caret_is_right():
    """However wide a tab is shown, it is as wide in the line of the caret."""
    said = explain_compile_error(complaint("bad", 1, 4), "\t| foo", "", "")

    assert said.split("\n")[1:] == ["    line 1: \t| foo", "            \t  ^"]


def test_the_carriage_return_of_a_line_is_not_shown():
    """A script may come from a file of another system."""
    said = explain_compile_error(complaint("bad", 1, 1), "foo\r\n| bar", "", "")

    assert said.split("\n")[1] == "    line 1: foo"


@pytest.mark.parametrize(("line", "column"), [(1, 99), (7, 1), (9, 9)])
def test_a_place_behind_the_script_is_its_end(line, column):
    """The end of the program may be what jq finds wrong."""
    said = explain_compile_error(complaint("bad", line, column), ".a |", "", "PREFIX")

    assert said.split("\n")[1:] == ["    line 1: .a |", " " * 16 + "^"]


def test_an_error_in_a_module_names_its_file():
    """The place is in the module, so no line of the script is shown."""
    said = explain_compile_error(complaint("bad", 3, 4, "/lib/a.jq"), "a::f", "", "PREFIX")

    assert said == "the module /lib/a.jq does not compile, line 3, column 4: bad"


def test_an_error_with_two_places_is_in_the_script():
    """The first one is in the string that jq could not decode."""
    what = r"""Invalid \uXXXX\uXXXX surrogate pair escape at line 1, column 8 (while parsing '"\ud83d"')"""
    said = explain_compile_error(complaint(what, 1, 12), r'.a = "\ud83d"', "", "")

    assert said.split("\n")[0] == f"the script does not compile: {what}"


def test_an_error_without_a_place_is_told_as_it_is():
    """A module that is nowhere has no place."""
    said = explain_compile_error(
        "jq: error: module not found: nope\n\njq: 1 compile error", 'include "nope"; .', "", ""
    )

    assert said == "the script does not compile: module not found: nope"


def test_every_complaint_is_told():
    """There may be several of them."""
    message = complaint("one", 1, 1).replace("jq: 1 compile error", "") + complaint("two", 1, 7)
    said = explain_compile_error(message, "foo | bar", "", "")

    assert [line for line in said.split("\n") if "compile" in line] == [
        "the script does not compile: one",
        "  the script does not compile: two",
    ]
