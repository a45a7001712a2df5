"""The Python face of the batch processor (document, "Invocation from Python"; ADR 4)."""

from __future__ import annotations

import asyncio
import threading
import warnings
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Callable, Coroutine, Dict, Iterator, List, Mapping, Optional, TypeVar, Union

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import EndedError
from pscheduler_batch.events import Event, Watch, watch_nothing
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.journal.interface import Journal, NoJournal
from pscheduler_batch.journal.journal import FileJournal, digest_of
from pscheduler_batch.model import Batch, JSONObject, Plan
from pscheduler_batch.output.document import document_pieces, render_batch_pair, render_document, render_plan
from pscheduler_batch.output.result_store import ResultStore
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS, plan_batch
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.running.late_starts import LateStarts
from pscheduler_batch.running.runner import Outcome, Runner
from pscheduler_batch.running.signals import SignalWatch
from pscheduler_batch.running.submitter import Submitter, new_mark
from pscheduler_batch.scheduler.hosts import Hosts, find_hosts, open_exchange
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Log, Session
from pscheduler_batch.settings import Settings
from pscheduler_batch.transforms.continue_if import ContinueIf
from pscheduler_batch.transforms.pipeline import Transforms

Spec = Union[bytes, str, Mapping[str, Any]]
T = TypeVar("T")


class AsyncBatchProcessor:
    """
    Runs a batch as often as it is called, inside a running event loop.

    See :class:`BatchProcessor`, whose twin it is.
    """

    def __init__(
        self,
        spec: Spec,
        assist: Optional[str] = None,
        assist_bind: Optional[str] = None,
        lead: Optional[str] = None,
        bind: Optional[str] = None,
        *,
        source: Optional[str] = None,
        max_iterations: int = DEFAULT_MAX_ITERATIONS,
        mark: bool = True,
        cancel: bool = True,
        journal: Optional[str] = None,
        resume: bool = False,
        clock: Optional[Clock] = None,
        patience: Optional[WaitLimits] = None,
        retry: Optional[RetryPolicy] = None,
        **settings: Any,
    ) -> None:
        """
        Read a batch; nothing is sent. The parameters are those of :class:`BatchProcessor`.

        Raises:
            InputError: The batch is wrong.
        """
        self._settings = Settings(assist, assist_bind, lead, bind, **settings)
        self.batch: Batch = load_batch(spec, source=source)
        self._max_iterations = max_iterations
        self._mark = mark
        self._cancel = cancel
        self._journal = journal
        self._resume = resume
        self._clock = clock or Clock()
        self._patience = patience or WaitLimits()
        self._retry = retry
        self._transforms: Optional[Transforms] = None

    def plan(self) -> Plan:
        """
        Work out every iteration of every job; nothing is sent.

        Raises:
            InputError: Something in the batch is wrong; all of it is in the error.
        """
        return plan_batch(self.batch, self._compiled(), max_iterations=self._max_iterations)

    async def __call__(
        self,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as documented
        debug: Optional[Log] = None,
        *,
        watch: Optional[Watch] = None,
    ) -> Dict[str, Any]:
        """Run the batch; the parameters and what is returned are those of :class:`BatchProcessor`."""
        plan = self.plan()
        if dry_run:
            return render_plan(self.batch, plan)
        outcome = await self.run(plan, debug, watch=watch)
        document = self.document(outcome)
        if outcome.error is not None:
            raise EndedError(str(outcome.error), document) from outcome.error
        for bug in outcome.bugs:
            raise EndedError("a bug in pscheduler-batch; see the cause", document) from bug
        return document

    async def run(
        self,
        plan: Plan,
        debug: Optional[Log] = None,
        *,
        only: Optional[str] = None,
        signals: Optional[SignalWatch] = None,
        watch: Optional[Watch] = None,
        warn: Optional[Log] = None,
    ) -> Outcome:
        """
        Run a plan.

        Args:
            plan: What :meth:`plan` gave.
            debug: Is given a line for each thing that happens.
            only: The one host that everything goes to, whoever the participants are; for the embedded server.
            signals: Ends the batch in good order when one of them comes; only in the main thread.
            watch: Is given every event, on the event loop; see :mod:`pscheduler_batch.events`.
            warn: Is given a line for what somebody should know at once; if not given, these go to ``debug``.

        Raises:
            BatchError: A host that was named is none, or a file of certificates or the journal cannot be used.
        """
        session = self._session(plan, debug, watch, warn)
        hosts = find_hosts(self._settings, only=only)
        session.debug(f"assist {hosts.assist}, lead {hosts.lead}")
        async with AsyncExitStack() as stack:
            journal = self._open_journal(hosts, stack)
            exchange = open_exchange(self._settings, session, self._retry)
            stack.push_async_callback(exchange.aclose)
            mark = new_mark if self._mark else None
            submitter = Submitter(exchange, hosts, session, self._patience, journal=journal, new_mark=mark)
            stack.push_async_callback(submitter.aclose)
            results = ResultStore(session.warn)
            runner = Runner(submitter, session, journal=journal, cancel=self._cancel, results=results)
            if signals is not None:
                stack.enter_context(signals.watching(runner.interrupt))
            continue_if = ContinueIf(self.batch.data)
            stack.push_async_callback(continue_if.aclose)
            return await runner.run(self.batch, plan, continue_if.judge)

    def _session(self, plan: Plan, debug: Optional[Log], watch: Optional[Watch], warn: Optional[Log]) -> Session:
        """Make the session of one run; a callback that fails does not cost the results."""
        session = Session(
            self._clock,
            log=debug and _unfailing(debug, "debug"),
            watch=watch_nothing if watch is None else _unfailing(watch, "watch"),
            warning=warn,
            redactor=Redactor.of(plan.private),
        )
        late_starts = _unfailing(LateStarts(session.warn, at_once=self._settings.max_connections).watch, "punctuality")

        def watch_both(event: Event) -> None:
            session.watch(event)
            late_starts(event)

        return replace(session, watch=watch_both)

    def _compiled(self) -> Transforms:
        if self._transforms is None:
            self._transforms = Transforms(self.batch)
        return self._transforms

    def document(self, outcome: Outcome) -> Dict[str, Any]:
        """
        Make the output document of an outcome; all of it is in memory then.

        Raises:
            BatchError: The results cannot be read from where they were kept.
        """
        return render_document(self.batch, outcome.results.texts(), self.account(outcome))

    def document_pieces(self, outcome: Outcome) -> Iterator[str]:
        """
        Write the text of the same document piece by piece; no more than one result is in memory then.

        Raises:
            BatchError: The results cannot be read from where they were kept.
        """
        return document_pieces(self.batch, outcome.results.texts(), self.account(outcome))

    def account(self, outcome: Outcome) -> JSONObject:
        """Make the ``batch`` pair of the output document of an outcome."""
        error = outcome.interruption if outcome.error is None else str(outcome.error)
        return render_batch_pair(outcome.start, outcome.end, error)

    def _open_journal(self, hosts: Hosts, stack: AsyncExitStack) -> Journal:
        if self._journal is None:
            return NoJournal()
        options = {"assist": hosts.assist, "lead": hosts.lead, "bind": hosts.bind, "mark": self._mark}
        opening = FileJournal.resume if self._resume else FileJournal.begin
        journal = opening(self._journal, digest_of(self.batch.document, options), self._clock.now)
        stack.callback(journal.close)
        return journal


