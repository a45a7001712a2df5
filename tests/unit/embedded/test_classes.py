"""Reading class folders, and running processes with a time limit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from pscheduler_batch.embedded.classes.class_folder import load_classes
from pscheduler_batch.embedded.classes.processes import TOO_LONG, Ended, Processes
from pscheduler_batch.errors import BatchError
from tests.support.class_folders import PATIENT, SampleClasses


@pytest.fixture
def classes(tmp_path):
    """A class folder with one test and one tool."""
    return SampleClasses(tmp_path / "classes")


def python(code, text="", *, seconds=60.0, on_line=None, **environment):
    """Run some Python as a process."""
    command = [sys.executable, "-IS", "-c", code]
    return asyncio.run(Processes().run(command, text, seconds=seconds, environment=environment, on_line=on_line))


def test_the_plug_ins_of_a_folder_are_found(classes):
    """Hidden directories and files are none."""
    classes.write("test/.hidden/enumerate", "")
    classes.write("tool/README", "")
    found = load_classes(classes.path, time_limits=PATIENT)

    assert [test.name for test in found.tests] == ["sample"]
    assert [(tool.name, tool.tests, tool.preference) for tool in found.tools] == [("sampler", ("sample",), 0)]
    assert found.problems == []


def test_a_folder_is_read_within_an_event_loop(classes):
    """A program that uses asyncio may start a server."""

    async def load():
        return load_classes(classes.path, time_limits=PATIENT)

    assert len(asyncio.run(load()).tests) == 1


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_directory_without_plug_ins_is_no_class_folder(tmp_path, name):
    """The message says what is missing."""
    tmp_path.joinpath("empty", "test").mkdir(parents=True)

    with pytest.raises(BatchError, match=f"{name}: not a directory of classes: it has no plug-ins in test/ or tool/"):
        load_classes(tmp_path / name)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"name": "other"}, "test/bad: not offered, as enumerate names it other"),
        ({"version": "new"}, "test/bad: not offered, as the output of enumerate is invalid: At /version: "),
        (
            {"scheduling-class": "any"},
            "test/bad: not offered, as the output of enumerate is invalid: At /scheduling-class",
        ),
        ({"schema": 2}, "Schema version 2 is not supported (highest is 1)."),
        ({"maintainer": "me"}, "At /maintainer: 'me' is not of type 'object'"),
        ({"colour": "red"}, "Additional properties are not allowed ('colour' was unexpected)"),
    ],
)
def test_a_plug_in_that_describes_itself_wrongly_is_not_offered(classes, more, problem):
    """The others are."""
    classes.add_test("bad", **more)
    found = load_classes(classes.path, time_limits=PATIENT)

    assert [test.name for test in found.tests] == ["sample"]
    assert len(found.problems) == 1
    assert problem in found.problems[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/sh\necho broken >&2; exit 1\n", "broken"),
        ("#!/bin/sh\nexit 5\n", "enumerate exited with status 5"),
        ("#!/bin/sh\necho no JSON\n", "tool bad: enumerate returned invalid JSON: Expecting value"),
        ("#!/bin/sh\necho '[]'\n", "tool bad: enumerate returned JSON that is not an object"),
        ("#!/no/such/program\n", "No such file or directory"),
    ],
)
def test_a_plug_in_whose_enumerate_fails_is_not_offered(classes, text, reason):
    """The problem names the plug-in and has its own words."""
    classes.add_tool("bad")
    classes.write("tool/bad/enumerate", text)
    found = load_classes(classes.path, time_limits=PATIENT)

    assert [tool.name for tool in found.tools] == ["sampler"]
    assert found.problems[0].startswith("tool/bad: not offered, as enumerate failed: ")
    assert reason in found.problems[0]


def test_missing_methods_are_reported(classes):
    """The plug-in is offered, as in pScheduler, which finds out when it needs the method."""
    (classes.path / "tool" / "sampler" / "run").unlink()
    (classes.path / "tool" / "sampler" / "duration").chmod(0o644)
    found = load_classes(classes.path, time_limits=PATIENT)

    assert [tool.name for tool in found.tools] == ["sampler"]
    assert found.problems == ["tool/sampler: no executable file duration, run"]


def test_a_process_has_its_input_and_exactly_its_environment():
    """It runs in the root directory; both outputs and the status are returned."""
    code = "import os, sys; print(sys.stdin.read(), dict(os.environ), os.getcwd()); sys.exit('no')"

    assert python(code, "in", LC_CTYPE="C.UTF-8") == Ended(1, "in {'LC_CTYPE': 'C.UTF-8'} /\n", "no\n")


def test_a_process_need_not_read_its_input():
    """More than fits into a pipe is no problem then, nor is much output."""
    ended = python("print('x' * 3_000_000)", "y" * 3_000_000)

    assert (ended.status, len(ended.stdout)) == (0, 3_000_001)


def test_lines_are_passed_on_whole():
    """They may be long or empty; the last one loses a character if it lacks its line break, as in pScheduler."""
    lines = []
    ended = python("import sys; sys.stdout.write('x' * 200_000 + '\\n\\n' + 'end')", on_line=lines.append)

    assert (ended.stdout, [len(line) for line in lines]) == ("", [200_000, 0, 2])


def test_a_process_that_takes_too_long_is_ended():
    """So is one that ignores SIGTERM; the status and the words are pScheduler's."""
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

    assert python("import time; time.sleep(600)", seconds=0.1) == Ended(2, "", TOO_LONG)
    assert python(stubborn, seconds=0.1) == Ended(2, "", TOO_LONG)


