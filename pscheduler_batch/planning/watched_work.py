"""Do work that runs the scripts of a batch in another process, which is stopped if one of them never ends (ADR 36)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.input.locations import locate_problems
from pscheduler_batch.model import Batch
from pscheduler_batch.planning.iteration_problems import name_iterations
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.pipeline import Guard, Unguarded

if TYPE_CHECKING:
    from pscheduler_batch.transforms.watchdog import Running

# The number of stopped scripts after which no more are tried.
_PATIENCE = 5


def work_watched(
    batch: Batch, work: Callable[[Guard], Dict[str, Any]], limit: timedelta, confinement: Optional[Confinement] = None
) -> Mapping[str, Any]:
    """
    Do work that runs the scripts of a batch in another process, again until no script has to be stopped.

    Args:
        batch: The batch.
        work: Returns plain JSON, a pair "problems" among others.
        limit: The time limit of a script.
        confinement: Limits for all scripts together instead, after which nothing is tried again.

    Returns:
        The reply of the work, or "problems" alone.
    """
    if not batch.scripts:
        return work(Unguarded())
    from pscheduler_batch.transforms.watchdog import (  # noqa: PLC0415 - many batches have no scripts
        NoProcessError,
        ScriptEndedError,
        ScriptNote,
        run_watched,
    )

    with closing(ScriptNote(batch)) as note:
        ended: List[Problem] = []
        while len(ended) < _PATIENCE:
            try:
                return run_watched(lambda: work(note), note, limit, confinement=confinement)
            except NoProcessError:
                if confinement is not None:
                    return _stopped(batch, [Problem("/", "the system does not allow a process for the scripts")])
                return work(Unguarded())
            except ScriptEndedError as error:
                note.mark_ended(error.running, str(error))
                ended.append(_ended_problem(batch, error.running, str(error)))
                if confinement is not None:
                    return _stopped(batch, ended)
        return _give_up(batch, ended)


def _ended_problem(batch: Batch, running: Running, reason: str) -> Problem:
    jobs = [job for job in batch.jobs if job.number == running.job]
    during = name_iterations(jobs[0].label, [running.iteration]) if jobs and running.iteration >= 0 else ""
    return Problem(running.where, reason, during=during)


def _give_up(batch: Batch, ended: Sequence[Problem]) -> Mapping[str, Any]:
    """Report what is known when too many scripts had to be stopped."""
    last = ended[-1]
    rest = replace(
        last, reason=f"{last.reason}; {len(ended)} scripts had to be stopped, so the others were not checked"
    )
    return _stopped(batch, [*ended[:-1], rest])


def _stopped(batch: Batch, problems: Sequence[Problem]) -> Mapping[str, Any]:
    return {"problems": [asdict(problem) for problem in locate_problems(problems, batch.text)]}


def to_problem(pairs: Mapping[str, Any]) -> Problem:
    """Return a problem that another process wrote as plain JSON."""
    change = pairs["change"]
    return Problem(**{**pairs, "change": None if change is None else Change(**change)})
