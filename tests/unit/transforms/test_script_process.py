"""What holds for a process that runs scripts, in whichever way it was started (ADR 33)."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from pscheduler_batch.transforms import script_process
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.script import TOO_DEEP, ScriptError
from pscheduler_batch.transforms.script_child import _run_script
from pscheduler_batch.transforms.script_process import (
    PARENTS_SIGNALS,
    NoProcessError,
    ProcessEndedError,
    ScriptProcess,
    forked,
    start_interpreter,
    time_limit,
)
from tests.support.nesting_depth import FOR_JQ, beyond_json

ROOT = Path(__file__).parents[3]
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
ENDLESS = "last(repeat(.))"

# A program that prints the number of its child while that runs a script without an end.
PARENT = """
import sys
from tests.unit.transforms.test_script_process import ENDLESS, STARTS, request
from pscheduler_batch.transforms.script_process import ScriptProcess

process = ScriptProcess(STARTS[sys.argv[1]])
process.ask(request(ENDLESS), b"1", lambda passed: print(process.pid, flush=True))
"""

# A program without standard streams; its exit status says whether a script ran.
STREAMLESS = """
import os, sys
from tests.unit.transforms.test_script_process import STARTS, request
from pscheduler_batch.transforms.script_process import ScriptProcess

for stream in (0, 1, 2):
    os.close(stream)
process = ScriptProcess(STARTS[sys.argv[1]])
os._exit(process.ask(request(". + 1"), b"41"))
"""

STARTS = {"fork": forked(partial(_run_script, confined=False)), "interpreter": start_interpreter}


@pytest.fixture(params=sorted(STARTS))
def start(request):
    """The name of a way to start a process."""
    return request.param


def request(script: str) -> bytes:
    """Return the request to run a script."""
    return json.dumps({"script": script, "args": {}, "data": None}).encode()


@contextmanager
def process_of(start: str, confinement: Any = None) -> Iterator[ScriptProcess]:
    """Start a process, and end it."""
    process = ScriptProcess(STARTS[start], confinement)
    try:
        yield process
    finally:
        process.end()


def descriptors() -> List[str]:
    """Return the descriptors that are open."""
    return os.listdir("/dev/fd")


def program(text: str, start: str) -> List[str]:
    """Return the command line of a program."""
    return [sys.executable, "-c", text, start]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_it_answers_one_request_after_another(start):
    """Also after an error, and however long request and reply are."""
    with process_of(start) as process:
        long = process.ask(request("[., .]"), b'"' + b"x" * 1_000_000 + b'"')
        with pytest.raises(ScriptError, match=r"^the script failed: no$"):
            process.ask(request('error("no")'), b"1")
        assert process.lives()
        assert process.ask(request(". + 1"), b"1") == 2

    assert long == ["x" * 1_000_000] * 2


@beyond_json
def test_a_reply_that_is_nested_too_deeply_is_an_error_of_the_script(start):
    """It is more than the json module can write."""
    with process_of(start) as process, pytest.raises(ScriptError) as caught:
        process.ask(request(f"reduce range({FOR_JQ}) as $i (0; [.])"), b"1")

    assert str(caught.value) == TOO_DEEP


def test_a_bug_is_reported_without_values(start):
    """Here a request that is none."""
    with process_of(start) as process:
        with pytest.raises(RuntimeError, match=r"(?s)script_child\.py.*JSONDecodeError$") as caught:
            process.ask(b"s3cr3t", b"1")
        assert process.ask(request("5"), b"1") == 5

    assert "s3cr3t" not in str(caught.value)


def test_it_can_be_ended_while_a_script_runs(start):
    """By a limit, by whoever kills it, or by a crash; each has its words."""
    for reason, end in {
        "too long": lambda _: time_limit(0.01, "too long"),
        "cancelled": lambda process: lambda _passed: process.kill("cancelled"),
        "jq crashed while running the script (SIGUSR1)": lambda process: lambda _: os.kill(process.pid, signal.SIGUSR1),
    }.items():
        with process_of(start) as process:
            with pytest.raises(ProcessEndedError) as caught:
                process.ask(request(ENDLESS), b"1", end(process))
            assert not process.lives()

        assert (str(caught.value), process._exit_code in (-signal.SIGKILL, -signal.SIGUSR1)) == (reason, True)


def test_nothing_is_left_of_it(start):
    """No descriptor and no zombie."""
    before = descriptors()
    with process_of(start) as process, pytest.raises(ProcessEndedError):
        process.ask(request(ENDLESS), b"1", time_limit(0.01, "too long"))

    assert descriptors() == before
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_text_that_does_not_fit_into_the_memory_is_reported(start):
    """Before it has been read to its end."""
    limits = Confinement(memory=32 << 20)
    with process_of(start, limits) as process:
        with pytest.raises(ProcessEndedError, match=r"^the scripts need more than 32 MiB of memory, the limit$"):
            process.ask(request("."), b'"' + b"x" * (64 << 20) + b'"')
        assert not process.lives()


def test_the_end_of_a_process_can_be_lost(start):
    """A program that ignores the ends of its children is told of none."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with process_of(start) as process:
            assert process.ask(request("5"), b"1") == 5
            assert process.lives()
        with (
            process_of(start) as process,
            pytest.raises(ProcessEndedError, match=r"^jq crashed while running the script"),
        ):
            process.ask(request(ENDLESS), b"1", lambda _passed: os.kill(process.pid, signal.SIGKILL))
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_system_without_resources_is_told(start, monkeypatch):
    """Too many open files, or no more processes."""
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for more in range(6):
        free = os.open(os.devnull, os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))
        try:
            with pytest.raises(NoProcessError, match="Too many open files"):
                ScriptProcess(STARTS[start])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    refused = OSError(11, "no more processes")
    for name in ("fork", "posix_spawn"):
        monkeypatch.setattr(os, name, lambda *_, **__: (_ for _ in ()).throw(refused))
    with pytest.raises(NoProcessError, match="no more processes"):
        ScriptProcess(STARTS[start])

    assert descriptors() == before