class BatchProcessor:
    """
    Runs a batch as often as it is called.

    >>> processor = BatchProcessor({"jobs": []})
    >>> processor(dry_run=True)
    {'jobs': []}
    """

    def __init__(
        self,
        spec: Spec,
        assist: Optional[str] = None,
        assist_bind: Optional[str] = None,
        lead: Optional[str] = None,
        bind: Optional[str] = None,
        **options: Any,
    ) -> None:
        """
        Read a batch; nothing is sent.

        Args:
            spec: The batch: an object as the json module makes them, or JSON text. May hold comments; never changed.
            assist: The pScheduler host that answers questions; ``PSCHEDULER_ASSIST``, else this host.
            assist_bind: The address of ours that requests to the assist come from; ``PSCHEDULER_ASSIST_BIND``, else
                any.
            lead: The host that runs a task whose first participant is the host that is asked; else this host.
            bind: The address of ours that requests to leads come from.
            **options: Keyword-only options of :class:`AsyncBatchProcessor`: ``verify_tls`` and ``ca_file`` (check the
                servers' certificates), ``max_connections`` (requests at once to any one host), ``max_iterations``
                (of the whole batch), ``timeout`` (a ``timedelta`` that limits every request), ``mark`` (whether tasks
                carry a mark, by which one is found again whose POST was not answered), ``cancel`` (whether tasks that
                are not done are canceled when the batch is canceled), ``journal`` (a file that keeps what has
                happened) and ``resume`` (whether to go on with it), ``patience`` and ``retry`` (how long to wait for
                what, and how often to ask again), ``source`` (a name of the batch for messages).

        Raises:
            InputError: The batch is wrong; all that is wrong is in the error.
        """
        self._processor = AsyncBatchProcessor(spec, assist, assist_bind, lead, bind, **options)

    def __call__(
        self,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as documented
        debug: Optional[Log] = None,
        *,
        watch: Optional[Watch] = None,
    ) -> Dict[str, Any]:
        """
        Run the batch and wait for its results.

        Args:
            dry_run: Whether only to work out the tasks; then nothing is sent, and ``runs`` are empty.
            debug: Is given a line for each thing that happens. Values of names that begin with ``_`` are not in them.
                If it raises anything, there is a warning, it is not called again, and the batch goes on.
            watch: Is given what happens, as the values of :mod:`pscheduler_batch.events`, while the batch waits for it.
                Those hold whole tasks, secrets included. If it raises anything, the same happens as with ``debug``.

        Returns:
            The output document (ADR 14): the batch with ``results`` in every job. Iterations that failed are in
            it, as ``"succeeded": false``, and raise nothing.

        Raises:
            InputError: A task is wrong after its transforms, or a script failed; nothing was sent.
            EndedError: A ``continue-if`` failed; its ``document`` has everything obtained until then.
        """
        return _run_to_end(self._processor(dry_run=dry_run, debug=debug, watch=watch))


def _run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from code that is not asynchronous, be it inside a running event loop or not."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    outcome: List[T] = []
    raised: List[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
            raised.append(error)

    # A loop cannot wait for itself, so the batch gets one of its own.
    thread = threading.Thread(target=run, name="pscheduler-batch")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return outcome[0]


def _unfailing(callback: Callable[[T], None], name: str) -> Callable[[T], None]:
    """Make a callback whose failure does not cost the results of a batch."""
    failed: List[Exception] = []

    def call(given: T) -> None:
        if failed:
            return
        try:
            callback(given)
        except Exception as error:  # noqa: BLE001 - it is somebody else's code
            failed.append(error)
            message = f"the {name} callback failed and is not called again: {error!r}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    return call
