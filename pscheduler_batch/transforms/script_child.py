"""
The child's side of a process that runs scripts; the parent's is :mod:`~pscheduler_batch.transforms.script_process`.

Three pipes connect the two: for requests, for replies, and a life line that nothing is ever written to. When its other
end is closed, the parent is gone.

The protocol consists of frames: eight bytes with the length, then the content. The child sends an empty frame when it
is ready. A request is two frames, of which the second is a text that may be large. The reply is a frame of JSON with
one pair: ``value``; ``error``, of a script; ``bug``, with a traceback; or ``exhausted``, if there is not enough memory.

A new interpreter imports this module first, and the parent waits for it, so only what scripts need is imported.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
import signal
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, NamedTuple, Optional

from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.transforms.confinement import check_confined, confine_process, confined_prefix
from pscheduler_batch.transforms.jq_source import library_folders
from pscheduler_batch.transforms.script import TOO_DEEP, Script, ScriptError

# Returns the value for the two frames of a request.
Answer = Callable[[bytearray, bytearray], JSON]

_LENGTH_SIZE = 8


class Ends(NamedTuple):
    """One side's descriptors of the three pipes."""

    requests: int
    replies: int
    lifeline: int


def write_frame(pipe: int, frame: bytes) -> None:
    """Write a frame."""
    for part in (len(frame).to_bytes(_LENGTH_SIZE, "big"), frame):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(pipe, rest) :]


def read_frame(pipe: int, wait: Optional[Callable[[], None]] = None) -> bytearray:
    """
    Read a frame.

    Args:
        pipe: The descriptor.
        wait: Is called before each attempt to read.

    Raises:
        EOFError: The input ended before the frame did.
    """
    return _read_exactly(pipe, int.from_bytes(_read_exactly(pipe, _LENGTH_SIZE, wait), "big"), wait)


def _read_exactly(pipe: int, size: int, wait: Optional[Callable[[], None]]) -> bytearray:
    content = bytearray(size)
    rest = memoryview(content)
    while rest:
        if wait is not None:
            wait()
        count = os.readv(pipe, [rest])
        if not count:
            raise EOFError
        rest = rest[count:]
    return content


def be_the_child(ends: Ends, answer: Answer, memory: Optional[int]) -> None:
    """
    Answer requests until there are no more, the parent is gone, or memory is exhausted.

    Args:
        ends: Its descriptors, none of them that of a standard stream.
        answer: Returns the value for a request.
        memory: The bytes that confined scripts may use; None for scripts that are not confined.
    """
    _be_expendable()
    if not _tie_to_the_parent(ends.lifeline):
        return
    _silence()
    if memory is not None:
        confine_process(memory)
    write_frame(ends.replies, b"")
    try:
        while True:
            request, text = read_frame(ends.requests), read_frame(ends.requests)
            write_frame(ends.replies, _reply(answer, request, text))
    except (EOFError, BrokenPipeError):
        return
    except MemoryError:
        # What has used it up is free only behind this.
        pass
    write_frame(ends.replies, b'{"exhausted": true}')


def serve_scripts(memory: str) -> None:
    """
    Run the scripts that are requested, in a new interpreter whose standard streams are the ends of the pipes.

    Args:
        memory: The bytes that scripts may use, which are then confined; "" for scripts that are not.
    """
    ends = Ends(*(os.dup(stream) for stream in (0, 1, 2)))
    be_the_child(ends, partial(_run_script, confined=bool(memory)), int(memory) if memory else None)


def _run_script(request: bytearray, text: bytearray, *, confined: bool) -> JSON:
    given = json.loads(request)
    transform = Transform("", given["script"], given["args"])
    if confined:
        check_confined(transform.script)
    folders, prefix = ((), confined_prefix("")) if confined else (library_folders(), "")
    return Script(transform, given["data"], folders, prefix=prefix).run(text.decode("utf-8", "surrogatepass"))


def _reply(answer: Answer, request: bytearray, text: bytearray) -> bytes:
    reply: Dict[str, JSON]
    try:
        return json.dumps({"value": answer(request, text)}).encode()
    except MemoryError:
        raise
    except ScriptError as error:
        reply = {"error": str(error)}
    except RecursionError:
        reply = {"error": TOO_DEEP}
    except BaseException as error:  # noqa: BLE001 - a bug, which the parent reports
        reply = {"bug": _describe_bug(error)}
    return json.dumps(reply).encode()


def _be_expendable() -> None:
    """Write no core file, which would hold secrets, and be the first to be killed when memory runs out."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Only Linux has this.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")


def _tie_to_the_parent(lifeline: int) -> bool:
    """
    Have the system kill this process when its parent is gone, even while jq blocks the interpreter.

    The system sends SIGKILL when the other end of the pipe is closed, for whatever reason. On systems other than Linux
    the process ends with its script. A signal on the parent's death would not do: it is sent when the thread that
    started the child ends. Neither would the pipe of the requests: the signal for data may arrive long after the data
    was read.

    Returns:
        Whether the parent is still there.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        return True
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    # It may have ended before the process was tied to it.
    return not poll.poll(0)


def _silence() -> None:
    """Discard what jq itself may print; it must neither be taken for a reply nor be seen."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _describe_bug(error: BaseException) -> str:
    """Return the traceback of a bug without its message, which may hold secrets."""
    lines = ["in the process of a script:"]
    # The module traceback would double the time to start the process.
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_name}')
        step = step.tb_next
    return "\n".join([*lines, type(error).__name__])
