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
        with watcher.watching(told.append, lambda: told.append("hurry")):
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


# A process that gets signals while it watches for them. Each of its seconds is one of the events that happen to it.
WATCHING = """
import asyncio, itertools, os, signal, sys
from pscheduler_batch.running.signals import SignalWatch

seconds = 0.0

async def main():
    global seconds
    with SignalWatch(lambda: seconds).watching(print, lambda: print("hurry")):
        for name in sys.argv[1:]:
            if name == "turn":
                await asyncio.sleep(0)
            elif name == "second":
                seconds += 1
            else:
                os.kill(os.getpid(), signal.Signals[name])
        await asyncio.sleep(0)
        await asyncio.sleep(0)

asyncio.run(main())
"""
TWICE = ["SIGINT", "second", "SIGINT", "second"]


def send(*happens, code=WATCHING):
    """Run the process that gets signals; return its exit status, and what it was told."""
    ended = subprocess.run([sys.executable, "-uc", code, *happens], capture_output=True, check=False, timeout=60)
    assert ended.stderr == b""
    return ended.returncode, ended.stdout.decode().split("\n")[:-1]


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (["SIGTERM"], ["interrupted by SIGTERM"]),
        (["SIGTERM", "second", "SIGINT"], ["interrupted by SIGTERM", "hurry"]),
        (["SIGINT", "turn", "second", "SIGINT"], ["interrupted by SIGINT", "hurry"]),
        # A terminal that is closed.
        (["SIGHUP", "second", "SIGHUP", "second", "SIGHUP"], ["interrupted by SIGHUP"]),
        (["SIGINT", "second", "SIGHUP"], ["interrupted by SIGINT"]),
        # timeout(1), and systemd with SendSIGHUP=.
        (["SIGTERM", "SIGTERM", "turn", "SIGTERM"], ["interrupted by SIGTERM"]),
        (["SIGTERM", "SIGHUP"], ["interrupted by SIGTERM"]),
    ],
)
def test_the_second_signal_ends_the_waiting(happens, told):
    """Signals that come together are one, and SIGHUP asks for no hurry."""
    assert send(*happens) == (0, told)


@pytest.mark.parametrize(("number"), ["SIGINT", "SIGTERM"])
def test_the_third_signal_ends_the_process_at_once(number):
    """Even where the loop is stuck; otherwise only SIGKILL could end a process that hangs."""
    assert send(*TWICE, number) == (-signal.Signals[number], [])


def test_two_signals_at_once_are_one():
    """Python sees both together."""
    both = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM}); "
    both += "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM); "
    both += "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})"
    code = WATCHING.replace("for name in", f"{both}\n        for name in")

    assert send(code=code) == (0, ["interrupted by SIGINT"])


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
        with SignalWatch().watching(lambda _reason: None, lambda: None):
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
        with SignalWatch().watching(seen.append, lambda: None):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)

    asyncio.run(run())

    assert (seen, signal.getsignal(signal.SIGHUP)) == ([], signal.SIG_IGN)


def test_a_signal_that_is_held_back_ends_nothing():
    """It is recorded."""
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
        with watcher.watching(told.append, lambda: None):
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
