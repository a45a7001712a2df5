"""
Scripts in a process of their own, which can be ended while one of them runs (ADR 33).

jq holds the interpreter for as long as it runs, so a script without an end keeps the whole program from doing anything
else, Control-C included; and a script may bring the jq library down, and the program with it. Here a child process has
jq, and this one only waits for it.

The child is told all that it needs over its standard input, never by its command line or environment, which others can
see. The first line says where modules are found, and what the life line is; the rest is the protocol of
:mod:`~pscheduler_batch.transforms.jq_child`.
The life line is a pipe that nothing is ever written to: when its other end is gone,
so is the parent.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from typing import IO, Any, Callable, Dict, Optional, Tuple, TypeVar

from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.transforms.child_process import PARENTS_SIGNALS, crash_words, exit_words, time_limit_words
from pscheduler_batch.transforms.jq_child import read_frame, write_frame
from pscheduler_batch.transforms.script import TOO_DEEP, ScriptError

T = TypeVar("T")

# How long a child that has closed its standard output may take to be gone, in seconds.
PATIENCE = 5.0

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BOOT = (
    "import json, sys; sys.path[:], lifeline = json.loads(sys.stdin.buffer.readline()); "
    "from pscheduler_batch.transforms.jq_child import serve; serve(lifeline)"
)
# Nothing that happens to lie in the current folder is loaded (-I), and where modules are, the parent says (-S).
_INTERPRETER_OPTIONS = ("-I", "-S", "-B")


class JqProcess:
    """
    Runs scripts in a child process.

    The child is started when it is first needed, reused for later scripts, and replaced when it had to be ended.
    Scripts that are asked for at the same time run one after another. An object serves one event loop at a time, which
    may be that of any thread.
    """

    def __init__(self) -> None:
        self._child: Optional[_Child] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock: Optional[asyncio.Lock] = None

    async def run(
        self, transform: Transform, data: JSON, text: str, *, prefix: str = "", limit: Optional[timedelta] = None
    ) -> JSON:
        """
        Compile a script and run it on one value, as :class:`pscheduler_batch.transforms.script.Script` does.

        If this is cancelled, the child is killed at once.

        Args:
            transform: The transform as written.
            data: What ``$global`` is.
            text: The value, as JSON text.
            prefix: What is to happen before the script proper.
            limit: How long the script may take, compiling included; None is for ever.

        Raises:
            ScriptError: The script does not compile, failed, gave no value or more than one, was not done in time, or
                brought jq down; or there is no process to run it in.
        """
        async with self._turn():
            child = self._living_child()
            try:
                reply = await child.answer(lambda: _request(transform, data, text, prefix), limit)
            except BaseException:
                self._child = None
                child.end()
                raise
        return _value_of(reply)

    async def aclose(self) -> None:
        """End the child, if there is one, and a script that it is running; the object can be used again."""
        if self._child is not None:
            self._child.kill("the script was ended before it was done")
        async with self._turn():
            child, self._child = self._child, None
            if child is not None:
                child.end()

    def _turn(self) -> asyncio.Lock:
        """Give the lock of the running event loop; on Python 3.9 a lock belongs to a loop from the beginning."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock

    def _living_child(self) -> _Child:
        if self._child is not None and not self._child.lives():
            self._child.end()
            self._child = None
        if self._child is None:
            try:
                self._child = _Child()
            except OSError as error:
                raise ScriptError(f"cannot start a process for the script: {error}") from error
        return self._child


