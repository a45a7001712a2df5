"""The entry of all methods: which there are, what their files contain, and what they say when they fail."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pscheduler_batch.plugins.methods import ANY_INTERPRETER, METHODS, Call, MethodError, method_file
from tests.support.methods import answered

CLASSES = Path(__file__).parents[3] / "plugins" / "pscheduler-classes"
ALL = [(kind, name, method) for (kind, name), methods in METHODS.items() for method in methods]


def test_the_class_folder_has_a_file_for_each_method():
    """No method of the table is without its file, and there is no other file; each can be executed."""
    found = {path.relative_to(CLASSES).parts: path for path in CLASSES.rglob("*") if path.is_file()}

    assert set(found) == set(ALL)
    assert {path.read_text() for path in found.values()} == {method_file(ANY_INTERPRETER)}
    assert all(os.access(path, os.X_OK) for path in found.values())


@pytest.mark.parametrize(("kind", "name", "method"), ALL)
def test_each_method_is_where_the_table_has_it(kind, name, method):
    """The modules are imported by their names, so nothing but this finds a wrong one."""
    module, _, function = METHODS[kind, name][method].partition(":")

    assert callable(getattr(import_module(f"pscheduler_batch.plugins.{module}"), function))


def run_file(path: Path, text: str = "") -> subprocess.CompletedProcess:
    """Run a file with an interpreter that has the package, in an environment without anything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(method_file(sys.executable))
    path.chmod(0o755)
    return subprocess.run([path], input=text, capture_output=True, text=True, env={}, check=False, timeout=60)


def test_a_file_finds_out_by_its_path_which_method_it_is(tmp_path):
    """All files are the same, and need neither a PATH nor a HOME."""
    ended = run_file(tmp_path / "tool" / "batch-processor" / "enumerate")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["tests"] == ["batch"]
    # PScheduler cuts off the last character.
    assert ended.stdout.endswith("}\n")


def test_a_file_in_the_wrong_place_says_so(tmp_path):
    """A copy below another name is not a method."""
    ended = run_file(tmp_path / "tool" / "mine" / "enumerate")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "not the path of a method, such as test/batch/enumerate" in ended.stderr


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_an_input_that_is_not_json_is_an_error(text):
    """It is for the log of pScheduler, which shows the last line."""
    with pytest.raises(MethodError, match="the standard input is not JSON"):
        Call((), io.BytesIO(text)).json()


def test_an_input_that_is_no_object_is_an_error():
    """All methods but cli-to-spec get an object."""
    with pytest.raises(MethodError, match="not a JSON object"):
        Call((), io.BytesIO(b"[1]")).object()


def test_the_descriptions_have_what_pscheduler_demands():
    """Plug-ins are ignored whose descriptions have other pairs, or lack one."""
    test, tool = answered("test/batch/enumerate"), answered("tool/batch-processor/enumerate")

    assert set(test) == {"schema", "name", "description", "version", "maintainer", "scheduling-class"}
    assert set(tool) == {"schema", "name", "description", "version", "maintainer", "tests", "preference"}
    assert (test["name"], test["scheduling-class"], tool["name"]) == ("batch", "background", "batch-processor")
    assert set(test["maintainer"]) == {"name"}


def test_a_refusal_where_batches_are_disabled_imports_next_to_nothing():
    """Servers ask for each task that is posted."""
    # On Python 3.9, some of these import more than they do today.
    always = "import sys, json, typing, importlib, contextlib"
    imports = (always, f"{always}, pscheduler_batch.plugins.tool")
    before, loaded = (
        subprocess.run(
            [sys.executable, "-c", f"{code}; sys.exit(' '.join(sys.modules))"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        ).stderr.split()
        for code in imports
    )
    own = {name.partition(".")[2] for name in loaded if name.startswith("pscheduler_batch.")}

    assert own == {"plugins", "plugins.enabling", "plugins.methods", "plugins.site_file", "plugins.tool"}
    assert not {"dataclasses", "datetime", "re"} & (set(loaded) - set(before))


@pytest.mark.parametrize("method", ["tool/batch-processor/can-run", "test/batch/spec-is-valid"])
def test_planning_a_batch_imports_nothing_that_only_others_need(tmp_path, method):
    """It has no scripts and no errors, nothing is chosen or added, and no server is asked."""
    permission = tmp_path / "permission.json"
    permission.write_text('{"enabled": true, "tests": ["idle"]}')
    task = {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}
    spec = {"batch": {"jobs": [{"task": task}]}, "duration": "PT1M"}
    code = (
        "import sys; from pscheduler_batch.plugins.methods import *; kind, name, word = sys.argv[1].split('/'); "
        "print(run_method(METHODS[kind, name][word], Call((), sys.stdin.buffer, sys.argv[2]))); "
        "sys.exit(' '.join(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, method, str(permission)],
        input=json.dumps({"type": "batch", "spec": spec} if method.startswith("tool/") else spec),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    needless = {"input.selection", "input.values", "metrics", "planning.server_problems", "transforms.watchdog"}

    assert "true" in ended.stdout
    assert not {"click", "isodate", "jq", "mmap"} & set(ended.stderr.split())
    assert not {f"pscheduler_batch.{name}" for name in needless} & set(ended.stderr.split())


def test_a_closed_input_is_an_empty_one(tmp_path):
    """Python has no object for it."""
    path = tmp_path / "test" / "batch" / "participants"
    run_file(path)
    ended = subprocess.run(["/bin/sh", "-c", 'exec "$0" <&-', path], capture_output=True, check=False, timeout=60)

    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.startswith(b"the standard input is not JSON")


@pytest.mark.parametrize(
    ("stream", "words"),
    [(">&-", b"the standard output is closed\n"), (">/dev/full", b"cannot write to the standard output: ")],
)
def test_an_output_that_cannot_be_written_is_an_error(tmp_path, stream, words):
    """PScheduler must not take nothing for an answer; a traceback would be no help."""
    if "/dev/full" in stream and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "test" / "batch" / "enumerate"
    run_file(path)
    command = f'exec "$0" {stream}'
    ended = subprocess.run(["/bin/sh", "-c", command, path], capture_output=True, check=False, timeout=60)

    assert ended.returncode == 1
    assert ended.stderr.startswith(words)
    assert ended.stderr.count(b"\n") == 1