def test_a_system_without_fork_is_told(monkeypatch):
    """As one that does not allow it."""
    monkeypatch.delattr(os, "fork")

    with pytest.raises(NoProcessError):
        ScriptProcess(STARTS["fork"])


def test_a_process_that_ends_at_once_is_no_fault_of_jq(monkeypatch):
    """Such as one that does not find its modules."""
    monkeypatch.setattr(script_process, "_BOOT", "raise SystemExit(3)")

    with (
        process_of("interpreter") as process,
        pytest.raises(NoProcessError, match=r"^it ended at once \(exit status 3\)"),
    ):
        process.ask(request("1"), b"1")


@pytest.mark.parametrize("number", PARENTS_SIGNALS)
def test_a_signal_to_the_group_ends_only_a_copy(number):
    """The parent of the other one decides what a signal means; the parent of a copy ends itself."""
    with process_of("interpreter") as process:
        process.ask(request("1"), b"1")
        os.kill(process.pid, number)
        assert process.ask(request("2"), b"1") == 2
    with process_of("fork") as process, pytest.raises(ProcessEndedError, match=rf"\({number.name}\)$"):
        process.ask(request(ENDLESS), b"1", lambda _passed: os.kill(process.pid, number))


@pytest.mark.parametrize("number", PARENTS_SIGNALS)
def test_a_copy_ignores_what_its_parent_ignores(number):
    """A check that was started by nohup(1) continues when the terminal is closed."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with process_of("fork") as process:
            process.ask(request("1"), b"1")
            os.kill(process.pid, number)
            assert process.ask(request("2"), b"1") == 2
    finally:
        signal.signal(number, before)


def test_a_program_without_standard_streams_can_have_one(start):
    """Its pipes must not be taken for the streams that are closed."""
    ended = subprocess.run(program(STREAMLESS, start), env=ENVIRONMENT, check=False)

    assert ended.returncode == 42


@LINUX_ONLY
def test_it_ends_with_its_parent_while_a_script_runs(start):
    """The parent had no chance to say anything."""
    with subprocess.Popen(program(PARENT, start), stdout=subprocess.PIPE, env=ENVIRONMENT) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        gone, _, _ = select.select([child], [], [], 20)
    finally:
        os.close(child)

    assert gone


@LINUX_ONLY
def test_what_the_parent_writes_is_never_taken_for_its_end(start):
    """The system's signal for what was written may come after it was read, so only the life line is tied to it."""

    def flags_of(pid: int, pipe: int) -> List[int]:
        """Return whether the other end of a pipe of ours sends signals."""
        name = os.readlink(f"/proc/self/fd/{pipe}")
        ends = [end for end in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(end) == name]
        texts = [Path(f"/proc/{pid}/fdinfo/{end.name}").read_text("ascii") for end in ends]
        return [int(text.split("flags:")[1].split()[0], 8) & os.O_ASYNC for text in texts]

    with process_of(start) as process:
        process.ask(request("1"), b"1")
        assert [flags_of(process.pid, pipe) for pipe in process._ours] == [[0], [0], [os.O_ASYNC]]


@LINUX_ONLY
def test_it_writes_no_core_file_and_is_what_the_system_ends_first(start):
    """A core file would hold the secrets of the batch, and the parent holds its results."""
    with process_of(start) as process:
        process.ask(request("1"), b"1")
        seen = Path("/proc", str(process.pid))
        limits = [line.split()[:5] for line in (seen / "limits").read_text("ascii").splitlines()]
        assert ["Max", "core", "file", "size", "0"] in limits
        assert (seen / "oom_score_adj").read_text("ascii") == "1000\n"


@LINUX_ONLY
def test_nothing_of_a_script_can_be_seen_from_outside():
    """Command lines are public, and environments nearly so."""
    with process_of("interpreter") as process:
        process.ask(request('"s3cr3t"'), b'"s3cr3t"')
        seen = Path("/proc", str(process.pid))
        assert b"s3cr3t" not in (seen / "cmdline").read_bytes() + (seen / "environ").read_bytes()
