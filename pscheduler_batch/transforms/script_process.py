"""
A process that runs jq scripts and can be ended while one of them runs (ADR 33).

jq blocks the interpreter while it runs, so a script that never ends would block the whole program, Control-C included,
and a script that crashes jq would end the program. Here a child process runs jq, and this process only waits for it.
The child's side is :mod:`~pscheduler_batch.transforms.script_child`.

Only the start differs. ``--check`` forks (:func:`forked`), because a new interpreter takes about as long as the check
of a small batch. ``continue-if`` starts a new interpreter (:func:`start_interpreter`), because a running batch has
threads, connections and locks that a copy must not inherit.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.script import TOO_DEEP, ScriptError
from pscheduler_batch.transforms.script_child import Answer, Ends, be_the_child, read_frame, write_frame

# What a terminal or a service manager sends to a whole process group; the parent decides what to do about it.
PARENTS_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Seconds between two looks at the child. If a look is later than three times that, this process was stopped or had to
# wait for the processor, which must not count as time of the child.
_LOOK = 0.05
_LATE = 3 * _LOOK

# Is called with the seconds that the child has had since the last look, and raises an error to end it.
Look = Callable[[float], None]

# Starts a child with its ends of the pipes, the parent's ends, which must not stay open in it, and the bytes of memory
# that its scripts may use; returns the process ID.
Starter = Callable[[Ends, Ends, Optional[int]], int]

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BOOT = (
    "import sys; _, memory, *sys.path[:] = sys.argv; "
    "from pscheduler_batch.transforms.script_child import serve_scripts; serve_scripts(memory)"
)
# No module in the current directory is loaded (-I), and the parent passes the search path (-S).
_INTERPRETER_OPTIONS = ("-I", "-S", "-B")


class NoProcessError(Exception):
    """There is no process for the scripts; the text says why."""


class ProcessEndedError(Exception):
    """
    The process had to be ended, or ended by itself, before it replied; the text is the error to report.

    Attributes:
        status: Words on the exit status of a process that crashed; "" for others.
    """

    def __init__(self, reason: str, status: str = "") -> None:
        self.status = status
        super().__init__(reason)


class ScriptProcess:
    """The child process, as seen from its parent; one thread at a time may ask it, and any thread may kill it."""

    def __init__(self, start: Starter, confinement: Optional[Confinement] = None) -> None:
        """
        Start the process.

        Args:
            start: :func:`forked` or :func:`start_interpreter`.
            confinement: Limits for its scripts; of these, the system enforces that of memory.

        Raises:
            NoProcessError: The system does not allow it.
        """
        self._memory_words = "" if confinement is None else confinement.memory_words
        self._ready = False
        self._killed_for: Optional[str] = None
        self._exit_code: Optional[int] = None
        self._lock = threading.Lock()
        opened: List[int] = []
        try:
            for _ in Ends._fields:
                opened += _pipe()
            requests, our_requests, our_replies, replies, lifeline, our_lifeline = opened
            theirs, self._ours = Ends(requests, replies, lifeline), Ends(our_requests, our_replies, our_lifeline)
            self.pid = start(theirs, self._ours, None if confinement is None else confinement.memory)
        except OSError as error:
            _close(opened)
            raise NoProcessError(str(error)) from error
        _close(theirs)

    def ask(self, request: bytes = b"", text: bytes = b"", look: Optional[Look] = None) -> JSON:
        """
        Send a request and return the value of the reply; without a reply the process is killed.

        Args:
            request: What to do.
            text: What to do it with.
            look: Is called every 50 ms while there is no reply.

        Raises:
            ScriptError: A script failed.
            ProcessEndedError: The process was killed, crashed, or ran out of memory.
            NoProcessError: The process ended before it could be asked.
            RuntimeError: There is a bug in the child.
        """
        try:
            if not self._ready:
                self._read(None)
                self._ready = True
            # A child that ends before it has read everything may have said why.
            with suppress(BrokenPipeError):
                write_frame(self._ours.requests, request)
                write_frame(self._ours.requests, text)
            answer: Dict[str, JSON] = json.loads(self._read(look))
        except RecursionError as error:
            raise ScriptError(TOO_DEEP) from error
        except EOFError as error:
            raise self._end_of_process() from error
        except BaseException:
            self.kill("no longer needed")
            raise
        if "value" in answer:
            return answer["value"]
        if "error" in answer:
            raise ScriptError(answer["error"])
        if "bug" in answer:
            raise RuntimeError(answer["bug"])
        self.kill("out of memory")
        limit = f"the scripts need more than {self._memory_words} of memory, the limit"
        raise ProcessEndedError(limit if self._memory_words else "not enough memory for the scripts")

    def _read(self, look: Optional[Look]) -> bytearray:
        poll = select.poll()
        poll.register(self._ours.replies, select.POLLIN)
        looked = time.monotonic()

        def wait() -> None:
            nonlocal looked
            while look is not None and not poll.poll(_LOOK * 1000):
                before, looked = looked, time.monotonic()
                look(min(looked - before, _LATE))

        return read_frame(self._ours.replies, wait)

    def _end_of_process(self) -> Exception:
        status = _exit_words(self._wait() or 0)
        if self._killed_for is not None:
            return ProcessEndedError(self._killed_for)
        if not self._ready:
            return NoProcessError(f"it ended at once ({status})")
        # jq crashes if it gets no more memory.
        limit = f", which may use {self._memory_words} of memory" if self._memory_words else ""
        return ProcessEndedError(f"jq crashed while running the script{limit} ({status})", status)

    def lives(self) -> bool:
        """Return whether the process can be asked."""
        return self._killed_for is None and self._wait(os.WNOHANG) is None

    def kill(self, reason: str) -> None:
        """Kill the process; a request that it is working on fails with the reason."""
        self._killed_for = self._killed_for or reason
        with self._lock, suppress(ProcessLookupError):
            if self._exit_code is None:
                os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill the process if it is alive, and free everything that belongs to it; no thread may be asking it."""
        self.kill("ended")
        self._wait()
        _close(self._ours)

    def _wait(self, options: int = 0) -> Optional[int]:
        """Wait for the end of the process, or look whether it has come; return the exit code."""
        with self._lock:
            if self._exit_code is None:
                try:
                    pid, status = os.waitpid(self.pid, options)
                except ChildProcessError:
                    # The program ignores SIGCHLD, or waits for every child itself; the exit code is lost.
                    pid, status = self.pid, 0
                self._exit_code = os.waitstatus_to_exitcode(status) if pid else None
            return self._exit_code


