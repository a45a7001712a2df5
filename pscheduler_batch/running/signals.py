"""Signals that interrupt a batch."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Any, Callable, Dict, Iterable, Iterator, Optional

# SIGHUP comes when the terminal or the connection is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handlers = Dict[signal.Signals, Any]


class SignalWatch:
    """
    Turns the first signal into an interruption; the second one ends the process at once.

    Attributes:
        caught: The signal that came, if any.
    """

    def __init__(self) -> None:
        self.caught: Optional[signal.Signals] = None

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
            self._note(number, before)

        for number in before:
            signal.signal(number, come)
        try:
            yield
        finally:
            if self.caught is None:
                _restore(before)

    @contextmanager
    def watching(self, interrupt: Callable[[str], None]) -> Iterator[None]:
        """
        Turn the first signal into an interruption on the running event loop; the restrictions of :meth:`holding` hold.

        Args:
            interrupt: Is given the reason, such as "interrupted by SIGINT"; at once if a signal came before.
        """
        if self.caught is not None:
            interrupt(self._reason)
            yield
            return
        loop = asyncio.get_running_loop()
        before = _handlers()

        def come(number: int, _frame: Optional[FrameType]) -> None:
            # The second one ends the process even if the loop is stuck, for example in writing to a stopped terminal.
            self._note(number, before)
            loop.call_soon_threadsafe(interrupt, self._reason)

        with _waking(loop, before):
            for number in before:
                signal.signal(number, come)
            if self.caught is not None:
                # It came during this preparation, to the previous handler.
                self._note(self.caught, before)
                interrupt(self._reason)
            try:
                yield
            finally:
                if self.caught is None:
                    _restore(before)

    @property
    def _reason(self) -> str:
        return f"interrupted by {'nothing' if self.caught is None else self.caught.name}"

    def _note(self, number: int, watched: Iterable[signal.Signals]) -> None:
        """Record the first signal, and let the second one end the process."""
        self.caught = signal.Signals(number)
        for other in watched:
            # Not SIG_DFL: Python would drop a signal that is already pending, with a traceback.
            signal.signal(other, _die_of)


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


def _die_of(number: int, _frame: Optional[FrameType]) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


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
