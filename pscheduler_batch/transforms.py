"""
The jq transforms of a batch; the only user of jq.

Every distinct script is compiled once per batch, with ``$global`` and the transform's ``args`` bound then. What changes
with the iteration goes in with the input, so an iteration costs a run and no compilation. Decision 7 has the rules.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from itertools import islice
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple, Union

import jq

from pscheduler_batch.errors import Problem
from pscheduler_batch.jq_source import (
    ImportsError,
    blank,
    explain_compile_error,
    library_folders,
    linked_modules,
    with_library,
)
from pscheduler_batch.model import JSON, Batch, Job, JSONObject, Transform
from pscheduler_batch.private import conceal, secrets_of

# The largest span of whole numbers that a double holds without gaps; jq's numbers are doubles (decision 23).
EXACT = 2**53

# How many characters are shown of a value that cannot be used.
SHOWN = 100

TOO_DEEP = "what the script gave is nested too deeply"


def iteration_prefix(args: Mapping[str, JSON]) -> str:
    """
    Say what stands before a script that works on a task; no parentheses are needed, as all after a pipe belongs to it.

    ``$iteration`` and ``$task`` come from the input; an argument of the user's own that is named ``task`` keeps its
    name.

    >>> iteration_prefix({}), iteration_prefix({"task": 1})
    ('. as [$task, $iteration] | $task | ', '. as [$_task, $iteration] | $_task | ')
    """
    name = "task"
    while name in args:
        name = f"_{name}"
    return f". as [${name}, $iteration] | ${name} | "


class ScriptError(Exception):
    """A script that does not compile or fails; the text says why, the caller knows where."""


class Script:
    """A compiled script that gives exactly one value."""

    def __init__(self, transform: Transform, data: JSON, folders: Tuple[str, ...], *, prefix: str = "") -> None:
        """
        Compile a transform.

        Args:
            transform: The transform as written.
            data: What ``$global`` is.
            folders: Where imported modules are looked for.
            prefix: What is to happen before the script proper.

        Raises:
            ScriptError: It does not compile; the text shows the offending line.
        """
        if "\0" in transform.script:
            # jq would take it for the end of the script.
            raise ScriptError("the script does not compile: it has a NUL character (\\u0000) in it")
        arguments = {**transform.args, "global": data}
        # Collected now, as a large $global must not cost anything when an iteration fails.
        self._secrets = {"_": sorted(secrets_of(arguments))}
        self._program = _compile(transform.script, folders, arguments, prefix)

    def run(self, text: str) -> JSON:
        """
        Run the script on one value.

        Args:
            text: The value, as JSON text.

        Raises:
            ScriptError: The script failed, or gave no value, or more than one.
        """
        try:
            # No more than are needed to see that they are too many: there may be no end of them.
            values = list(islice(self._program.input_text(text), 2))
        except ValueError as error:
            raise ScriptError(self.conceal(str(error), text)) from error
        if len(values) != 1:
            gave = "more than one value" if values else "nothing"
            raise ScriptError(f"the script gave {gave}; exactly one value must come out")
        return values[0]

    def conceal(self, message: str, text: str) -> str:
        """
        Take the secrets out of a message (decision 17): jq quotes the values that it stumbles over.

        Args:
            message: What is to be said.
            text: The value that the script was run on, as JSON text.
        """
        return conceal(message, [self._secrets, json.loads(text)])

    def refusal(self, value: JSON, text: str, *, expected: str) -> ScriptError:
        """Make the error for a value that came out, but cannot be used."""
        return refusal(value, [self._secrets, json.loads(text)], expected=expected)


def refusal(value: JSON, known: JSON, *, expected: str) -> ScriptError:
    """
    Make the error for a value that came out of a script, but cannot be used.

    >>> str(refusal("no", {}, expected="true or false"))
    'the script gave "no", not true or false'

    Args:
        value: What came out.
        known: All that the script was given, the secrets of which are not shown (decision 17).
        expected: What would have been right.
    """
    shown = conceal(json.dumps(value), known)
    return ScriptError(f"the script gave {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'}, not {expected}")


def _compile(script: str, folders: Tuple[str, ...], arguments: Mapping[str, JSON], prefix: str) -> Any:
    try:
        with linked_modules(script, folders) as linked:
            head, body = with_library(script, linked.folders)
            try:
                return jq.compile(head + prefix + ("." if blank(body) else body), args=arguments)
            except ValueError as error:
                said = linked.name_originals(str(error))
                raise ScriptError(explain_compile_error(said, script, head, prefix)) from error
    except ImportsError as error:
        raise ScriptError(f"the script does not compile: {error}") from error


@dataclass(frozen=True)
class Step:
    """One of the transforms that a task goes through."""

    transform: Transform
    script: Script


class StepError(Exception):
    """
    A step that failed on a task.

    Attributes:
        where: The JSON pointer of the transform.
        reason: What jq said, without secrets.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"{where}: {reason}")


