"""
Work in a process that outlives the one that pScheduler started, so that it can still clean up (ADR 62).

When pScheduler is told to stop, it kills the processes of its tools and all of their descendants with SIGKILL. A batch
that ended like that would leave its tasks on their servers. So the process that pScheduler sees only passes on the
result, and the batch runs in one that is not its descendant. A pipe connects them, the life line: when its other end is
closed, or a signal came there, the batch is to be ended.
"""

from __future__ import annotations

import os
import signal
import traceback
from types import FrameType
from typing import Callable, List, Optional

# What ends the reply of a process that ended as it should.
_COMPLETE = b"\0"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DetachedError(Exception):
    """The work has a bug, whose traceback is the text, or was killed."""


def reply_of_detached(work: Callable[[int], str]) -> str:
    """
    Run some work in a process of its own, and wait for its reply.

    Args:
        work: Is given a descriptor that becomes readable when the work is to be ended early; returns the reply.

    Raises:
        DetachedError: The process ended without a reply.
    """
    replies, replying = os.pipe()
    far_end, lifeline = os.pipe()
    # A signal that comes before it can be passed on waits until then.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    first = os.fork()
    if not first:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        os.close(replies)
        os.close(lifeline)
        _be_detached(work, replying, far_end)
    os.close(replying)
    os.close(far_end)
    os.waitpid(first, 0)
    # The lifeline is closed when this process ends, however it does.
    with _PassedOn(lifeline):
        received = _read_all(replies)
    if received.endswith(_COMPLETE):
        return received[:-1].decode()
    raise DetachedError(received.decode("utf-8", "replace") or "the process of the batch ended without a result")


class _PassedOn:
    """Pass signals on over the life line for as long as the reply is waited for."""

    def __init__(self, lifeline: int) -> None:
        self._lifeline = lifeline

    def __enter__(self) -> None:
        for number in _ENDING:
            signal.signal(number, self._pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

    def __exit__(self, *_: object) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        os.close(self._lifeline)

    def _pass_on(self, _number: int, _frame: Optional[FrameType]) -> None:
        # Once is enough, and the pipe is never full.
        os.write(self._lifeline, b"!")


def _read_all(descriptor: int) -> bytes:
    parts: List[bytes] = []
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while True:
            part = stream.read(1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)


def _be_detached(work: Callable[[int], str], replying: int, far_end: int) -> None:
    """Become a process that belongs to nothing of pScheduler's, do the work, and end without any clean-up."""
    status = 1
    try:
        os.setsid()
        if os.fork():
            status = 0
            return
        _let_go_of_streams()
        reply = _reply_of(work, far_end)
        # What waits for it may be gone, which Python reports as an error.
        with os.fdopen(replying, "wb") as pipe:
            pipe.write(reply)
        status = 0
    finally:
        os._exit(status)


def _reply_of(work: Callable[[int], str], far_end: int) -> bytes:
    try:
        return work(far_end).encode("utf-8", "backslashreplace") + _COMPLETE
    except BaseException:  # noqa: BLE001 - the other process shows it
        return traceback.format_exc().encode("utf-8", "backslashreplace")


def _let_go_of_streams() -> None:
    """Let the readers of the standard streams see their end with the first process, whatever becomes of this one."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
