"""
The events of a running batch, for a live view or a program that watches it.

The events of one iteration come in order; those of parallel iterations are interleaved, and so are those of a serial
iteration whose results are being fetched and of the next one::

    BatchBegan
      JobBegan                            of each job that is run
        IterationMoved …  IterationEnded    of each of its iterations
        AttemptEnded                        instead of IterationEnded, if it is to be submitted again
        RetriesBegan                        before iterations are submitted again
      JobEnded
      RequestHeldUp                       at any time
      LimitChanged                        at any time
      Interrupted                         at any time, at most once
      Stopping …  TaskLeft …              while tasks are canceled
    BatchEnded

They hold whole tasks, results and states in the server's own words, including secrets, and any text of theirs may have
control characters: print it through :func:`pscheduler_batch.text.printable`. Texts that are said to be without secrets
are. A :class:`Watcher` gets events that have no secrets at all, and no results
(:class:`~pscheduler_batch.session.Session`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Callable, NamedTuple, Optional, Tuple, Union

from pscheduler_batch.model import Iteration, IterationResult, Job, JobPlan, Plan, Run
from pscheduler_batch.run_states import RUN_STATES
from pscheduler_batch.text import two_units

# The states of an iteration that has no run; with a run, they are the run's own, until its results are fetched.
WAITING = "waiting"  # for the delay after which its task is posted
ASKING = "asking"  # the assist for its participants
POSTING = "posting"  # its task to the lead, or looking for it there
POSTED = "posted"  # and without a run so far, because of its synchronized start or because the server needs time
FETCHING = "fetching"  # the results of a run that is done
UNANSWERED = "unanswered"  # its POST, when it is ended early: only the answer says which task to cancel
CANCELING = "canceling"  # its task, when it is ended early

# All states that are known; a server may send any other text.
KNOWN_STATES = RUN_STATES | {WAITING, ASKING, POSTING, POSTED, FETCHING, UNANSWERED, CANCELING}


@dataclass(frozen=True)
class BatchBegan:
    """
    A batch starts, or resumes where an earlier try ended.

    Attributes:
        at: When.
        plan: The plan.
    """

    at: datetime
    plan: Plan


@dataclass(frozen=True)
class JobBegan:
    """
    A job starts.

    Attributes:
        at: When.
        plan: The job, with its synchronized start if it has one.
    """

    at: datetime
    plan: JobPlan


@dataclass(frozen=True)
class IterationMoved:
    """
    An iteration has reached another state, or more is known of its state.

    Attributes:
        at: When.
        iteration: Which.
        state: :data:`WAITING`, :data:`ASKING`, :data:`POSTING`, :data:`POSTED`, a state of its run in the server's
            word, :data:`FETCHING`, :data:`UNANSWERED` or :data:`CANCELING`.
        host: The host that is asked, or runs the task.
        run: Its run, as soon as there is one.
        start: When the next step starts, by this machine's clock: the POST of its task, its synchronized start, or its
            run.
        end: When its run ends, by this machine's clock, if that is known; or when waiting for the
            answer ends.
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
    An iteration is over, or will never be started.

    Attributes:
        at: When.
        result: Its result.
        succeeded: Whether each of its runs has a result that says so, and nothing failed.
        error: What failed, without the secrets of its task; None if nothing did.
    """

    at: datetime
    result: IterationResult
    succeeded: bool
    error: Optional[str] = None


@dataclass(frozen=True)
class AttemptEnded:
    """
    An attempt at an iteration has failed, and there will be another one after the other iterations of its job.

    Attributes:
        at: When.
        result: Its result.
        error: What failed, without the secrets of its task; None if no reason is known.
    """

    at: datetime
    result: IterationResult
    error: Optional[str] = None


@dataclass(frozen=True)
class RetriesBegan:
    """
    Iterations of a job whose attempts failed will be submitted again.

    Attributes:
        at: When.
        plan: The job with these iterations, and their synchronized start if it has one.
        attempt: The number of the attempt, from 2.
        submitting: When the first of them is submitted.
    """

    at: datetime
    plan: JobPlan
    attempt: int
    submitting: datetime


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
    A request failed and will be retried; or such a request is over, whatever its outcome.

    Attributes:
        at: When.
        host: The host and the port, without the secrets of the batch.
        doing: The step, such as "finding participants".
        reason: What happened, such as "Connection refused", without the secrets of the batch; None if it is over.
        again: When it is retried.
        until: When it is given up at the latest; None if that is not known.
    """

    at: datetime
    host: str
    doing: str
    reason: Optional[str] = None
    again: Optional[datetime] = None
    until: Optional[datetime] = None

    @property
    def when(self) -> str:
        """When it is retried, and for how long, such as "in 5.0 s, for at most 4 min 55 s"; empty if it is over."""
        if self.again is None:
            return ""
        words = f"in {(self.again - self.at).total_seconds():.1f} s"
        return words if self.until is None else f"{words}, for at most {two_units(self.until - self.at)}"