def forked(answer: Answer) -> Starter:
    """
    Return a starter that copies this process, for programs with a single thread and nothing that a copy must not have.

    Such a program has nothing to lose either, so the copy ends by a signal to the process group as its parent does.

    Args:
        answer: Is called in the copy, with each request.
    """

    def start(theirs: Ends, ours: Ends, memory: Optional[int]) -> int:
        if not hasattr(os, "fork"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        # Newer Pythons warn that locks of threads may stay locked in the copy; it uses none of them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            for number in PARENTS_SIGNALS:
                # What the parent ignores, as with nohup(1), does not end it either.
                if signal.getsignal(number) != signal.SIG_IGN:
                    signal.signal(number, signal.SIG_DFL)
            _close(ours)
            be_the_child(theirs, answer, memory)
            status = 0
        finally:
            # Any clean-up is the business of the parent.
            os._exit(status)

    return start


def start_interpreter(theirs: Ends, _ours: Ends, memory: Optional[int]) -> int:
    """
    Start a new interpreter, whose requests are scripts to run.

    It never receives the signals that are the parent's, not even before Python has started in it. Its command line and
    environment, which others can see, have nothing of the batch.
    """
    if not sys.executable:
        # Where Python is part of another program.
        raise OSError(errno.ENOENT, "Python does not know its own program (sys.executable)")
    places = [place for place in sys.path if isinstance(place, str)]
    arguments = ["" if memory is None else str(memory), *places, _ROOT]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, *_INTERPRETER_OPTIONS, "-c", _BOOT, *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, end, stream) for stream, end in enumerate(theirs)],
        setsigmask=PARENTS_SIGNALS,
    )


def time_limit(seconds: float, reason: str) -> Look:
    """Return what raises an error with this reason when the child has had so many seconds."""
    took = 0.0

    def look(passed: float) -> None:
        nonlocal took
        took += passed
        if took > seconds:
            raise ProcessEndedError(reason)

    return look


def time_limit_words(seconds: float, state: str = "running") -> str:
    """
    Return the error for a script that took too long.

    >>> time_limit_words(10)
    'the script was still running after 10 s, the limit'
    """
    return f"the script was still {state} after {seconds:g} s, the limit"


def _exit_words(exit_code: int) -> str:
    """Name the exit status of a process, or the signal that ended it."""
    if exit_code >= 0:
        return f"exit status {exit_code}"
    if -exit_code == signal.SIGKILL:
        return "SIGKILL, which the system sends when memory runs out"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _pipe() -> Tuple[int, int]:
    """Return the ends of a pipe; neither is a standard stream, even if these are closed."""
    ends = os.pipe()
    if {0, 1, 2}.isdisjoint(ends):
        return ends
    try:
        return _pipe()
    finally:
        _close(ends)


def _close(ends: Iterable[int]) -> None:
    for end in ends:
        os.close(end)
