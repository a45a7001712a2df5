"""What all steps of a running batch share: the time, the debug log, the events, and the way to shut down early."""

from __future__ import annotations

import asyncio
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterable, List, Mapping, Optional, Set, Tuple, TypeVar, Union

from pscheduler_batch.clock import Clock
from pscheduler_batch.events import (
    KNOWN_STATES,
    AttemptEnded,
    BatchEnded,
    Event,
    IterationEnded,
    IterationMoved,
    LimitChanged,
    RequestHeldUp,
    Stopping,
    TaskLeft,
    TaskPlace,
    Watch,
    Watcher,
)
from pscheduler_batch.model import Failure, IterationResult, Run, RunResult
from pscheduler_batch.redaction import Redactor

# Is given a line of text.
Log = Callable[[str], None]

T = TypeVar("T")


def unfailing(callback: Callable[[T], None], name: str, redactor: Redactor) -> Callable[[T], None]:
    """
    Wrap a callback so that its failure does not end the batch.

    Args:
        callback: The callback.
        name: Its name, for the warning about its failure.
        redactor: Takes out the secrets of the batch, which the callback may be given.
    """
    failed: List[Exception] = []

    def call(given: T) -> None:
        if failed:
            return
        try:
            callback(given)
        except Exception as error:  # noqa: BLE001 - it is code of the caller
            failed.append(error)
            message = f"the {name} callback failed and is not called again: {redactor.message(repr(error))}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    return call


def tracebacks(bugs: Iterable[BaseException], redactor: Redactor) -> Mapping[str, int]:
    """Return the tracebacks of bugs without secrets, each with the number of times that it occurs."""
    return Counter(
        redactor.message("".join(traceback.format_exception(type(bug), bug, bug.__traceback__))) for bug in bugs
    )


class UnsentError(Exception):
    """A request that was not sent because the batch was shut down before its turn came."""


class Shutdown:
    """
    Whether a batch is being shut down early: then no task is posted any more.

    Belongs to one event loop.

    Attributes:
        begun: Whether the shutdown has started.
    """

    def __init__(self) -> None:
        self.begun = False
        self._sleeping: Set[asyncio.Future[Any]] = set()
        self._waiting: Set[asyncio.Future[bool]] = set()

    def begin(self) -> None:
        """Start the shutdown, and wake up all that sleeps in :meth:`sleep`."""
        self.begun = True
        for sleeping in self._sleeping:
            sleeping.cancel()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(False)

    def release(self, waiting: asyncio.Future[bool]) -> None:
        """Set a future to False when the shutdown starts."""
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Wait for a number of seconds, or until the shutdown starts; if it has started, do not wait."""
        if self.begun:
            return
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        self._sleeping.add(sleeping)
        try:
            await asyncio.wait([sleeping])
        finally:
            self._sleeping.discard(sleeping)
            sleeping.cancel()


@dataclass(frozen=True)
class Session:
    """
    One run of a batch, as far as all its steps share it.

    All that they report goes through it, and leaves it without secrets (ADR 75).

    Attributes:
        clock: The time, and waiting for it.
        log: Is given each line of the debug log.
        watches: Are given events; each :class:`~pscheduler_batch.events.Watcher` gets them without secrets.
        warning: Is given each line that a user should read at once; if None, these go to the debug log.
        redactor: Takes out the secrets of the batch.
        shutdown: Whether the batch is being shut down early.
    """

    clock: Clock = field(default_factory=Clock)
    log: Optional[Log] = None
    watches: Tuple[Union[Watch, Watcher], ...] = ()
    warning: Optional[Log] = None
    redactor: Redactor = field(default_factory=Redactor)
    shutdown: Shutdown = field(default_factory=Shutdown)

    @classmethod
    def without_secrets(cls, clock: Optional[Clock] = None) -> Session:
        """Make a session for requests about nothing secret; it reports nothing."""
        return cls(clock or Clock())

    def debug(self, message: str) -> None:
        """Write a line to the debug log."""
        if self.log is not None:
            self.log(self.redactor.message(message))

    def warn(self, message: str) -> None:
        """Print a line that a user should read at once, fit for a terminal, without the name of the program."""
        if self.warning is None:
            self.debug(message)
        else:
            self.warning(self.redactor.message(message))

    def emit(self, event: Event) -> None:
        """Report an event: to a watch with the whole task or result, to what prints without any secrets."""
        # Most events of most batches are printed nowhere, and the secrets of all tasks take time to collect.
        whole: Optional[Event] = None
        shown: Optional[Event] = None
        for watch in self.watches:
            if not isinstance(watch, Watcher):
                whole = whole or self._redacted(event)
                watch(whole)
            elif isinstance(event, watch.kinds):
                shown = shown or _shown(whole or self._redacted(event))
                watch.watch(shown)

    def _redacted(self, event: Event) -> Event:
        """Return an event without secrets in its texts about the batch; they may be those of any iteration."""
        hide = self.redactor.message
        if isinstance(event, RequestHeldUp):
            return replace(event, host=hide(event.host), reason=event.reason and hide(event.reason))
        if isinstance(event, LimitChanged):
            return replace(event, host=hide(event.host), reason=event.reason and hide(event.reason))
        if isinstance(event, TaskLeft):
            return replace(event, host=event.host and hide(event.host), words=hide(event.words))
        if isinstance(event, BatchEnded):
            return replace(event, error=event.error and hide(event.error))
        return event


def _shown(event: Event) -> Event:
    """Return an event of an iteration without the secrets of that iteration in it, and without results."""
    if isinstance(event, IterationMoved):
        hide = event.iteration.redactor.message
        state, run = _shown_state(event.state, hide), event.run and _shown_run(event.run, hide)
        return replace(
            event, iteration=event.iteration.shown, state=state, host=event.host and hide(event.host), run=run
        )
    if isinstance(event, (AttemptEnded, IterationEnded)):
        return replace(event, result=_shown_result(event.result))
    if isinstance(event, Stopping):
        unanswered, canceling = (tuple(map(_shown_place, each)) for each in (event.unanswered, event.canceling))
        return replace(event, unanswered=unanswered, canceling=canceling)
    return replace(event, iteration=event.iteration.shown) if isinstance(event, TaskLeft) else event


def _shown_place(place: TaskPlace) -> TaskPlace:
    iteration, host = place
    return iteration.shown, host and iteration.redactor.message(host)


def _shown_result(result: IterationResult) -> IterationResult:
    hide = result.iteration.redactor.message
    failure = result.failure
    return replace(
        result,
        iteration=result.iteration.shown,
        task_href=result.task_href and hide(result.task_href),
        runs=tuple(RunResult(_shown_run(run.run, hide), {}) for run in result.runs),
        # Its message is in the error of the event.
        failure=failure and Failure("", failure.doing, hide(failure.url), failure.may_pass),
        lead_run=result.lead_run and _shown_run(result.lead_run, hide),
    )


def _shown_run(run: Run, hide: Callable[[str], str]) -> Run:
    """Return a run without its texts, but with the numbers that were measured."""
    state, href, result_href = _shown_state(run.state, hide), hide(run.href), hide(run.result_href)
    return replace(run, state=state, href=href, result_href=result_href, document={})


def _shown_state(state: str, hide: Callable[[str], str]) -> str:
    return state if state in KNOWN_STATES else hide(state)
