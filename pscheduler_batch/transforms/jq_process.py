"""Run scripts in a child process while an event loop goes on (ADR 33)."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from functools import partial
from typing import Callable, Optional, TypeVar

from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.script import ScriptError
from pscheduler_batch.transforms.script_process import (
    NoProcessError,
    ProcessEndedError,
    ScriptProcess,
    start_interpreter,
    time_limit,
    time_limit_words,
)

T = TypeVar("T")


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
        self._child: Optional[ScriptProcess] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock: Optional[asyncio.Lock] = None

    async def run(self, transform: Transform, data: JSON, text: str) -> JSON:
        """
        Compile a script and run it on one value, as :class:`pscheduler_batch.transforms.script.Script` does.

        Cancelling this kills the child at once.

        Args:
            transform: The transform as written.
            data: The value of ``$global``.
            text: The value to run the script on, as JSON text.

        Raises:
            ScriptError: The script does not compile, failed, did not return exactly one value, exceeded a limit or
                crashed jq; or the process could not be started.
        """
        async with self._turn():
            try:
                child = self._living_child()
                return await _in_thread(child, lambda: self._ask(child, transform, data, text))
            except ProcessEndedError as error:
                raise ScriptError(str(error)) from error
            except NoProcessError as error:
                raise ScriptError(f"cannot start a process for the script: {error}") from error
            finally:
                self._drop_dead_child()

    def _ask(self, child: ScriptProcess, transform: Transform, data: JSON, text: str) -> JSON:
        look = None
        if self._confinement is not None:
            seconds = self._confinement.time.total_seconds()
            look = time_limit(seconds, time_limit_words(seconds))
        return child.ask(_request(transform, data), text.encode("utf-8", "surrogatepass"), look)

    async def aclose(self) -> None:
        """End the child, even if it is running a script; the object can be used again."""
        if self._child is not None:
            self._child.kill("the script was ended before it was done")
        async with self._turn():
            self._drop_dead_child()

    def _turn(self) -> asyncio.Lock:
        """Return the lock of the running event loop; on Python 3.9 a lock belongs to the loop it was created in."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock

    def _living_child(self) -> ScriptProcess:
        self._drop_dead_child()
        if self._child is None:
            self._child = ScriptProcess(start_interpreter, self._confinement)
        return self._child

    def _drop_dead_child(self) -> None:
        if self._child is not None and not self._child.lives():
            child, self._child = self._child, None
            child.end()


def _request(transform: Transform, data: JSON) -> bytes:
    try:
        return json.dumps({"script": transform.script, "args": transform.args, "data": data}).encode()
    except RecursionError as error:
        raise ScriptError("what the script is given is nested too deeply") from error


async def _in_thread(child: ScriptProcess, work: Callable[[], T]) -> T:
    """
    Run a function that waits for the child in a thread of its own.

    Unlike a thread of a pool, it does not prevent the program from ending if the loop is abandoned.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(future.set_result, work())
        except BaseException as error:  # noqa: BLE001 - raised again in the loop
            settle = partial(future.set_exception, error)
        # An abandoned loop may be closed already.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: future.done() or settle())

    thread = threading.Thread(target=run, name="pscheduler-batch-jq", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        # The system has no more threads for this user.
        raise NoProcessError(str(error)) from error
    try:
        return await future
    except (asyncio.CancelledError, GeneratorExit):
        child.kill("cancelled")
        # The thread ends with the child; until then the pipes must stay open.
        thread.join()
        raise
