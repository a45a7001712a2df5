"""Signals that interrupt a batch."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from contextlib import contextmanager
from enum import Enum
from types import FrameType
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional, Protocol

# SIGHUP comes when the terminal or the connection is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handlers = Dict[signal.Signals, Any]


# Signals that come together count as one: timeout(1) sends its signal to the process and to its group, and systemd can
# send SIGHUP after SIGTERM. In seconds.
TOGETHER = 0.2


class InterruptionWatch(Protocol):
    """Whatever may interrupt a batch."""

    def watching(self, interrupt: Callable[[str], None], hurry: Callable[[], None]) -> ContextManager[None]:
        """
        Interrupt the batch on the running event loop when it is time to.

        Args:
            interrupt: Interrupts it; is given the reason.
            hurry: Ends all waiting for tasks to be canceled.
        """


class SignalWatch:
    """
    Turns the first signal into an interruption; the second one stops all waiting, the third one ends the process.

    A second SIGHUP does nothing: a terminal that is closed often sends two.

    Attributes:
        caught: The signal that came first, if any.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """
        Prepare to watch.

        Args:
            now: The clock, in seconds.
        """
        self.caught: Optional[signal.Signals] = None
        self._now = now
        self._last = 0.0
        self._hurried = False

    @property
    def exit_status(self) -> int:
        """The exit status after the signal: 130 for SIGINT, 143 for the others (ADR 17)."""
        return 128 + (signal.SIGINT if self.caught == signal.SIGINT else signal.SIGTERM)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """
        Keep the first signal from ending the process while there is something to save.

        Signals that are ignored, such as SIGHUP under nohup, stay ignored. Does nothing except in the main thread, the
        only one that signals reach.
        """
        before = _handlers()

        def come(number: int, _frame: Optional[FrameType]) -> None:
            self._note(number)

        for number in before:
            signal.signal(number, come)
        try:
            yield
        finally:
            if self.caught is None:
                _restore(before)

    @contextmanager
    def watching(self, interrupt: Callable[[str], None], hurry: Callable[[], None]) -> Iterator[None]:
        """
        Turn signals into an interruption on the running event loop; the restrictions of :meth:`holding` hold.

        Args:
            interrupt: Is given the reason at the first signal, such as "interrupted by SIGINT"; at once if it came
                before.
            hurry: Is called at the second one.
        """
        loop = asyncio.get_running_loop()
        before = _handlers()

        def come(number: int, _frame: Optional[FrameType]) -> None:
            step = self._note(number)
            if step is _Step.INTERRUPT:
                loop.call_soon_threadsafe(interrupt, self._reason)
            elif step is _Step.HURRY:
                loop.call_soon_threadsafe(hurry)

        with _waking(loop, before):
            for number in before:
                signal.signal(number, come)
            if self.caught is not None:
                # It came before, to the previous handler.
                interrupt(self._reason)
            if self._hurried:
                hurry()
            try:
                yield
            finally:
                _restore(before)

    @property
    def _reason(self) -> str:
        return f"interrupted by {'nothing' if self.caught is None else self.caught.name}"

    def _note(self, number: int) -> Optional[_Step]:
        """Record a signal, and return what it asks for; it does little, as it may come at any moment."""
        now = self._now()
        if self.caught is None:
            self.caught, self._last = signal.Signals(number), now
            return _Step.INTERRUPT
        if number == signal.SIGHUP or now - self._last < TOGETHER:
            return None
        self._last = now
        if not self._hurried:
            self._hurried = True
            return _Step.HURRY
        # It ends the process even if the loop is stuck, for example in writing to a stopped terminal.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        return None


class _Step(Enum):
    """What a signal asks for."""

    INTERRUPT = "interrupt"
    HURRY = "hurry"


@contextmanager
def _waking(loop: asyncio.AbstractEventLoop, watched: Handlers) -> Iterator[None]:
    """
    Let a signal wake a waiting loop, so that Python runs the signal's handler.

    The loop's own signal handling restores the defaults for a moment when it ends, and a signal at that moment would
    end the process without its results.
    """
    if not watched:
        yield
        return
    reading, writing = socket.socketpair()
    with reading, writing:
        for end in (reading, writing):
            end.settimeout(0)
        loop.add_reader(reading, reading.recv, 1024)
        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(reading)


def _handlers() -> Handlers:
    """Return the signals that can be watched for, with their present handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in ENDING}
    return {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}


def _restore(handlers: Handlers) -> None:
    for number, handler in handlers.items():
        # None is a handler installed by C code, which Python cannot restore.
        if handler is not None:
            signal.signal(number, handler)
