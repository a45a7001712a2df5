"""Signals that end a batch before its time."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Any, Callable, Dict, Iterable, Iterator, Optional

# SIGHUP is what a batch gets whose terminal or connection goes away.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handlers = Dict[signal.Signals, Any]


class SignalWatch:
    """
    Turns the first signal into an interruption; the second one ends the process at once.

    Attributes:
        caught: The signal that came; None where none did.
    """

    def __init__(self) -> None:
        self.caught: Optional[signal.Signals] = None

    @property
    def exit_status(self) -> int:
        """The exit status for the signal that came: 130 for SIGINT, 143 for the others (ADR 17)."""
        return 128 + (signal.SIGINT if self.caught == signal.SIGINT else signal.SIGTERM)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """
        Keep the first signal from ending the process, for as long as there is something to save.

        Signals that are ignored, such as SIGHUP under nohup, stay so. Does nothing but in the main thread, as signals
        come nowhere else.
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
        Turn the first signal into an interruption, on the running event loop; where and which as in :meth:`holding`.

        Args:
            interrupt: Is given the reason, such as "interrupted by SIGINT"; at once where a signal came before.
        """
        if self.caught is not None:
            interrupt(self._reason)
            yield
            return
        loop = asyncio.get_running_loop()
        before = _handlers()

        def come(number: int, _frame: Optional[FrameType]) -> None:
            # The second one ends the process even where the loop is stuck, such as in writing to a terminal that waits.
            self._note(number, before)
            loop.call_soon_threadsafe(interrupt, self._reason)

        with _waking(loop, before):
            for number in before:
                signal.signal(number, come)
            if self.caught is not None:
                # It came while this was being prepared, to whoever watched before.
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
        """Note the first signal, and let the second one end the process."""
        self.caught = signal.Signals(number)
        for other in watched:
            # Not left to the system yet: one that has come already would be dropped by Python, with a traceback.
            signal.signal(other, _die_of)


@contextmanager
def _waking(loop: asyncio.AbstractEventLoop, watched: Handlers) -> Iterator[None]:
    """
    Let a signal wake a loop that waits, so that Python gets to run what is to be done about it.

    The loop's own way of watching for signals gives them back to the system for a moment when it ends, and one that
    comes just then would take the results along.
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
    """Give those signals that can be watched for, with what happens to them now."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in ENDING}
    return {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}


def _restore(handlers: Handlers) -> None:
    for number, handler in handlers.items():
        # None is what somebody's C code has put there; Python cannot put it back.
        if handler is not None:
            signal.signal(number, handler)