@dataclass(frozen=True)
class LimitChanged:
    """
    The limit of concurrent requests to a host has changed, because of the times of its answers (ADR 49).

    Attributes:
        at: When.
        host: The host and the port, without the secrets of the batch.
        submitting: Whether it is the limit of requests that submit tasks, or of others; requests that wait for the end
            of a run, and those that cancel tasks, have no such limit.
        limit: The maximum number of concurrent requests from now on.
        most: The upper bound of the limit, ``max_connections``.
        growing: Whether the limit still doubles with each round of answers, because the host has not been slow so far.
        reason: Why it no longer grows or is lower than before, such as "answers took 3.1 s instead of 1.4 s";
            None if it has grown.
        overload: Whether the reason is that the host reported an overload or did not answer in time.
    """

    at: datetime
    host: str
    submitting: bool
    limit: int
    most: int
    growing: bool
    reason: Optional[str] = None
    overload: bool = False


@dataclass(frozen=True)
class Interrupted:
    """
    The batch is being interrupted: iterations under way are ended, and their tasks are canceled.

    Attributes:
        at: When.
        reason: Such as "interrupted by SIGINT".
    """

    at: datetime
    reason: str


# An iteration, and the host that its task is on or was sent to, if that is known.
TaskPlace = Tuple[Iteration, Optional[str]]


@dataclass(frozen=True)
class Stopping:
    """
    What an interrupted batch still waits for; sent regularly if that takes some time, and when it is over.

    Attributes:
        at: When.
        unanswered: Iterations whose POST has not been answered yet.
        canceling: Iterations whose tasks are being canceled.
        canceled: The number of tasks that were canceled.
        until: When waiting for answers ends.
    """

    at: datetime
    unanswered: Tuple[TaskPlace, ...]
    canceling: Tuple[TaskPlace, ...]
    canceled: int
    until: Optional[datetime] = None


@dataclass(frozen=True)
class TaskLeft:
    """
    The task of an iteration that was ended early may still run.

    Attributes:
        at: When.
        iteration: The iteration of the task.
        host: The host that it may run on, if that is known, without the secrets of the batch.
        words: A message without them: that it may still run, why, and how to find it.
    """

    at: datetime
    iteration: Iteration
    host: Optional[str]
    words: str


@dataclass(frozen=True)
class BatchEnded:
    """
    A batch is over. The last event; a program that cancels the batch does not get it.

    Attributes:
        at: When.
        succeeded: Whether every iteration of every job that was run succeeded.
        error: Why it ended early, if it did, without the secrets of the batch.
    """

    at: datetime
    succeeded: bool
    error: Optional[str] = None


Event = Union[
    BatchBegan,
    JobBegan,
    IterationMoved,
    AttemptEnded,
    IterationEnded,
    RetriesBegan,
    JobEnded,
    RequestHeldUp,
    LimitChanged,
    Interrupted,
    Stopping,
    TaskLeft,
    BatchEnded,
]

# A callback for every event; the event loop of the batch waits for it.
Watch = Callable[[Event], None]


class Watcher(NamedTuple):
    """
    A watch that prints events: it is given them without secrets.

    Attributes:
        watch: The watch.
        kinds: The classes of the events that it is given.
    """

    watch: Watch
    kinds: Tuple[type, ...] = (object,)
