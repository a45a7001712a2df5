"""
The child process that runs jq scripts; the other end is :mod:`~pscheduler_batch.transforms.jq_process`.

The protocol consists of frames: eight bytes with the length, then the content. The child sends an empty frame when it
is ready. A request is a frame of JSON with the script and a frame with the text to run it on; the reply is a frame of
JSON. Only what a script needs is imported here, as the parent waits for the start.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from typing import IO, Optional

from pscheduler_batch.model import Transform
from pscheduler_batch.transforms.child_process import PARENTS_SIGNALS, be_expendable, describe_bug, tie_to_the_parent
from pscheduler_batch.transforms.confinement import check_confined, confine_process, confined_prefix
from pscheduler_batch.transforms.jq_source import library_folders
from pscheduler_batch.transforms.script import TOO_DEEP, Script, ScriptError

LENGTH_SIZE = 8


def write_frame(pipe: IO[bytes], frame: bytes) -> None:
    """Write a frame and flush it."""
    pipe.write(len(frame).to_bytes(LENGTH_SIZE, "big"))
    pipe.write(frame)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> bytes:
    """
    Read a frame.

    Raises:
        EOFError: The input ended before the frame did.
    """
    return _read_exactly(pipe, int.from_bytes(_read_exactly(pipe, LENGTH_SIZE), "big"))


def _read_exactly(pipe: IO[bytes], size: int) -> bytes:
    read = pipe.read(size)
    if len(read) < size:
        raise EOFError
    return read


def serve(lifeline: int, memory: Optional[int] = None) -> None:
    """
    Answer requests until standard input ends.

    Args:
        lifeline: The descriptor of a pipe whose other end only the parent holds; see :func:`tie_to_the_parent`.
        memory: The most memory of scripts, which are then confined; None for scripts that are not.
    """
    for number in PARENTS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    be_expendable()
    if not tie_to_the_parent(lifeline):
        return
    if memory is not None:
        confine_process(memory)
    with os.fdopen(os.dup(1), "wb") as replies:
        # Output of a library must not be taken for a reply.
        os.dup2(2, 1)
        write_frame(replies, b"")
        with suppress(EOFError, BrokenPipeError):
            while True:
                request, text = read_frame(sys.stdin.buffer), read_frame(sys.stdin.buffer)
                write_frame(replies, _reply(request, text, confined=memory is not None))


def _reply(given: bytes, text: bytes, *, confined: bool) -> bytes:
    try:
        request = json.loads(given)
        transform = Transform("", request["script"], request["args"])
        if confined:
            check_confined(transform.script)
        prefix = confined_prefix(request["prefix"]) if confined else request["prefix"]
        script = Script(transform, request["data"], () if confined else library_folders(), prefix=prefix)
        reply = {"value": script.run(text.decode("utf-8", "surrogatepass"))}
        return json.dumps(reply).encode()
    except ScriptError as error:
        reply = {"error": str(error)}
    except RecursionError:
        reply = {"error": TOO_DEEP}
    except MemoryError:
        reply = {"error": "not enough memory for the script"}
    except Exception as error:  # noqa: BLE001 - a bug, which the parent reports
        reply = {"bug": describe_bug(error)}
    return json.dumps(reply).encode()
