"""
The process that runs jq scripts for another one: the other end of :mod:`~pscheduler_batch.transforms.jq_process`.

There are frames: eight bytes that say how many follow, and these. The child sends an empty frame when it is ready. A
request is a frame of JSON with the script, and one with the text that it is to run on; the reply is a frame of JSON.
Nothing is imported here that a script does not need, as somebody waits for the start.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from typing import IO, Any, Dict

from pscheduler_batch.model import Transform
from pscheduler_batch.transforms.jq_source import library_folders
from pscheduler_batch.transforms.script import TOO_DEEP, Script, ScriptError

LENGTH_SIZE = 8

# What a terminal or a service manager sends to all processes of a group; the parent decides what comes of it.
PARENTS_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def write_frame(pipe: IO[bytes], frame: bytes) -> None:
    """Write a frame."""
    pipe.write(len(frame).to_bytes(LENGTH_SIZE, "big"))
    pipe.write(frame)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> bytes:
    """
    Read a frame.

    Raises:
        EOFError: There is none any more, or only half of one.
    """
    return _read_exactly(pipe, int.from_bytes(_read_exactly(pipe, LENGTH_SIZE), "big"))


def _read_exactly(pipe: IO[bytes], size: int) -> bytes:
    read = pipe.read(size)
    if len(read) < size:
        raise EOFError
    return read


def serve(lifeline: int) -> None:
    """
    Be the child: answer requests until the standard input ends.

    Args:
        lifeline: The descriptor of a pipe that the parent holds the other end of, and never writes to.
    """
    for number in PARENTS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    be_expendable()
    if not tie_to_the_parent(lifeline):
        return
    with os.fdopen(os.dup(1), "wb") as replies:
        # Whatever a library may print is no reply.
        os.dup2(2, 1)
        write_frame(replies, b"")
        with suppress(EOFError, BrokenPipeError):
            while True:
                request, text = read_frame(sys.stdin.buffer), read_frame(sys.stdin.buffer)
                write_frame(replies, _reply(json.loads(request), text.decode("utf-8", "surrogatepass")))


def be_expendable() -> None:
    """Write no secrets into a core file, and be what is killed when memory runs out: the parent has the results."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Only Linux has this.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")


def tie_to_the_parent(lifeline: int) -> bool:
    """
    Be killed by the system when the parent is gone, also while jq keeps Python from noticing.

    Args:
        lifeline: The descriptor of a pipe that the parent alone holds the other end of, and never writes to.

    The system sends a signal when the pipe that the parent holds is closed, however that comes about. Where the system
    is not Linux, the child ends when its script does. A signal on the death of the parent would not do, as it comes
    when the thread ends that started the child; nor would the pipe of the standard input, as the signal for what is
    written there may come when it has long been read.

    Returns:
        Whether the parent is there.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        return True
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    # It may have been gone before it could be tied to.
    return not poll.poll(0)


def _reply(request: Dict[str, Any], text: str) -> bytes:
    transform = Transform("", request["script"], request["args"])
    try:
        script = Script(transform, request["data"], library_folders(), prefix=request["prefix"])
        reply = {"value": script.run(text)}
        return json.dumps(reply).encode()
    except ScriptError as error:
        reply = {"error": str(error)}
    except RecursionError:
        reply = {"error": TOO_DEEP}
    except MemoryError:
        reply = {"error": "not enough memory for the script"}
    except Exception as error:  # noqa: BLE001 - a bug, which is to be seen where the parent is
        reply = {"bug": describe_bug(error)}
    return json.dumps(reply).encode()


def describe_bug(error: BaseException) -> str:
    """Say where a bug is; what the error says may be secret."""
    import traceback  # noqa: PLC0415 - hardly ever needed

    return f"in the process of a script:\n{''.join(traceback.format_tb(error.__traceback__))}{type(error).__name__}"
