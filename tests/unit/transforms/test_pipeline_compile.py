"""Tests of compiling the jq scripts of a batch: their imports, their mistakes, and how often (ADR 8)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Dict, List

import jq
import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.transforms.pipeline import StepError, Transforms
from tests.support.transforms import TASK, run


def make_transforms(*transforms: Dict[str, Any], data: object = None, **pairs: Any) -> Transforms:
    """Make the transforms of a batch with a job for each given task-transform; pairs go to every job."""
    jobs = [{"task": TASK, "task-transform": transform, **pairs} for transform in transforms]
    return Transforms(load_batch({"schema": 3, "global": {"data": data}, "jobs": jobs}))


def complaint_of(script: object) -> str:
    """Return why a task-transform does not compile."""
    (problem,) = make_transforms({"script": script}).problems
    return problem.reason


@pytest.fixture
def library(monkeypatch, tmp_path) -> Path:
    """The only folder of jq modules besides the current one."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("JQ_LIBRARY_PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return folder


@pytest.fixture
def compiled(monkeypatch) -> List[str]:
    """The programs that jq has been given to compile."""
    programs: List[str] = []
    real = jq.compile

    def counting(program, **options):
        programs.append(program)
        return real(program, **options)

    monkeypatch.setattr(jq, "compile", counting)
    return programs


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        (".a | foo", ["    line 1: .a | foo", "                 ^"]),
        ("foo", ["    line 1: foo", "            ^"]),
        ([".a", "| .b", "| foo(1)"], ["    line 3: | foo(1)", "              ^"]),
        (["# foo", "\t| foo"], None),
        (['"é中" | foo'], ['    line 1: "é中" | foo', "                   ^"]),
        (["", "\tfoo"], ["    line 2: \tfoo", "            \t^"]),
    ],
)
def test_what_does_not_compile_is_pointed_at(script, shown):
    """Line and caret are those of the user's script."""
    lines = complaint_of(script).split("\n")

    assert lines[1:] == shown if shown else lines[1].startswith("    line 2: \t| foo")


def test_the_end_of_a_script_that_lacks_something_is_its_own_end():
    """The line is never one that the user has not written."""

    assert complaint_of([".a |", "  ("]).split("\n")[1].startswith(("    line 1: .a |", "    line 2:   ("))


def test_a_script_with_a_nul_in_it_does_not_compile():
    """Silently, jq would leave out what is behind it."""

    assert complaint_of(".a\0 | foo") == "the script does not compile: it contains a NUL character (\\u0000)"


def test_each_script_that_does_not_compile_is_told_with_its_place():
    """The same mistake in two jobs is two problems."""
    transforms = make_transforms({"script": "foo"}, {"script": "foo"})

    assert [problem.where for problem in transforms.problems] == ["/jobs/0/task-transform", "/jobs/1/task-transform"]


def test_the_scripts_of_disabled_jobs_are_not_compiled():
    """They are checked for shape only (ADR 8)."""

    assert make_transforms({"script": "foo"}, enabled=False).problems == []


def test_each_distinct_script_is_compiled_once(compiled):
    """This holds for right and wrong scripts, and however many jobs have it."""
    right, wrong = {"script": ".a = $x", "args": {"x": 1}}, {"script": "foo"}
    make_transforms(right, right, wrong, wrong, {"script": ".a = $x", "args": {"x": 2}})

    assert [program.rsplit("| ", 1)[1] for program in compiled] == [".a = $x", "foo", ".a = $x"]


def test_an_iteration_compiles_nothing(compiled):
    """An iteration costs a run, also one that fails."""
    batch = load_batch(
        {"jobs": [{"task": TASK, "task-transform": {"script": 'if $iteration > 5 then error("x") end'}}]}
    )
    transforms = Transforms(batch)
    for number in range(20):
        try:
            transforms.apply_steps(batch.jobs[0], number, {}, "{}")
        except StepError:
            continue

    assert len(compiled) == 1


def test_a_module_is_imported(library):
    """From the folders where jq looks."""
    (library / "mine.jq").write_text("def twice: . * 2;")

    assert run('import "mine" as mine; {out: mine::twice}', 4) == 8


def test_a_module_is_included(library):
    """Its names need no prefix then."""
    (library / "mine.jq").write_text("def twice: . * 2;")

    assert run('# first\ninclude "mine";\n{out: twice}', 4) == 8


def test_data_is_imported(library):
    """A file of JSON values is an array."""
    (library / "mine.json").write_text('{"a": 1}\n2')

    assert run('import "mine" as $mine; {out: $mine}') == [{"a": 1}, 2]


def test_a_module_imports_the_one_beside_it(library):
    """Imports may be nested."""
    (library / "inner.jq").write_text("def two: 2;")
    (library / "outer.jq").write_text('import "inner" as inner; def twice: . * inner::two;')

    assert run('import "outer" as outer; {out: outer::twice}', 4) == 8


def test_a_module_imports_one_of_another_folder(library, tmp_path):
    """Wherever jq looks, also for data."""
    (tmp_path / ".jq" / "deep").mkdir(parents=True)
    (tmp_path / ".jq" / "deep" / "outer.jq").write_text(
        '# first\ninclude "inner"; import "data" as $data; def f: two + $data[0];'
    )
    (library / "inner.jq").write_text("def two: 2;")
    (library / "data.json").write_text("40")

    assert run('include "deep/outer"; {out: f}') == 42


