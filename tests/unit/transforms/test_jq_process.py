"""Scripts in a child process, while an event loop goes on (ADR 33)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, Awaitable, Callable, List, Optional

import pytest

from pscheduler_batch.model import Transform
from pscheduler_batch.transforms import script_process
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.jq_process import JqProcess
from pscheduler_batch.transforms.jq_source import library_folders
from pscheduler_batch.transforms.script import Script, ScriptError
from pscheduler_batch.transforms.script_process import PARENTS_SIGNALS

ROOT = Path(__file__).parents[3]
ENDLESS = "last(repeat(.))"
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def with_process(use: Callable[[JqProcess], Awaitable[Any]], confinement: Optional[Confinement] = None) -> Any:
    """Do something with a process in an event loop, and end the process."""

    async def main() -> Any:
        process = JqProcess(confinement)
        try:
            return await use(process)
        finally:
            await process.aclose()

    return asyncio.run(main())


def run(script: str, text: str = "null", data: Any = None) -> Any:
    """Run one script."""
    return with_process(lambda process: process.run(Transform("/x", script), data, text))


def failure_of(script: str, text: str = "null", data: Any = None) -> str:
    """Return why a script fails."""
    with pytest.raises(ScriptError) as caught:
        run(script, text, data)
    return str(caught.value)


def ticks_of(process: JqProcess) -> int:
    """Return how much of a processor's time a child has used; it uses none while it waits for a script."""
    text = Path(f"/proc/{process._child.pid}/stat").read_text("ascii")
    return int(text.rpartition(")")[2].split()[11])


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process or thread does."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it did not come about")


async def start_endless(process: JqProcess) -> asyncio.Future[Any]:
    """Start a script without an end and return when it runs."""
    task = asyncio.ensure_future(process.run(Transform("/x", ENDLESS), None, "1"))
    await until(lambda: process._child is not None and process._child._ready)
    before = ticks_of(process)
    await until(lambda: ticks_of(process) > before + 2)
    return task


def test_a_script_gets_its_input_its_arguments_and_global():
    """As in the program itself."""
    script = Transform("/x", "[., $a, $global]", {"a": 2})
    out = with_process(lambda process: process.run(script, {"g": 3}, "1"))

    assert out == [1, 2, {"g": 3}]


@pytest.mark.parametrize("text", ['"\\udc00 é \\u0000"', "[1.5, -3, 1e300, 9007199254740993]", '{"b": 1, "a": 2}'])
def test_values_come_out_as_they_do_in_the_program_itself(text):
    """The way through another process changes nothing."""
    here = Script(Transform("/x", "."), None, ()).run(text)

    assert json.dumps(run(".", text)) == json.dumps(here)


@pytest.mark.parametrize(
    "script", ["1 +", "empty", "1, 2", ".a", "error($global._key)", "nothing_that_exists", 'import "nowhere" as x; .']
)
def test_a_script_fails_with_the_words_of_the_program_itself(script):
    """This holds for compiling and for running; secrets are hidden as there."""
    data = {"_key": "s3cr3t"}
    with pytest.raises(ScriptError) as caught:
        Script(Transform("/x", script), data, library_folders()).run("[1]")

    assert failure_of(script, "[1]", data) == str(caught.value).replace("s3cr3t", "(hidden)")


def test_large_texts_pass_in_both_directions():
    """Results may have any size; a pipe holds 64 KiB."""
    text = json.dumps(["é" * 1_000_000, "x" * 1_000_000])

    assert run(".", text) == json.loads(text)


def test_a_child_serves_one_script_after_another():
    """Also one that failed leaves it as it was, and so does a limit that was kept."""

    async def use(process: JqProcess) -> List[int]:
        pids = []
        for script in ("1", "error", "1 +", "2"):
            await asyncio.gather(process.run(Transform("/x", script), None, "1"), return_exceptions=True)
            pids.append(process._child.pid)
        return pids

    assert len(set(with_process(use, Confinement(time=timedelta(minutes=5))))) == 1


def test_scripts_that_are_asked_for_at_once_run_one_after_another():
    """Each gets its own reply."""

    async def use(process: JqProcess) -> Any:
        return await asyncio.gather(*(process.run(Transform("/x", ". + 1"), None, str(n)) for n in range(5)))

    assert with_process(use) == [1, 2, 3, 4, 5]


@LINUX_ONLY
def test_cancelling_kills_the_child_and_leaves_no_zombie():
    """The process has been waited for when the cancelled script is gone; the next one has another."""

    async def use(process: JqProcess) -> Any:
        task = await start_endless(process)
        child = process._child
        task.cancel()
        await asyncio.wait([task])
        waiting = [thread for thread in threading.enumerate() if thread.name == "pscheduler-batch-jq"]
        return task.cancelled(), waiting, child._exit_code, await process.run(Transform("/x", "5"), None, "1")

    assert with_process(use) == (True, [], -signal.SIGKILL, 5)


def test_cancelling_while_the_child_starts_leaves_nothing_of_it():
    """It may come at any moment."""

    async def use(process: JqProcess) -> Any:
        task = asyncio.ensure_future(process.run(Transform("/x", "1"), None, "1"))
        await until(lambda: process._child is not None)
        child = process._child
        task.cancel()
        await asyncio.wait([task])
        return child._exit_code

    assert with_process(use) == -signal.SIGKILL


