"""
Compile and run the jq transforms of a batch.

Every distinct script is compiled before the first iteration, with ``$global`` and the transform's ``args`` bound. What
changes from iteration to iteration is part of the input, so an iteration does not compile anything. ADR 8 has the
rules.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Dict, FrozenSet, List, Mapping, Optional, Protocol, Set, Tuple, Union

from pscheduler_batch.errors import Problem
from pscheduler_batch.model import JSON, Batch, Job, JSONObject, Transform
from pscheduler_batch.transforms.confinement import check_confined, confined_prefix
from pscheduler_batch.transforms.exact_numbers import large_numbers
from pscheduler_batch.transforms.jq_source import library_folders
from pscheduler_batch.transforms.script import TOO_DEEP, Script, ScriptError, can_share, share_global, uses_global


def iteration_prefix(args: Mapping[str, JSON]) -> str:
    """
    Return the text in front of a script that works on a task.

    ``$iteration`` and ``$task`` come from the input; a user's own argument named ``task`` keeps its name. No
    parentheses are needed, as everything after a pipe belongs to it.

    >>> iteration_prefix({}), iteration_prefix({"task": 1})
    ('. as [$task, $iteration] | $task | ', '. as [$_task, $iteration] | $_task | ')
    """
    name = "task"
    while name in args:
        name = f"_{name}"
    return f". as [${name}, $iteration] | ${name} | "


class SkippedError(Exception):
    """A script is not run because it never ends, which has been reported already."""


class Guard(Protocol):
    """Is told which script is compiled or run, so that one that never ends can be named (ADR 36)."""

    def begin(self, where: str, job: int, iteration: int) -> None:
        """
        Note that a script is about to be compiled or run, or prevent that.

        Args:
            where: The JSON pointer of the transform.
            job: The number of the job; -1 while scripts are compiled.
            iteration: The number of the iteration; -1 if it is not for one.

        Raises:
            ScriptError: The script never ends here.
            SkippedError: The script never ends, which is reported elsewhere.
        """

    def end(self) -> None:
        """Note that the script has ended or failed."""


class Unguarded:
    """A guard that sets no limit."""

    def begin(self, where: str, job: int, iteration: int) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class TransformStep:
    """One of the transforms that a task goes through."""

    transform: Transform
    script: Script


class StepError(Exception):
    """
    A transform failed on a task.

    Attributes:
        where: The JSON pointer of the transform.
        reason: The error of jq, without secrets.
        went_in: The task that the transform was given.
    """

    def __init__(self, where: str, reason: str, went_in: JSON) -> None:
        self.where = where
        self.reason = reason
        self.went_in = went_in
        super().__init__(f"{where}: {reason}")


def _sharing_global(batch: Batch) -> FrozenSet[str]:
    """Return the scripts that use ``$global`` and can share it, if there is more than one."""
    scripts = [transform.script for transform in batch.scripts]
    sharing = [script for script in scripts if uses_global(script) and can_share(script)]
    return frozenset(sharing) if len(sharing) > 1 and batch.data is not None else frozenset()


class Transforms:
    """
    The compiled transforms of the enabled jobs of a batch.

    Attributes:
        confined: Whether their scripts see nothing but their input.
        problems: The scripts that do not compile.
    """

    def __init__(self, batch: Batch, guard: Optional[Guard] = None, *, confined: bool = False) -> None:
        """
        Compile them.

        The constructor does not raise errors of scripts that do not compile; they are in :attr:`problems`.

        Args:
            batch: The batch.
            guard: Is told of every script before it is compiled or run.
            confined: Whether scripts see nothing but their input; see
                :mod:`~pscheduler_batch.transforms.confinement`.
        """
        self.confined = confined
        self.problems: List[Problem] = []
        self._guard = guard or Unguarded()
        self._incomplete: Set[int] = set()
        self._data = batch.data
        self._folders: Optional[Tuple[str, ...]] = None
        self._scripts: Dict[Tuple[str, str, str], Union[Script, ScriptError]] = {}
        self._steps: Dict[int, Tuple[TransformStep, ...]] = {}
        self._iterations: Dict[int, Script] = {}
        self._sharing = _sharing_global(batch)
        self._shared: List[Script] = []
        pre = self._steps_of(batch.transform_pre)
        post = self._steps_of(batch.transform_post)
        for job in batch.jobs:
            if job.enabled:
                self._compile_job(job, pre, post)
        # Scripts that never end do not get this far, so no guard is needed.
        share_global(self._shared, self._data)

    def _compile_job(
        self, job: Job, pre: Optional[Tuple[TransformStep, ...]], post: Optional[Tuple[TransformStep, ...]]
    ) -> None:
        own = self._steps_of(job.task_transform)
        self._steps[job.number] = (pre or ()) + (own or ()) + (post or ())
        complete = pre is not None and own is not None and post is not None
        if isinstance(job.iterations, Transform):
            counting = self._compile(job.iterations, "")
            complete = complete and counting is not None
            if counting is not None:
                self._iterations[job.number] = counting
        if job.continue_if is not None:
            # It runs elsewhere when the job has ended; errors of its compilation must be known now.
            self._compile(job.continue_if, "")
        if not complete:
            self._incomplete.add(job.number)

    def has_all(self, job: Job) -> bool:
        """Return whether all scripts that a job's tasks need were compiled."""
        return job.number not in self._incomplete

    def _steps_of(self, transform: Optional[Transform]) -> Optional[Tuple[TransformStep, ...]]:
        """Compile a transform; return no steps if there is none, None if it does not compile."""
        if transform is None:
            return ()
        script = self._compile(transform, iteration_prefix(transform.args))
        return None if script is None else (TransformStep(transform, script),)

    def _compile(self, transform: Transform, prefix: str) -> Optional[Script]:
        key = (transform.script, json.dumps(transform.args, sort_keys=True), prefix)
        if key not in self._scripts:
            if self._folders is None:
                self._folders = () if self.confined else library_folders()
            shares = transform.script in self._sharing
            data = None if shares or not uses_global(transform.script) else self._data
            try:
                self._guard.begin(transform.where, -1, -1)
                whole_prefix = prefix
                if self.confined:
                    check_confined(transform.script)
                    whole_prefix = confined_prefix(prefix)
                script = self._scripts[key] = Script(transform, data, self._folders, prefix=whole_prefix)
                self._shared += [script] if shares else []
            except ScriptError as error:
                self._scripts[key] = error
            finally:
                self._guard.end()
        compiled = self._scripts[key]
        if isinstance(compiled, ScriptError):
            self.problems.append(Problem(transform.where, str(compiled)))
            return None
        return compiled

    def apply_steps(self, job: Job, number: int, task: JSONObject, task_text: str) -> List[JSON]:
        """
        Take one task through transform-pre, task-transform and transform-post.

        Args:
            job: An enabled job of the batch.
            number: The iteration, from 0.
            task: The task as it is in the batch.
            task_text: The same as JSON text, so that many iterations convert it once.

        Returns:
            The input task, then the output of each step. The last is an object; without any transform it is the input
            task itself, so that its numbers survive.

        Raises:
            StepError: A step failed, or the last one returned something other than an object.
            SkippedError: A step is not run any more.
        """
        steps = self._steps[job.number]
        values: List[JSON] = [task]
        text = task_text
        for step in steps:
            went_in = f"[{text},{number}]"
            try:
                value = self._run(step.script, step.transform.where, went_in, job=job.number, iteration=number)
                if step is steps[-1] and not isinstance(value, dict):
                    raise step.script.refusal(value, went_in, expected="a task, which is an object")
                text = json.dumps(value)
            except ScriptError as error:
                raise StepError(step.transform.where, str(error), values[-1]) from error
            except RecursionError as error:
                raise StepError(step.transform.where, TOO_DEEP, values[-1]) from error
            values.append(value)
        return values

    def _run(self, script: Script, where: str, text: str, *, job: int, iteration: int) -> JSON:
        self._guard.begin(where, job, iteration)
        try:
            return script.run(text)
        finally:
            self._guard.end()

    def steps(self, job: Job) -> Tuple[Transform, ...]:
        """Return the transforms that a job's tasks go through, in their order."""
        return tuple(step.transform for step in self._steps[job.number])

    @cached_property
    def _large_data(self) -> Set[int]:
        return large_numbers(self._data)

    def large_numbers(self, job: Job) -> Set[int]:
        """Return the large integers that a job's transforms are given besides the task (ADR 21)."""
        return self._large_data.union(*(large_numbers(step.transform.args) for step in self._steps[job.number]))

    def count_iterations(self, job: Job) -> int:
        """
        Run the ``iterations`` transform of a job (schema 3).

        Returns:
            An integer of 1 or more.

        Raises:
            ScriptError: The script failed, or returned something else.
            SkippedError: The script is not run any more.
        """
        script = self._iterations[job.number]
        count = self._run(script, f"{job.where}/iterations", "null", job=job.number, iteration=-1)
        # jq has no integers: 3.0 is 3.
        if isinstance(count, float) and count.is_integer():
            count = int(count)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise script.refusal(count, "null", expected="a whole number of 1 or more")
        return count