def test_modules_that_are_nested_further_are_refused(library):
    """Over some of them jq ends the whole process; a message is better."""
    (library / "inner.jq").write_text("def two: 2;")
    (library / "middle.jq").write_text('import "inner" as i; def f: i::two;')
    (library / "outer.jq").write_text('import "middle" as m; def g: m::f;')

    assert complaint_of('import "outer" as o; {out: o::g}').startswith(
        'the script does not compile: the module "outer" imports "middle", which has imports of its own'
    )


def test_modules_that_import_each_other_are_refused(library):
    """Nothing would come of them."""
    (library / "one.jq").write_text('import "two" as two; def f: 1;')
    (library / "two.jq").write_text('import "one" as one; def f: 1;')

    assert "the module" in complaint_of('import "one" as one; .')


def test_a_module_in_a_folder_of_its_own_is_found(library):
    """As jq does: NAME/NAME.jq and NAME/jq/main.jq."""
    (library / "one").mkdir()
    (library / "two" / "jq").mkdir(parents=True)
    (library / "one" / "one.jq").write_text('import "three" as three; def f: three::h;')
    (library / "two" / "jq" / "main.jq").write_text('import "three" as three; def g: three::h + 1;')
    (library / "three.jq").write_text("def h: 3;")

    assert run('import "one" as one; import "two" as two; {out: [one::f, two::g]}') == [3, 4]


def test_an_error_in_a_module_with_imports_names_the_users_file(library):
    """Not the copy that was compiled."""
    (library / "inner.jq").write_text("def two: 2;")
    (library / "outer.jq").write_text('import "inner" as inner;\ndef b: (;')

    assert complaint_of('import "outer" as outer; .').startswith(
        f"the module {library}/outer.jq does not compile, line 2"
    )


def test_a_module_whose_import_is_nowhere_is_told(library):
    """With the name of what is missing."""
    (library / "outer.jq").write_text('import "gone" as gone; def a: 1;')

    assert complaint_of('import "outer" as outer; .') == "the script does not compile: module not found: gone"


def test_nothing_is_left_of_modules_with_imports(library, tmp_path, monkeypatch):
    """Their copies are there only while they are compiled."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (library / "inner.jq").write_text("def two: 2;")
    (library / "outer.jq").write_text('import "inner" as inner; def b: inner::two;')

    assert run('import "outer" as outer; {out: outer::b}') == 2
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", ["../mine", "/mine", ""])
def test_names_that_lead_out_of_the_folders_are_left_to_jq(library, name):
    """It says what is wrong with them."""

    assert complaint_of(f'import "{name}" as mine; .').startswith("the script does not compile: ")


def test_a_module_that_is_no_text_is_left_to_jq(library):
    """It says what is wrong with it."""
    (library / "mine.jq").write_bytes(b"\xff\xfe import")

    assert "mine.jq" in complaint_of('import "mine" as mine; .')


def test_a_module_may_say_what_it_is(library):
    """With metadata of any form."""
    (library / "mine.jq").write_text('module {"name": "mine", "version": 1}; def two: 2;')

    assert run('import "mine" as mine {"note": "a;b}"}; {out: mine::two}') == 2


def test_an_import_with_its_own_folder_looks_only_there(library, tmp_path):
    """The metadata of an import wins."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.jq").write_text("def f: 1;")
    (library / "mine.jq").write_text("def f: 2;")

    assert run(f'import "mine" as mine {{search: "{tmp_path}/own"}}; {{out: mine::f}}') == 1


def test_modules_are_found_in_the_home_folder(library, tmp_path):
    """In ~/.jq, before the folders of the environment."""
    (tmp_path / ".jq").mkdir()
    (tmp_path / ".jq" / "mine.jq").write_text("def f: 1;")
    (library / "mine.jq").write_text("def f: 2;")

    assert run('import "mine" as mine; {out: mine::f}') == 1


def test_an_iteration_is_seen_by_a_script_with_imports(library):
    """What goes before the script goes behind its imports."""
    (library / "mine.jq").write_text("def add($n): . + $n;")

    assert run('import "mine" as mine; {out: mine::add($iteration)}', 1, number=5) == 6


def test_a_module_that_is_nowhere_is_named(library):
    """There is no place to point at."""

    assert complaint_of('import "nope" as n; .') == "the script does not compile: module not found: nope"


def test_an_error_in_a_module_names_its_file(library):
    """The user must know which file to mend."""
    (library / "mine.jq").write_text("def a: 1;\ndef b: (;")

    assert f"the module {library}/mine.jq does not compile, line 2" in complaint_of('import "mine" as mine; .')


def test_data_that_is_no_json_is_named(library):
    """The user must know which file to mend."""
    (library / "mine.json").write_text("{")

    assert f"{library}/mine.json" in complaint_of('import "mine" as $mine; .')


def test_what_does_not_compile_on_the_line_of_an_import_is_pointed_at(library):
    """Neither the folders nor what goes before the script show."""
    (library / "mine.jq").write_text("def f: 1;")

    assert complaint_of('import "mine" as mine; foo').split("\n")[1:] == [
        '    line 1: import "mine" as mine; foo',
        " " * len('    line 1: import "mine" as mine; ') + "^",
    ]