@LINUX_ONLY
def test_closing_ends_a_running_script():
    """The caller that waits for the script gets an error."""

    async def use(process: JqProcess) -> Any:
        task = await start_endless(process)
        await process.aclose()
        with pytest.raises(ScriptError) as caught:
            await task
        return str(caught.value)

    assert with_process(use) == "the script was ended before it was done"


def test_closing_ends_the_child():
    """A process that has been closed can be used again, with a new child."""

    async def use(process: JqProcess) -> Any:
        await process.run(Transform("/x", "1"), None, "1")
        child = process._child
        await process.aclose()
        return child._exit_code, await process.run(Transform("/x", "2"), None, "1")

    assert with_process(use) == (-signal.SIGKILL, 2)


def test_a_script_that_is_not_done_in_time_is_ended():
    """The failure names the limit, and the next script is not concerned."""

    async def use(process: JqProcess) -> Any:
        with pytest.raises(ScriptError) as caught:
            await process.run(Transform("/x", ENDLESS), None, "1")
        return str(caught.value), await process.run(Transform("/x", "2"), None, "1")

    limits = Confinement(time=timedelta(seconds=2))
    assert with_process(use, limits) == ("the script was still running after 2 s, the limit", 2)


@LINUX_ONLY
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_child_that_dies_is_a_failure_of_the_script(number):
    """The signal is named, and the next script has a new child."""

    async def use(process: JqProcess) -> Any:
        task = await start_endless(process)
        os.kill(process._child.pid, number)
        with pytest.raises(ScriptError) as caught:
            await task
        return str(caught.value), await process.run(Transform("/x", "2"), None, "1")

    assert with_process(use) == (f"jq crashed while running the script ({number.name})", 2)


def test_a_child_that_died_between_two_scripts_is_replaced():
    """It was not the fault of the script that comes next."""

    async def use(process: JqProcess) -> Any:
        await process.run(Transform("/x", "1"), None, "1")
        os.kill(process._child.pid, signal.SIGKILL)
        process._child._wait()
        return await process.run(Transform("/x", "2"), None, "1")

    assert with_process(use) == 2


@pytest.mark.parametrize("number", PARENTS_SIGNALS)
def test_a_signal_to_the_group_leaves_the_child_alone(number):
    """What Control-C in a terminal means, the parent decides."""

    async def use(process: JqProcess) -> Any:
        await process.run(Transform("/x", "1"), None, "1")
        pid = process._child.pid
        os.kill(pid, number)
        return await process.run(Transform("/x", "2"), None, "1"), process._child.pid == pid

    assert with_process(use) == (2, True)


def test_signals_reach_the_parent_after_a_child_was_started():
    """They are held back for no longer than that takes."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PARENTS_SIGNALS)
    run("1")

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()).isdisjoint(PARENTS_SIGNALS)


def test_an_idle_child_ends_when_its_input_does():
    """So it does where nothing ties it to its parent."""

    async def use(process: JqProcess) -> Any:
        await process.run(Transform("/x", "1"), None, "1")
        child = process._child
        os.dup2(child._ours.lifeline, child._ours.requests)
        return child._wait()

    assert with_process(use) == 0


def test_modules_in_the_current_folder_are_not_loaded(tmp_path, monkeypatch):
    """Batches may be run from a folder that others write to."""
    (tmp_path / "jq.py").write_text("raise SystemExit(9)")
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])

    assert run("1") == 1


def test_loops_of_several_threads_have_processes_at_the_same_time():
    """Python 3.9 watches child processes from the main thread, if it is left to it."""
    together = threading.Barrier(3, timeout=20)
    values = []

    async def use(process: JqProcess) -> None:
        for text in ("1", "2"):
            values.append(await process.run(Transform("/x", ". + 1"), None, text))
            together.wait()

    threads = [threading.Thread(target=with_process, args=(use,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(values) == [2, 2, 2, 3, 3, 3]


def test_a_process_serves_one_loop_after_another():
    """A batch can be run again from another loop, also if scripts had to wait for each other in the first one."""
    process = JqProcess()

    async def use() -> Any:
        return await asyncio.gather(*(process.run(Transform("/x", "."), None, str(n)) for n in range(3)))

    values = [asyncio.run(use()) for _ in range(2)]
    asyncio.run(process.aclose())

    assert values == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("program", ["/nowhere/python", "", None])
def test_no_process_is_a_failure_of_the_script(program, monkeypatch):
    """So what a batch has obtained until then is kept; no descriptor stays open."""
    monkeypatch.setattr(sys, "executable", program)
    before = len(os.listdir("/proc/self/fd"))

    assert "cannot start a process for the script: [Errno 2]" in failure_of("1")
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_thread_is_a_failure_of_the_script(monkeypatch):
    """A user may have a limited number of processes and threads."""

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    assert failure_of("1") == "cannot start a process for the script: can't start new thread"


def test_a_process_that_ends_at_once_is_no_fault_of_jq(monkeypatch):
    """Such as one that does not find its modules."""
    monkeypatch.setattr(script_process, "_BOOT", "raise SystemExit(3)")

    assert failure_of("1") == "cannot start a process for the script: it ended at once (exit status 3)"


def test_a_child_starts_without_what_only_the_parent_needs():
    """Loading asyncio would double the time to start."""
    code = "import sys, pscheduler_batch.transforms.script_child; sys.exit('asyncio' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}

    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0
