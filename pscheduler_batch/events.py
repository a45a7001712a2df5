"""
What happens in a batch while it runs, as values: for whoever watches it, such as a live view or a program.

The events of one iteration come in order, those of parallel iterations between each other, and so do those of a serial
one whose results are being fetched and the next one::

    BatchBegan
      JobBegan                            of each job that is run
        IterationMoved …  IterationEnded    of each of its iterations
      JobEnded
      RequestHeldUp                       at any time
      Interrupted                         at any time, at most once
    BatchEnded

They hold whole tasks and the server's own words, secrets included; whoever prints of them shows neither
(:func:`pscheduler_batch.redaction.redact`, :func:`pscheduler_batch.text.printable`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Callable, Optional, Union

from pscheduler_batch.model import Iteration, IterationResult, Job, JobPlan, Plan, Run

# The states of an iteration that has no run; with a run, they are the run's own, until its results are fetched.
WAITING = "waiting"  # for the delay after which its task is posted
ASKING = "asking"  # the assist for its participants
POSTING = "posting"  # its task to the lead, or looking for it there
POSTED = "posted"  # and without a run so far, because of its synchronized start or because the server needs time
FETCHING = "fetching"  # the results of a run that is done


@dataclass(frozen=True)
class BatchBegan:
    """
    A batch begins, or goes on where an earlier try ended.

    Attributes:
        at: When.
        plan: All that is to be done.
    """

    at: datetime
    plan: Plan


@dataclass(frozen=True)
class JobBegan:
    """
    A job begins.

    Attributes:
        at: When.
        plan: The job as it begins, with its synchronized start where there is one.
    """

    at: datetime
    plan: JobPlan


@dataclass(frozen=True)
class IterationMoved:
    """
    An iteration has got to another state, or more is known of the one that it is in.

    Attributes:
        at: When.
        iteration: Which.
        state: :data:`WAITING`, :data:`ASKING`, :data:`POSTING`, :data:`POSTED`, a state of its run in the server's
            word, or :data:`FETCHING`.
        host: Who is asked, or runs the task.
        run: Its run, as soon as there is one.
        start: When what it waits for begins, by this machine's clock: the posting of its task, its synchronized start,
            its run.
        end: When its run ends, by this machine's clock; None where nobody knows.
    """

    at: datetime
    iteration: Iteration
    state: str
    host: Optional[str] = None
    run: Optional[Run] = None
    start: Optional[datetime] = None
    end: Optional[datetime] = None


@dataclass(frozen=True)
class IterationEnded:
    """
    An iteration is over, whether it was ever begun or not; nothing more comes of it.

    Attributes:
        at: When.
        result: What became of it.
        succeeded: Whether each of its runs has a result that says so, and nothing else went wrong.
    """

    at: datetime
    result: IterationResult
    succeeded: bool


@dataclass(frozen=True)
class JobEnded:
    """
    A job is over.

    Attributes:
        at: When.
        job: Which.
    """

    at: datetime
    job: Job


@dataclass(frozen=True)
class RequestHeldUp:
    """
    A request came to nothing and is going to be made again; or it is over, whatever came of it in the end.

    Attributes:
        at: When.
        host: Where it goes, with its port.
        doing: The step, such as "finding participants".
        reason: What happened, such as "Connection refused", without the secrets of the batch's tasks; None where it is
            over.
        again: When it is made again.
    """

    at: datetime
    host: str
    doing: str
    reason: Optional[str] = None
    again: Optional[datetime] = None


@dataclass(frozen=True)
class Interrupted:
    """
    The batch is being ended before its time: what is under way is cut short, and its tasks are canceled.

    Attributes:
        at: When.
        reason: Such as "interrupted by SIGINT".
    """

    at: datetime
    reason: str


@dataclass(frozen=True)
class BatchEnded:
    """
    A batch is over. The last event, but for a program that cancels the batch, which gets none.

    Attributes:
        at: When.
        succeeded: Whether every iteration of every job that was run succeeded.
        error: Why it ended before its time, where it did.
    """

    at: datetime
    succeeded: bool
    error: Optional[str] = None


Event = Union[BatchBegan, JobBegan, IterationMoved, IterationEnded, JobEnded, RequestHeldUp, Interrupted, BatchEnded]

# What is given every event, on the event loop of the batch, which waits for it.
Watch = Callable[[Event], None]


def watch_nothing(_event: Event) -> None:
    """Be the watch of a batch that nobody watches."""
