"""
Run scripts in a child process that can be killed while one of them runs (ADR 33).

jq blocks the interpreter while it runs, so a script that never ends would block the whole program, Control-C included,
and a script that crashes jq would end the program. Here a child process runs jq, and this process only waits for it.

All input goes to the child over its standard input, never over its command line or environment, which others can see.
The first line has the module search path and the descriptor of the life line; the rest is the protocol of
:mod:`~pscheduler_batch.transforms.jq_child`. The life line is a pipe that nothing is ever written to: when its other
end is closed, the parent is gone.
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
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.jq_child import read_frame, write_frame
from pscheduler_batch.transforms.script import TOO_DEEP, ScriptError

T = TypeVar("T")

# Seconds that a child may take to end after it has closed its standard output.
PATIENCE = 5.0

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BOOT = (
    "import json, sys; sys.path[:], lifeline, memory = json.loads(sys.stdin.buffer.readline()); "
    "from pscheduler_batch.transforms.jq_child import serve; serve(lifeline, memory)"
)
# No module in the current directory is loaded (-I), and the parent passes the search path (-S).
_INTERPRETER_OPTIONS = ("-I", "-S", "-B")


class JqProcess:
    """
    Runs scripts in a child process.

    The child is started when it is first needed, reused for later scripts, and replaced when it had to be killed.
    Concurrent scripts run one after another. An object serves one event loop at a time, in any thread.
    """

    def __init__(self, confinement: Optional[Confinement] = None) -> None:
        """
        Prepare to run scripts.

        Args:
            confinement: Limits for each script, which then sees nothing but its input.
        """
        self._confinement = confinement
        self._child: Optional[_Child] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock: Optional[asyncio.Lock] = None

    async def run(
        self, transform: Transform, data: JSON, text: str, *, prefix: str = "", limit: Optional[timedelta] = None
    ) -> JSON:
        """
        Compile a script and run it on one value, as :class:`pscheduler_batch.transforms.script.Script` does.

        Cancelling this kills the child at once.

        Args:
            transform: The transform as written.
            data: The value of ``$global``.
            text: The value to run the script on, as JSON text.
            prefix: Text to put in front of the script.
            limit: The time limit, including compilation; None for no limit.

        Raises:
            ScriptError: The script does not compile, failed, did not return exactly one value, exceeded the limit or
                crashed jq; or the process could not be started.
        """
        if limit is None and self._confinement is not None:
            limit = self._confinement.time
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
        """End the child, even if it is running a script; the object can be used again."""
        if self._child is not None:
            self._child.kill("the script was ended before it was done")
        async with self._turn():
            child, self._child = self._child, None
            if child is not None:
                child.end()

    def _turn(self) -> asyncio.Lock:
        """Return the lock of the running event loop; on Python 3.9 a lock belongs to the loop it was created in."""
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
                self._child = _Child(self._confinement)
            except OSError as error:
                raise ScriptError(f"cannot start a process for the script: {error}") from error
        return self._child


class _Child:
    """The child process, as seen from its parent; threads write and read its frames."""

    def __init__(self, confinement: Optional[Confinement]) -> None:
        """
        Start the process.

        Args:
            confinement: Limits for its scripts.

        Raises:
            OSError: The system does not allow it.
        """
        self._memory = None if confinement is None else confinement.memory
        self._memory_words = "" if confinement is None else confinement.memory_words
        self._popen, self._far_end, self._lifeline = _start()
        self._ready = False
        self._killed_for: Optional[str] = None

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._popen.pid

    def lives(self) -> bool:
        return self._popen.poll() is None and self._killed_for is None

    def kill(self, reason: str) -> None:
        """Kill the process; a script that it is running fails with the reason."""
        self._killed_for = self._killed_for or reason
        self._popen.kill()

    def end(self) -> None:
        """Kill the process if it is alive, and free everything that belongs to it; no thread may be using it."""
        self._popen.kill()
        self._popen.wait()
        for pipe in _pipes(self._popen):
            # Data that it has not read can no longer be written.
            with suppress(OSError):
                pipe.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def answer(self, request: Callable[[], Tuple[bytes, bytes]], limit: Optional[timedelta]) -> Dict[str, Any]:
        """
        Send a request and return the reply.

        Args:
            request: Returns the two frames of the request.
            limit: The time limit for the reply, once the child is ready.

        Raises:
            ScriptError: There is no reply; the child is dead.
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
            stdin.write(json.dumps([[*places, _ROOT], self._far_end, self._memory]).encode() + b"\n")
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
            why = self._killed_for or crash_words(self._exit_code(), self._memory_words)
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
        Run a function that waits for the child in a thread of its own.

        Unlike a thread of a pool, it does not prevent the program from ending if the loop is abandoned.
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
            # An abandoned loop may be closed already.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, failed)

        thread = threading.Thread(target=run, name="pscheduler-batch-jq", daemon=True)
        thread.start()
        try:
            return await future
        except (asyncio.CancelledError, GeneratorExit):
            self.kill("cancelled")
            # The thread ends with the child; until then the pipes must stay open.
            thread.join()
            raise


def _start() -> Tuple[subprocess.Popen[bytes], int, Optional[int]]:
    """
    Start the child; it never receives the signals that are the parent's, not even before Python has started in it.

    Returns:
        The process, the descriptor of its end of the life line, and our end of it.
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
