"""Control-C while there is nothing to save."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def immediate_interrupt() -> Iterator[None]:
    """
    Let Control-C end the process at once, as jq cannot be interrupted from Python.

    While tasks are running, a :class:`~pscheduler_batch.running.signals.SignalWatch` handles signals instead.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:
        # Not in the main thread, which receives no signals.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
