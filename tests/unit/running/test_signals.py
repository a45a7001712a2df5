"""Signals that interrupt a batch."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from pscheduler_batch.running.signals import ENDING, SignalWatch


@pytest.fixture(autouse=True)
def _as_before():
    """Leave the signals of the tests' own process alone."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers():
    """Return the present handlers of the signals."""
    return [signal.getsignal(number) for number in ENDING]


def watch(watcher, *send, reasons=None):
    """Watch while these signals come."""
    told = [] if reasons is None else reasons

    async def run():
        with watcher.watching(told.append):
            for number in send:
                os.kill(os.getpid(), number)
            # The loop hears of a signal by a socket.
            while send and not told:  # noqa: ASYNC110 - what is told is told to a list
                await asyncio.sleep(0)

    asyncio.run(run())
    return told


@pytest.mark.parametrize(("number", "status"), list(zip(ENDING, (130, 143, 143))))
def test_a_signal_is_an_interruption(number, status):
    """The reason has the name of the signal, as does the exit status (ADR 17)."""
    watcher = SignalWatch()

    assert watch(watcher, number) == [f"interrupted by {number.name}"]
    assert (watcher.caught, watcher.exit_status) == (number, status)


# A process that gets signals while it watches for them, at once or when its event loop has had a turn.
WATCHING = """
import asyncio, os, signal, sys
from pscheduler_batch.running.signals import SignalWatch

async def main():
    with SignalWatch().watching(lambda _reason: None):
        for name in sys.argv[1:]:
            if name == "turn":
                await asyncio.sleep(0)
            else:
                os.kill(os.getpid(), signal.Signals[name])

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (["SIGTERM"], 0),
        (["SIGTERM", "turn", "SIGTERM"], -signal.SIGTERM),
        (["SIGTERM", "turn", "turn", "SIGINT"], -signal.SIGINT),
        # Even where the loop is stuck, such as in writing to a terminal that takes nothing.
        (["SIGINT", "SIGHUP"], -signal.SIGHUP),
    ],
)
def test_the_second_signal_ends_the_process_at_once(happens, status):
    """Otherwise only SIGKILL could end one that hangs."""
    ended = subprocess.run([sys.executable, "-c", WATCHING, *happens], capture_output=True, check=False, timeout=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (status, b"", b"")


def test_two_signals_at_once_are_two():
    """Python sees both together, and would drop the second one with a traceback."""
    both = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM}); "
    both += "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM); "
    both += "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})"
    code = WATCHING.replace("for name in", f"{both}\n        for name in")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)

    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, b"")


def test_at_no_moment_is_a_signal_left_to_others(monkeypatch):
    """Neither when the watching starts nor when it ends: it would be lost, or end the process without its results."""
    given = []
    really = signal.signal
    monkeypatch.setattr(signal, "signal", lambda number, handler: given.append(handler) or really(number, handler))
    watcher = SignalWatch()
    with watcher.holding():
        held = signal.getsignal(signal.SIGTERM)
        given.clear()
        watch(watcher)
        watching, restored = set(given[:3]), given[3:]

    assert len(watching) == 1
    assert watching.isdisjoint({signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler})
    assert restored == [held] * 3


def test_signals_wake_the_loop_while_they_are_watched_for():
    """One that comes just before the loop waits would otherwise go unnoticed until something else happens."""

    async def run():
        with SignalWatch().watching(lambda _reason: None):
            waking = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(waking)
        return waking, signal.set_wakeup_fd(-1)

    waking, afterwards = asyncio.run(run())

    assert (waking != -1, afterwards) == (True, -1)


def test_without_a_signal_all_is_as_it_was():
    """For the program that continues."""
    watcher = SignalWatch()
    with watcher.holding():
        watch(watcher)

    assert handlers() == [signal.default_int_handler] * 3
    assert watcher.caught is None


def test_ignored_signals_stay_ignored():
    """As SIGHUP is under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    seen = []

    async def run():
        with SignalWatch().watching(seen.append):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)

    asyncio.run(run())

    assert (seen, signal.getsignal(signal.SIGHUP)) == ([], signal.SIG_IGN)


def test_a_signal_that_is_held_back_ends_nothing():
    """It is recorded, and the second one would end the process."""
    watcher = SignalWatch()
    with watcher.holding():
        os.kill(os.getpid(), signal.SIGTERM)

    assert watcher.caught == signal.SIGTERM


def test_a_signal_that_was_held_back_interrupts_as_soon_as_can_be():
    """A signal before there is a loop is not lost."""
    watcher = SignalWatch()
    with watcher.holding():
        os.kill(os.getpid(), signal.SIGINT)

        assert watch(watcher) == ["interrupted by SIGINT"]


def test_a_signal_that_comes_while_the_loop_is_prepared_interrupts_all_the_same(monkeypatch):
    """It reaches the handler that is about to be replaced."""
    told = []
    watcher = SignalWatch()

    async def run():
        loop = asyncio.get_running_loop()
        prepare = loop.add_reader

        def prepare_late(*arguments):
            signal.raise_signal(signal.SIGTERM)
            prepare(*arguments)

        monkeypatch.setattr(loop, "add_reader", prepare_late)
        with watcher.watching(told.append):
            pass

    with watcher.holding():
        asyncio.run(run())

    assert (told, watcher.caught) == (["interrupted by SIGTERM"], signal.SIGTERM)


def test_in_another_thread_there_are_no_signals():
    """Signals are not delivered there."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(watch(SignalWatch())))
    thread.start()
    thread.join()

    assert seen == [[]]