def test_its_children_end_with_it():
    """Otherwise they would keep its output open."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-IS', '-c', 'import time; time.sleep(600)'])"

    assert python(code, seconds=0.5) == Ended(2, "", TOO_LONG)


# Starts a process in the background that says its number, ignores SIGTERM or not, and has no output open.
LEAVES = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-IS", "-c", sys.stdin.read()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
)
print(child.stdout.readline().decode(), end="")
"""
PATIENT_CHILD = "import os, sys, time; print(os.getpid(), flush=True); os.close(2); time.sleep(600)"
STUBBORN_CHILD = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PATIENT_CHILD}"


def is_running(pid):
    """Return whether there is such a process; one that has ended may wait for its parent to notice."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("code", [PATIENT_CHILD, STUBBORN_CHILD], ids=["gentle", "stubborn"])
def test_what_a_process_leaves_in_the_background_ends_with_the_server(code):
    """Until then it may go on, as in pScheduler; the server may have been started again in the meantime."""
    processes = Processes()
    command = [sys.executable, "-IS", "-c", LEAVES]
    ended = asyncio.run(processes.run(command, code, seconds=60.0, environment={}))
    child = int(ended.stdout)
    before = is_running(child)
    asyncio.run(processes.close())

    assert (ended.status, before, is_running(child)) == (0, True, False)


def test_a_process_that_has_left_its_group_does_not_hold_it_up():
    """Such a one lives on, as in pScheduler, and has the output open."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-IS', '-c', {child!r}], start_new_session=True)"

    async def close():
        processes, lines = Processes(), asyncio.Queue()
        running = asyncio.ensure_future(
            processes.run(
                [sys.executable, "-IS", "-c", code], "", seconds=600, environment={}, on_line=lines.put_nowait
            )
        )
        child = int(await lines.get())
        await processes.close()
        await running
        os.kill(child, signal.SIGKILL)
        return (await running).status

    assert asyncio.run(close()) == -signal.SIGTERM


def test_a_cancelled_process_is_killed():
    """No process is left behind by a request that is over."""

    async def cancel():
        processes, lines = Processes(), asyncio.Queue()
        command = [sys.executable, "-IS", "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
        running = asyncio.ensure_future(
            processes.run(command, "", seconds=600, environment={}, on_line=lines.put_nowait)
        )
        pid = int(await lines.get())
        running.cancel()
        await asyncio.wait({running})
        await processes.close()
        return pid

    pid = asyncio.run(cancel())

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
