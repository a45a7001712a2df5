"""
Compile and run jq scripts; the only module that uses jq.

Binding a large ``$global`` takes longer than the rest of the compilation. So scripts that use it can be compiled
without it, each alone, which finds their errors, and then several together in one program that has it
(:func:`share_global`). Even so, one script runs at a time.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from itertools import islice
from typing import Any, Mapping, Sequence, Tuple

from pscheduler_batch.model import JSON, Transform
from pscheduler_batch.redaction import redactor_of, secret_pairs
from pscheduler_batch.text import printable
from pscheduler_batch.transforms.jq_source import (
    ImportsError,
    blank,
    explain_compile_error,
    linked_modules,
    with_library,
)

# The most characters shown of an output that cannot be used.
SHOWN = 100

# The error of jq's `input` at the end of its input.
NO_INPUT = "break"

TOO_DEEP = "the script returned a value that is nested too deeply"

# The most scripts in one program, and the most characters of each: a run has to pass the scripts before its own, and
# jq must be able to jump over them.
_TOGETHER = 8
_LONGEST = 1000

# The variable with the arguments of all scripts of a program. No script uses it, as each compiled alone.
_ARGUMENTS = "$__pscheduler_batch_arguments"
# The name of a variable; an argument with any other name cannot be used in a script.
_NAME = "[A-Za-z_][A-Za-z0-9_]*"


class ScriptError(Exception):
    """A script does not compile or failed; the text says why, and the caller knows where."""


class Script:
    """A compiled script that returns exactly one value."""

    def __init__(self, transform: Transform, data: JSON, folders: Tuple[str, ...], *, prefix: str = "") -> None:
        """
        Compile a transform.

        Args:
            transform: The transform as written.
            data: The value of ``$global``.
            folders: The search path of imported modules.
            prefix: Text to put in front of the script.

        Raises:
            ScriptError: It does not compile; the text shows the line of the error.
        """
        if "\0" in transform.script:
            # jq would take this for the end of the script.
            raise ScriptError("the script does not compile: it contains a NUL character (\\u0000)")
        self._transform = transform
        self._folders = folders
        self._prefix = prefix
        self.bind(data)

    def bind(self, data: JSON) -> None:
        """
        Compile the script with a value of ``$global``.

        Raises:
            ScriptError: It does not compile.
        """
        self._arguments: Mapping[str, JSON] = {**self._transform.args, "global": data}
        self._start = _compile(self._transform.script, self._folders, self._arguments, self._prefix).input_text

    def bind_within(self, program: Any, number: int, data: JSON) -> None:
        """
        Let the script run as part of a program.

        Args:
            program: A program whose input is the number of a script and the input of that script.
            number: The number of this script.
            data: The value of ``$global`` in it.
        """
        self._arguments = {**self._transform.args, "global": data}
        self._start = lambda text: program.input_text(f"[{number},{text}]")

    def part(self, number: int) -> str:
        """Return the script as part of a program of several."""
        # All scripts of a program have the same $global.
        used = (name for name in self.args if name != "global" and name in self._transform.script)
        names = [name for name in used if re.fullmatch(_NAME, name)]
        bound = f"{_ARGUMENTS}[{number}] as {{{', '.join(f'${name}' for name in names)}}} | " if names else ""
        # A comment at the end of the script would include the bracket, and two lines if it ends with a backslash.
        return f"{bound}{self._prefix}({_body(self._transform.script)}\n\n)"

    @property
    def args(self) -> Mapping[str, JSON]:
        """The arguments, which become variables of the script."""
        return self._transform.args

    @cached_property
    def _secrets(self) -> JSON:
        """The secrets of the arguments; collected at the first failure and kept, as scripts rarely fail."""
        return secret_pairs(self._arguments)

    def run(self, text: str) -> JSON:
        """
        Run the script on one value.

        Args:
            text: The value, as JSON text.

        Raises:
            ScriptError: The script failed, or did not return exactly one value.
        """
        try:
            # Read no more values than needed to see that there are too many; there may be no end of them.
            values = list(islice(self._start(text), 2))
        except ValueError as error:
            if str(error) == NO_INPUT and re.search(r"\binputs?\b", self._transform.script):
                raise ScriptError("the script failed: `.` is its only input, so `input` fails") from error
            said = printable(" ".join(self.conceal(str(error), text).split("\n")))
            raise ScriptError(f"the script failed: {said}") from error
        except MemoryError as error:
            raise ScriptError("not enough memory for the script") from error
        if len(values) != 1:
            gave = "more than one value" if values else "nothing"
            halted = not values and re.search(r"\bhalt(_error)?\b", self._transform.script)
            hint = f" (`{halted[0]}` returns nothing; use `error` to report a message)" if halted else ""
            raise ScriptError(f"the script returned {gave}; it must return exactly one value{hint}")
        return values[0]

    def conceal(self, message: str, text: str) -> str:
        """
        Remove the secrets from a message (ADR 18): jq quotes values in its errors.

        Args:
            message: The message.
            text: The value that the script was run on, as JSON text.
        """
        return redactor_of([self._secrets, json.loads(text)]).message(message)

    def refusal(self, value: JSON, text: str, *, expected: str) -> ScriptError:
        """Return the error for an output that cannot be used."""
        return refusal(value, [self._secrets, json.loads(text)], expected=expected)


def refusal(value: JSON, known: JSON, *, expected: str) -> ScriptError:
    """
    Return the error for the output of a script that cannot be used.

    >>> str(refusal("no", {}, expected="true or false"))
    'the script returned "no", expected true or false'

    Args:
        value: The output.
        known: The values that the script was given, whose secrets are not shown (ADR 18).
        expected: Words on what the script must return.
    """
    text = redactor_of(known).message(json.dumps(value))
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return ScriptError(f"the script returned {shown}, expected {expected}")


def uses_global(script: str) -> bool:
    """Return whether a script may use ``$global``; imported modules cannot."""
    return "global" in script


def can_share(script: str) -> bool:
    """Return whether a script can be part of a program of several without a change of meaning."""
    return len(script) <= _LONGEST and "__loc__" not in script and not with_library(script, ())[0]


def share_global(scripts: Sequence[Script], data: JSON) -> None:
    """
    Bind ``$global`` to scripts that can share a program.

    Args:
        scripts: Scripts that were compiled, each alone, with another ``$global``.
        data: The value of ``$global``.
    """
    for first in range(0, len(scripts), _TOGETHER):
        _bind_together(scripts[first : first + _TOGETHER], data)


def _bind_together(scripts: Sequence[Script], data: JSON) -> None:
    branches = " elif ".join(f"$number == {number} then {script.part(number)}" for number, script in enumerate(scripts))
    arguments = {"global": data, _ARGUMENTS[1:]: [script.args for script in scripts]}
    try:
        program = _compile_program(f". as [$number, $given] | $given | if {branches} else empty end", args=arguments)
    except ValueError:
        # jq may refuse them together, but each of them is valid.
        for script in scripts:
            script.bind(data)
        return
    for number, script in enumerate(scripts):
        script.bind_within(program, number, data)


def _compile(script: str, folders: Tuple[str, ...], arguments: Mapping[str, JSON], prefix: str) -> Any:
    try:
        with linked_modules(script, folders) as linked:
            head = with_library(script, linked.folders)[0]
            try:
                return _compile_program(head + prefix + _body(script), args=arguments)
            except ValueError as error:
                said = linked.name_originals(str(error))
                raise ScriptError(explain_compile_error(said, script, head, prefix, arguments)) from error
    except ImportsError as error:
        raise ScriptError(f"the script does not compile: {error}") from error


def _compile_program(text: str, args: Mapping[str, JSON]) -> Any:
    import jq  # noqa: PLC0415 - it takes long to import, and many batches have no scripts

    return jq.compile(text, args=args)


def _body(script: str) -> str:
    """Return what follows the imports of a script."""
    body = with_library(script, ())[1]
    return "." if blank(body) else body
