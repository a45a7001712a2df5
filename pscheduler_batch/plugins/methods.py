"""
The methods of the plug-ins, as pScheduler's class folder has them: one entry for all of their files (ADR 62).

A method is a process, and pScheduler starts seven of them for each task that is posted, so a method imports only what
it needs. It reads JSON from the standard input, writes JSON to the standard output and messages for people to the
standard error, and exits with 0 if it worked.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO, Dict, NoReturn, Optional, Sequence, Tuple

# The name of the test, and of the tool that runs it.
TEST = "batch"
TOOL = "batch-processor"

# The method that takes as long as its batch; all others end within seconds.
RUN = "run"

# The module and the function for each method, by the directories that it is in below the class folder.
METHODS: Dict[Tuple[str, str], Dict[str, str]] = {
    ("test", TEST): {
        "enumerate": "descriptions:describe_test",
        "spec-is-valid": "validity:spec_is_valid",
        "cli-to-spec": "command_line:cli_to_spec",
        "spec-to-cli": "arguments:spec_to_cli",
        "participants": "specification:participants",
        "spec-format": "formats:spec_format",
        "result-format": "formats:result_format",
    },
    ("tool", TOOL): {
        "enumerate": "descriptions:describe_tool",
        "can-run": "tool:can_run",
        "duration": "specification:duration",
        "participant-data": "merging:participant_data",
        RUN: "nested_run:run",
        "merged-results": "merging:merged_results",
    },
}

# The content of a method's file; which method it is, is in its path.
_FILE = """\
#!{interpreter} -I
# A method of pscheduler-batch for pScheduler.
from pscheduler_batch.plugins.methods import main

main(__file__{permission})
"""

# The files of the repository have no interpreter that is known to be right.
ANY_INTERPRETER = "/usr/bin/env -S python3"


def method_file(interpreter: str, permission_file: Optional[str] = None) -> str:
    """
    Return the content of the file of a method, the same for all of them.

    Nothing of the environment changes what it imports: pScheduler's own ``PYTHONPATH`` is for another interpreter.

    Args:
        interpreter: The path of a Python that has this package.
        permission_file: The permission file of a class folder that is not pScheduler's own.
    """
    permission = "" if permission_file is None else f", {permission_file!r}"
    return _FILE.format(interpreter=interpreter, permission=permission)


class MethodError(Exception):
    """A method cannot do what it was asked for; the text is its message."""


class Call:
    """
    What a method is called with.

    Attributes:
        arguments: The arguments of the command line.
        permission_file: The permission file; None for that of this host.
    """

    def __init__(self, arguments: Sequence[str], stream: BinaryIO, permission_file: Optional[str] = None) -> None:
        """
        Prepare to read the input.

        Args:
            arguments: The arguments of the command line.
            stream: The standard input.
            permission_file: The permission file; None for that of this host.
        """
        self.arguments = tuple(arguments)
        self.permission_file = permission_file
        self._stream = stream
        self._text: Optional[bytes] = None

    def json(self) -> Any:
        """
        Read the input; it can be read again.

        Raises:
            MethodError: It is not JSON.
        """
        if self._text is None:
            self._text = self._stream.read()
        try:
            return json.loads(self._text)
        except (RecursionError, UnicodeDecodeError, ValueError) as error:
            raise MethodError(f"the standard input is not JSON: {error}") from error

    def object(self) -> Dict[str, Any]:
        """
        Read the input, an object.

        Raises:
            MethodError: It is something else.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise MethodError("the standard input is not a JSON object")
        return value


def main(path: str, permission_file: Optional[str] = None) -> NoReturn:
    """
    Run a method as a process of its own, and exit.

    Args:
        path: The path of its file, which ends in the kind of plug-in, its name and the method, such as
            ``test/batch/participants``.
        permission_file: The permission file; None for that of this host.
    """
    kind, name, method = ["", "", *path.split("/")][-3:]
    home = _home(kind, name, method)
    if home is None:
        sys.exit(f"{path}: error: not the path of a method, such as test/{TEST}/enumerate")
    if method != RUN:
        # There is next to none, and looking for it takes a twentieth of the time of a method that plans a batch, and a
        # third of the time to read a result of 50 MB.
        gc.disable()
    try:
        # Python has no objects for streams that are closed.
        stream = sys.stdin.buffer if sys.stdin else io.BytesIO()
        _print(run_method(home, Call(sys.argv[1:], stream, permission_file)))
    except MethodError as error:
        with suppress(AttributeError, OSError):
            # Clients see it as it is, as the answer of the server.
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
        os._exit(1)
    # To take apart all that was imported would take a tenth of the time, and print again what could not be printed.
    os._exit(0)


def _print(text: str) -> None:
    # In the environment of some methods nothing says which encoding to use. pScheduler's runner cuts off the last
    # character of each line, whether it ends the line or not.
    output = f"{text.rstrip()}\n".encode("utf-8", "backslashreplace")
    if not sys.stdout:
        raise MethodError("the standard output is closed")
    try:
        sys.stdout.buffer.write(output)
        sys.stdout.flush()
    except OSError as error:
        raise MethodError(f"cannot write to the standard output: {error.strerror}") from error


def _home(kind: str, name: str, method: str) -> Optional[str]:
    return METHODS.get((kind, name), {}).get(method)


def run_method(home: str, call: Call) -> str:
    """
    Run a method and return what it prints.

    A method whose answer sometimes needs much more than at other times hands on a call to another one in this way.

    Args:
        home: Its module and function, as in :data:`METHODS`.
        call: What it is called with.

    Raises:
        MethodError: It failed.
    """
    module, _, function = home.partition(":")
    text: str = getattr(import_module(f"pscheduler_batch.plugins.{module}"), function)(call)
    return text
