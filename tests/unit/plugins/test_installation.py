"""Where the plug-ins and the commands are installed, and how all of it is removed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pscheduler_batch.cli.batch_plugins import batch_plugins
from pscheduler_batch.plugins import installation
from pscheduler_batch.plugins.enabling import PERMISSION_FILE
from pscheduler_batch.plugins.installation import (
    BROKEN,
    OURS,
    InstallationError,
    find_classes,
    find_closed,
    find_installed,
    install,
    remove,
)
from pscheduler_batch.plugins.methods import METHODS
from pscheduler_batch.plugins.permission import Permission, read_permission
from pscheduler_commands import OWN_COMMANDS
from tests.support.commands import runner_of_streams

OLD = "#!/bin/sh\necho the command of pScheduler\n"
COMMANDS = list(OWN_COMMANDS)


@pytest.fixture(name="classes")
def _classes(tmp_path):
    """Make the directories of a pScheduler, which has a command and a test."""
    (tmp_path / "classes" / "test" / "rtt").mkdir(parents=True)
    (tmp_path / "classes" / "tool").mkdir()
    (tmp_path / "classes" / "test" / "rtt" / "enumerate").write_text(OLD)
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "task").write_text(OLD)
    (tmp_path / "commands" / "batch").write_text(OLD)
    (tmp_path / "commands" / "batch").chmod(0o755)
    return tmp_path / "classes"


def tree(classes):
    """Return every file below the parent of a directory of classes, with its mode and content."""
    paths = sorted(classes.parent.rglob("*"))
    return {str(path): (path.stat().st_mode, path.is_file() and path.read_text()) for path in paths}


def run(*arguments, **variables):
    """Run the command; return its exit status, output and errors."""
    done = runner_of_streams().invoke(
        batch_plugins, list(map(str, arguments)), env=variables, prog_name="pscheduler batch-plugins"
    )
    return done.exit_code, done.stdout, done.stderr


def test_removing_undoes_installing(classes):
    """Nothing is left, and the command that was there is back as it was."""
    before = tree(classes)
    installed = install(str(classes), sys.executable, COMMANDS)
    during = tree(classes)
    removed = remove(str(classes))

    assert sorted(removed) == sorted(installed)
    assert len(during) > len(before) + len(METHODS)
    assert tree(classes) == before


def test_everything_is_installed_and_runs(classes):
    """Each method and each command is a file that can be executed from any directory, whatever the environment is."""
    installed = install(str(classes), sys.executable, COMMANDS)
    method = classes / "tool" / "batch-processor" / "enumerate"
    command = classes.parent / "commands" / "batch"
    bare = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/nonexistent", "PYTHONHOME": "/nonexistent"}
    described = subprocess.run([method], capture_output=True, check=True, env=bare, cwd="/", timeout=60)
    shown = subprocess.run([command, "--version"], capture_output=True, check=True, env=bare, cwd="/", timeout=60)

    assert {Path(path).name for path in installed} >= {*COMMANDS, "enumerate"}
    assert all(os.access(path, os.X_OK) and Path(path).stat().st_mode & 0o777 == 0o755 for path in installed)
    assert json.loads(described.stdout)["name"] == "batch-processor"
    assert shown.stdout.startswith(b"pscheduler-batch, version ")


def test_installing_twice_is_installing_once(classes):
    """The command that was kept aside at first is still put back."""
    before = tree(classes)
    install(str(classes), sys.executable, COMMANDS)
    once = tree(classes)
    install(str(classes), sys.executable, COMMANDS)

    assert tree(classes) == once
    remove(str(classes))
    assert tree(classes) == before


def test_a_newer_command_of_pscheduler_is_kept(classes):
    """Its package may be upgraded while ours is installed, and installs its command again."""
    command = classes.parent / "commands" / "batch"
    install(str(classes), sys.executable, COMMANDS)
    command.unlink()
    command.write_text("newer")
    install(str(classes), sys.executable, COMMANDS)
    assert "pscheduler_commands" in command.read_text()
    remove(str(classes))
    assert command.read_text() == "newer"

    install(str(classes), sys.executable, COMMANDS)
    command.unlink()
    command.write_text("newest")
    remove(str(classes))
    assert command.read_text() == "newest"
    assert sorted(path.name for path in command.parent.iterdir()) == ["batch", "task"]


def test_files_of_older_versions_are_removed(classes):
    """By their second line."""
    install(str(classes), sys.executable, COMMANDS)
    folder = classes / "test" / "batch"
    (folder / "limit-passes").write_text((folder / "enumerate").read_text())
    install(str(classes), sys.executable, COMMANDS)

    assert not (folder / "limit-passes").exists()


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_the_plugins_of_others_are_not_touched(classes, kind):
    """Neither replaced nor removed, whatever stands in the place; nothing is written beside them."""
    folder = classes / "test" / "batch"
    if kind == "file":
        folder.mkdir()
        (folder / "enumerate").write_text(OLD)
    elif kind == "directory":
        (folder / "enumerate").mkdir(parents=True)
    else:
        folder.symlink_to(classes / "test" / "rtt")
    before = tree(classes)

    with pytest.raises(InstallationError, match="is not of pscheduler-batch; remove it first"):
        install(str(classes), sys.executable, COMMANDS)
    assert remove(str(classes)) == []
    assert tree(classes) == before


def test_an_installation_that_fails_leaves_nothing(classes, monkeypatch):
    """The disk may be full after some files."""
    before = tree(classes)
    written = []

    def fail(path, content):
        if len(written) == 3:
            raise OSError(28, "No space left on device", path)
        written.append(path)
        write(path, content)

    write = installation._write
    monkeypatch.setattr(installation, "_write", fail)

    with pytest.raises(InstallationError, match=r"cannot write .*: No space left on device"):
        install(str(classes), sys.executable, COMMANDS)
    assert tree(classes) == before


def test_without_a_directory_of_commands_only_the_plugins_are_installed(tmp_path):
    """A directory of classes for trying them; it is made and removed up to itself."""
    classes = tmp_path / "new" / "classes"
    installed = install(str(classes), sys.executable, COMMANDS)

    assert len(installed) == sum(map(len, METHODS.values()))
    assert not (tmp_path / "new" / "commands").exists()
    remove(str(classes))
    assert not [path for path in classes.rglob("*") if path.is_file()]


@pytest.mark.parametrize("interpreter", ["", "/opt/my python/bin/python3", f"/{'x' * 300}"])
def test_an_interpreter_that_no_first_line_can_name_is_refused(classes, interpreter):
    """The kernel would take the rest as an argument, or cut it off."""
    with pytest.raises(InstallationError, match="cannot be used"):
        install(str(classes), interpreter, COMMANDS)


def test_an_interpreter_without_the_package_is_refused(classes, tmp_path):
    """Such as one that found it through PYTHONPATH."""
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'pscheduler_batch'\" 1>&2\nexit 1\n")
    other.chmod(0o755)
    before = tree(classes)

    with pytest.raises(InstallationError, match="does not find pscheduler-batch by itself"):
        install(str(classes), str(other), COMMANDS)
    assert tree(classes) == before


def test_the_directory_of_this_machine_is_found(tmp_path):
    """The first of pScheduler's that exists; a named one need not exist."""
    standard = [str(tmp_path / "none"), str(tmp_path)]

    assert find_classes(None, standard) == str(tmp_path)
    assert find_classes("/new", standard) == "/new"
    with pytest.raises(InstallationError, match="there is no pScheduler on this machine"):
        find_classes(None, standard[:1])