class Transforms:
    """All the transforms of the enabled jobs of a batch, compiled."""

    def __init__(self, batch: Batch) -> None:
        """
        Compile them.

        The constructor never raises for a script that does not compile; look at :attr:`problems`.
        """
        self.problems: List[Problem] = []
        self._data = batch.data
        self._large_data = large_numbers(batch.data)
        self._folders: Optional[Tuple[str, ...]] = None
        self._scripts: Dict[Tuple[str, str, str], Union[Script, ScriptError]] = {}
        self._steps: Dict[int, Tuple[Step, ...]] = {}
        self._iterations: Dict[int, Script] = {}
        pre = self._steps_of(batch.transform_pre)
        post = self._steps_of(batch.transform_post)
        for job in batch.jobs:
            if job.enabled:
                self._steps[job.number] = pre + self._steps_of(job.task_transform) + post
                if isinstance(job.iterations, Transform):
                    counting = self._compile(job.iterations, "")
                    if counting is not None:
                        self._iterations[job.number] = counting
                if job.continue_if is not None:
                    # It is run elsewhere, when the job has ended; that it does not compile is to be known now.
                    self._compile(job.continue_if, "")

    def _steps_of(self, transform: Optional[Transform]) -> Tuple[Step, ...]:
        if transform is None:
            return ()
        script = self._compile(transform, iteration_prefix(transform.args))
        return () if script is None else (Step(transform, script),)

    def _compile(self, transform: Transform, prefix: str) -> Optional[Script]:
        key = (transform.script, json.dumps(transform.args, sort_keys=True), prefix)
        if key not in self._scripts:
            if self._folders is None:
                self._folders = library_folders()
            try:
                self._scripts[key] = Script(transform, self._data, self._folders, prefix=prefix)
            except ScriptError as error:
                self._scripts[key] = error
        script = self._scripts[key]
        if isinstance(script, ScriptError):
            self.problems.append(Problem(transform.where, str(script)))
            return None
        return script

    def apply_steps(self, job: Job, number: int, task: JSONObject, task_text: str) -> JSON:
        """
        Take one task through pre, task-transform and post.

        Args:
            job: An enabled job of the batch.
            number: The iteration, from 0.
            task: The task as it is in the batch.
            task_text: The same as JSON text, so that a thousand iterations write it once.

        Returns:
            What came out last, which is an object; the very task that went in where no transform applies, so that its
            numbers survive.

        Raises:
            StepError: A step failed, or the last one gave something else.
        """
        steps = self._steps[job.number]
        value: JSON = task
        text = task_text
        for step in steps:
            went_in = f"[{text},{number}]"
            try:
                value = step.script.run(went_in)
                if step is steps[-1] and not isinstance(value, dict):
                    raise step.script.refusal(value, went_in, expected="a task, which is an object")
                text = json.dumps(value)
            except ScriptError as error:
                raise StepError(step.transform.where, str(error)) from error
            except RecursionError as error:
                raise StepError(step.transform.where, TOO_DEEP) from error
        return value

    def last_step(self, job: Job) -> Optional[str]:
        """Name the place of the transform that has the last word on a job's tasks; None where there is none."""
        steps = self._steps[job.number]
        return steps[-1].transform.where if steps else None

    def large_numbers(self, job: Job) -> Set[int]:
        """Find the large whole numbers that a job's transforms are given besides the task (decision 23)."""
        return self._large_data.union(*(large_numbers(step.transform.args) for step in self._steps[job.number]))

    def count_iterations(self, job: Job) -> int:
        """
        Run the ``iterations`` transform of a job (later schemas, schema 3).

        Returns:
            A whole number of 1 or more.

        Raises:
            ScriptError: The script failed, or gave something else.
        """
        script = self._iterations[job.number]
        count = script.run("null")
        # jq has no whole numbers of its own: what it gives as 3.0 is 3.
        if isinstance(count, float) and count.is_integer():
            count = int(count)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise script.refusal(count, "null", expected="a whole number of 1 or more")
        return count


def large_numbers(value: JSON) -> Set[int]:
    """
    Find the whole numbers in a JSON value that a double may not hold exactly (decision 23).

    >>> large_numbers({"a": [2**53, 2**53 + 1]})
    {9007199254740993}
    """
    return {number for number in _numbers(value) if isinstance(number, int) and abs(number) > EXACT}


def changed_numbers(went_in: Set[int], after: JSON) -> List[Tuple[int, JSON]]:
    """
    Find whole numbers that jq could not hold (decision 23).

    Args:
        went_in: The large numbers that the transforms were given.
        after: What came out of them.

    Returns:
        Pairs of a number that went in and what came out in its place.

    >>> changed_numbers({9007199254740993}, {"a": 9007199254740992})
    [(9007199254740993, 9007199254740992)]
    """
    if not went_in:
        return []
    # Equal numbers are one name of a dict, be they whole or not.
    came_out = {number: number for number in _numbers(after)}
    pairs = [(number, came_out.get(_as_double(number))) for number in sorted(went_in) if number not in came_out]
    return [(number, became) for number, became in pairs if became is not None]


def _as_double(number: int) -> float:
    """Say what jq makes of a whole number; what is too large for a double becomes the largest one."""
    try:
        return float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max


def _numbers(value: JSON) -> Set[Any]:
    """Collect the numbers in a JSON value that a double may not hold exactly."""
    found: Set[Any] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool) and abs(item) >= EXACT:
            found.add(item)
    return found