class _Child:
    """One child process, seen from its parent; its frames are written and read in threads."""

    def __init__(self) -> None:
        """
        Start it.

        Raises:
            OSError: The system does not let us.
        """
        self._popen, self._far_end, self._lifeline = _start()
        self._ready = False
        self._killed_for: Optional[str] = None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    def lives(self) -> bool:
        return self._popen.poll() is None and self._killed_for is None

    def kill(self, reason: str) -> None:
        """Kill it, and let the script that it is running fail for a reason."""
        self._killed_for = self._killed_for or reason
        self._popen.kill()

    def end(self) -> None:
        """Kill it if it lives, and leave nothing of it; no thread may be using it."""
        self._popen.kill()
        self._popen.wait()
        for pipe in _pipes(self._popen):
            # What it has not read can no more be written.
            with suppress(OSError):
                pipe.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def answer(self, request: Callable[[], Tuple[bytes, bytes]], limit: Optional[timedelta]) -> Dict[str, Any]:
        """
        Have a request answered.

        Args:
            request: Makes the two frames of the request.
            limit: How long the answer may take, once the child is ready.

        Raises:
            ScriptError: There is no answer; the child is dead.
        """
        if not self._ready:
            await self._in_thread(self._await_ready)
        timer = None
        if limit is not None:
            seconds = limit.total_seconds()
            timer = asyncio.get_running_loop().call_later(seconds, self.kill, time_limit_words(seconds))
        try:
            return await self._in_thread(lambda: self._ask(request()))
        finally:
            if timer is not None:
                timer.cancel()

    def _await_ready(self) -> None:
        stdin, stdout = _pipes(self._popen)
        places = [place for place in sys.path if isinstance(place, str)]
        try:
            stdin.write(json.dumps([[*places, _ROOT], self._far_end]).encode() + b"\n")
            stdin.flush()
            read_frame(stdout)
        except (EOFError, OSError) as error:
            why = self._killed_for or f"it ended at once ({exit_words(self._exit_code())})"
            raise ScriptError(f"cannot start a process for the script: {why}") from error
        self._ready = True

    def _ask(self, request: Tuple[bytes, bytes]) -> Dict[str, Any]:
        stdin, stdout = _pipes(self._popen)
        try:
            for frame in request:
                write_frame(stdin, frame)
            reply = read_frame(stdout)
        except (EOFError, OSError) as error:
            why = self._killed_for or crash_words(self._exit_code())
            raise ScriptError(why) from error
        try:
            answer: Dict[str, Any] = json.loads(reply)
        except RecursionError as error:
            raise ScriptError(TOO_DEEP) from error
        return answer

    def _exit_code(self) -> int:
        try:
            return self._popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """
        Do something that waits for the child in a thread of its own, and return when that thread is done with it.

        The thread is no hindrance to the end of the program, as those of a pool are, should the loop be left alone.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Optional[T], error: Optional[BaseException]) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # where there is no error, it is the result

        def run() -> None:
            result: Optional[T] = None
            failed: Optional[BaseException] = None
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - raised again in the loop
                failed = error
            # The loop may be closed already, if it was left alone.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, failed)

        thread = threading.Thread(target=run, name="pscheduler-batch-jq", daemon=True)
        thread.start()
        try:
            return await future
        except (asyncio.CancelledError, GeneratorExit):
            self.kill("cancelled")
            # It ends with the child, and until then the pipes must not be closed.
            thread.join()
            raise


def _start() -> Tuple[subprocess.Popen[bytes], int, Optional[int]]:
    """
    Start the child; it never sees the signals that are the parent's, not even before Python has begun in it.

    Returns:
        The process, the descriptor that its end of the life line has there, and our end of it.
    """
    far_end, lifeline = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS_SIGNALS)
    try:
        popen = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable or "", *_INTERPRETER_OPTIONS, "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(far_end,),
        )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(far_end)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return popen, far_end, lifeline


def _pipes(popen: subprocess.Popen[bytes]) -> Tuple[IO[bytes], IO[bytes]]:
    if popen.stdin is None or popen.stdout is None:
        raise TypeError("the child was started without pipes")
    return popen.stdin, popen.stdout


def _request(transform: Transform, data: JSON, text: str, prefix: str) -> Tuple[bytes, bytes]:
    try:
        asked = json.dumps({"script": transform.script, "args": transform.args, "data": data, "prefix": prefix})
    except RecursionError as error:
        raise ScriptError("what the script is given is nested too deeply") from error
    return asked.encode(), text.encode("utf-8", "surrogatepass")


def _value_of(reply: Dict[str, Any]) -> JSON:
    if "bug" in reply:
        raise RuntimeError(reply["bug"])
    if "error" in reply:
        raise ScriptError(reply["error"])
    return reply["value"]