def test_closed_directories_are_found(tmp_path):
    """Through which other accounts do not get to the interpreter."""
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    interpreter = closed / "python3"
    interpreter.symlink_to("/bin/sh")

    assert str(closed) in find_closed(str(interpreter))


def test_a_python_that_is_gone_is_shown(classes):
    """Such as that of a virtual environment that was removed."""
    install(str(classes), sys.executable, COMMANDS)
    method = classes / "test" / "batch" / "enumerate"
    method.write_text(method.read_text().replace(sys.executable, "/gone/bin/python3"))
    listed = {place.what: place.state for place in find_installed(str(classes), COMMANDS)}

    assert listed["test batch"] == BROKEN
    assert listed["tool batch-processor"] == OURS


def test_the_plugins_read_the_permission_file_that_was_named(classes):
    """Those of pScheduler read the usual one."""
    method = classes / "tool" / "batch-processor" / "enumerate"
    run("install", "--classes", classes)
    assert "main(__file__)" in method.read_text()

    run("install", "--classes", classes, "--config", "mine.json")
    assert f"main(__file__, '{Path.cwd()}/mine.json')" in method.read_text()


def test_the_list_shows_the_permission_file_that_the_plugins_read(classes, tmp_path):
    """It is what decides, whether or not the usual one permits anything."""
    permission = tmp_path / "it's mine.json"
    permission.write_text('{"enabled": true, "tests": ["idle"]}')
    run("install", "--classes", classes, "--config", permission)

    assert f"batches are enabled, {permission}\n" in run("list", "--classes", classes)[1]
    assert (
        f"no file, so no batch is run, {tmp_path}/x" in run("list", "--classes", classes, "--config", tmp_path / "x")[1]
    )
    run("install", "--classes", classes)
    assert str(permission) not in run("list", "--classes", classes)[1]


def test_the_command_installs_lists_and_removes(classes):
    """With the paths on the standard output and notes on what remains to be done."""
    status, out, err = run("install", "--classes", classes, "--config", classes / "none.json")
    assert status == 0
    assert str(classes / "tool" / "batch-processor" / "enumerate") in out.splitlines()
    assert "note: run 'pscheduler internal warmboot' so that pScheduler finds the plug-ins" in err
    assert f"note: no batch is run until {classes}/none.json permits it" in err

    status, out, err = run("list", "--classes", classes, "--config", classes / "none.json")
    assert (status, err) == (0, "")
    assert "tool batch-processor   installed, " in out
    assert "permission             no file, so no batch is run, " in out

    status, out, err = run("remove", PSCHEDULER_BATCH_PLUGINS_CLASSES=str(classes))
    assert status == 0
    assert "so that pScheduler forgets the plug-ins" in err
    assert "note: nothing was installed" in run("remove", "--classes", classes)[2]
    assert "test batch             not installed, " in run("list", "--classes", classes, "--config", classes / "no")[1]
    assert "command batch          of pScheduler or another package, " in run("list", "--classes", classes)[1]


@pytest.mark.parametrize(
    "arguments", [(), ("install", "--check-config"), ("--check-config", "--example-config"), ("x",)]
)
def test_the_command_does_one_thing(arguments):
    """Wrong usage otherwise."""
    assert run(*arguments)[0] == 2


def test_the_example_is_right_and_permits_nothing(tmp_path):
    """It has every pair, explained, with its default."""
    path = tmp_path / "batch-processor.json"
    path.write_text(run("--example-config")[1])
    pairs = json.loads(path.read_text())
    explained = {name for comment in pairs if comment.startswith("# ") for name in comment[2:].split(", ")}

    assert run("--check-config", "--config", path) == (0, f"{path}: no errors\nbatches are not enabled\n", "")
    assert explained - {""} == {name for name in pairs if not name.startswith("#")} - {"schema"}
    assert read_permission(str(path)) == Permission(source=str(path))


def test_the_check_shows_what_is_permitted(tmp_path):
    """With warnings about what has no effect."""
    path = tmp_path / "batch-processor.json"
    path.write_text('{"enabled": true, "tests": ["rtt", "rttt"], "hosts": ["*.example.net"], "batch-folder": "/none"}')
    path.chmod(0o640)
    status, out, err = run("--check-config", "--config", path)

    assert status == 0
    assert out.splitlines()[1:] == [
        "tests            rtt and rttt",
        "hosts            this host and *.example.net",
        "limits           100 iterations, PT10M, 2 requests at once per host",
        "pairs of tasks   none",
        "batches from     /none",
    ]
    assert 'warning: the hosts of test "rttt" are not known, so it requires "hosts": ["*"]; did you mean "rtt"?' in err
    assert "warning: /batch-folder: /none is not a directory" in err
    assert "warning: not all accounts can read the file" in err


def test_the_check_reports_errors_with_their_place(tmp_path):
    """As compilers do, with the line below."""
    path = tmp_path / "batch-processor.json"
    path.write_text('{\n  "enabled": "yes"\n}')

    status, out, err = run("--check-config", "--config", path)
    assert (status, out) == (1, "")
    assert err.startswith(f'{path}:2:14: error: /enabled: found "yes", expected true or false\n      "enabled": "yes"')
    assert run("--check-config", "--config", tmp_path / "none")[2] == (
        f"pscheduler batch-plugins: error: {tmp_path}/none does not exist, so no batch is run\n"
    )


def test_the_man_page_has_every_pair_of_the_file():
    """And its path."""
    page = (Path(__file__).parents[3] / "man" / "pscheduler-batch-plugins.1").read_text().replace("\\-", "-")
    pairs = json.loads(run("--example-config")[1])

    assert [
        name
        for name in pairs
        if not name.startswith("#") and f" {name} " not in page.replace('"', "").replace(",", " ")
    ] == []
    assert PERMISSION_FILE in page


def test_what_an_interrupted_installation_leaves_is_no_obstacle(classes):
    """A file that is empty, as the machine lost its power: it is removed with the others."""
    before = tree(classes)
    install(str(classes), sys.executable, COMMANDS)
    for path in (classes / "tool" / "batch-processor" / ".run", classes.parent / "commands" / ".batch"):
        path.with_name(f"{path.name}.pscheduler-batch-new").touch()

    install(str(classes), sys.executable, COMMANDS)
    assert not list(classes.parent.rglob("*.pscheduler-batch-new"))
    remove(str(classes))

    assert tree(classes) == before


def test_an_empty_name_of_the_directory_of_classes_is_an_error():
    """A variable that is not set in a script must not mean the current directory."""
    with pytest.raises(InstallationError, match="the name of the directory of classes is empty"):
        find_classes("")
