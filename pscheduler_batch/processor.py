"""The Python interface of the batch processor (document, "Invocation from Python"; ADR 4)."""

from __future__ import annotations

import asyncio
from concurrent import futures
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Coroutine, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union, cast

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import EndedError
from pscheduler_batch.events import Watch, Watcher
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.input.selection import Selection
from pscheduler_batch.input.values import Values
from pscheduler_batch.journal.history import JournalError
from pscheduler_batch.journal.identity import identity_of
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.journal.journal import FileJournal
from pscheduler_batch.metrics.expectations import Expectation, Expected, jobs_of, read_expectations, resolve, tests_of
from pscheduler_batch.model import Batch, JSONObject, Plan
from pscheduler_batch.output.document import document_pieces, render_batch_pair, render_document, render_plan
from pscheduler_batch.output.result_store import ResultStore
from pscheduler_batch.planning.confined_plan import plan_confined
from pscheduler_batch.planning.parallel_limit import check_limit, limit_parallel
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS, plan_batch
from pscheduler_batch.planning.random_order import check_shuffle, seed_of, shuffle_serial
from pscheduler_batch.report.document_rows import judgments_of
from pscheduler_batch.report.live_results import OnResult, ResultStream, watch_results
from pscheduler_batch.running.late_starts import LateStarts
from pscheduler_batch.running.retries import DEFAULT_DELAY, UNMEASURED, Retries
from pscheduler_batch.running.runner import BatchOutcome, Runner
from pscheduler_batch.running.signals import InterruptionWatch
from pscheduler_batch.running.submitter import Submitter, new_mark
from pscheduler_batch.scheduler.hosts import Hosts, find_hosts, open_client
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Log, Session, unfailing
from pscheduler_batch.settings import Settings
from pscheduler_batch.text import printable
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.continue_if import ContinueIf
from pscheduler_batch.transforms.pipeline import Transforms

Spec = Union[bytes, str, Mapping[str, Any]]
T = TypeVar("T")


class AsyncBatchProcessor:
    """
    Runs a batch each time it is called, inside a running event loop.

    Like :class:`BatchProcessor`, but asynchronous.
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
        data: Union[Values, Mapping[str, Any], None] = None,
        selection: Optional[Selection] = None,
        max_iterations: int = DEFAULT_MAX_ITERATIONS,
        mark: bool = True,
        cancel: bool = True,
        journal: Optional[str] = None,
        resume: bool = False,
        clock: Optional[Clock] = None,
        patience: Optional[WaitLimits] = None,
        retry: Optional[RetryPolicy] = None,
        retries: int = 0,
        retry_delay: timedelta = DEFAULT_DELAY,
        retry_on: str = UNMEASURED,
        max_parallel: Optional[int] = None,
        stop_on_failure: bool = False,
        shuffle: Union[bool, int] = False,
        expect: Sequence[Union[str, Expectation]] = (),
        confinement: Optional[Confinement] = None,
        settings: Optional[Settings] = None,
        **named: Any,
    ) -> None:
        """
        Read a batch; nothing is sent. The parameters are those of :class:`BatchProcessor`.

        Raises:
            InputError: There are errors in the batch, its data, or an expectation.
            ValueError: ``max_parallel``, ``shuffle``, the values about retries, ``max_connections`` or ``timeout`` are
                invalid, settings are given twice, or there is no journal to resume.
        """
        if resume and journal is None:
            raise ValueError("resume requires a journal")
        if max_parallel is not None:
            check_limit(max_parallel)
        if shuffle is not False:
            check_shuffle(shuffle)
        if settings is not None and (named or any((assist, assist_bind, lead, bind))):
            raise ValueError("settings are given as one value or by their names, not both")
        self._settings = settings or Settings(assist, assist_bind, lead, bind, **named)
        values = data if data is None or isinstance(data, Values) else Values.of(data, source="data")
        self.batch: Batch = load_batch(spec, source=source, values=values, selection=selection)
        self._selection = selection
        self._max_iterations = max_iterations
        self._mark = mark
        self._cancel = cancel
        self._journal = journal
        self._resume = resume
        self._clock = clock or Clock()
        self._patience = patience or WaitLimits()
        self._retry = retry
        self._confinement = confinement
        self._max_parallel = max_parallel
        self._stop_on_failure = stop_on_failure
        self._shuffle = shuffle
        self._retries = Retries(retries, retry_delay, retry_on)
        if isinstance(expect, str):
            expect = (expect,)
        self._expectations = (
            *(each for each in expect if isinstance(each, Expectation)),
            *read_expectations([each for each in expect if isinstance(each, str)], source="expect"),
        )
        self._transforms: Optional[Transforms] = None

    def plan(self) -> Plan:
        """
        Work out every iteration of every job; nothing is sent.

        Raises:
            InputError: There are errors in the batch, all of which are in this one.
            ExpectationError: An expectation is about no job of the batch.
        """
        if self._confinement is None:
            plan = plan_batch(self.batch, self._compiled(), max_iterations=self._max_iterations)
        else:
            plan = plan_confined(self.batch, self._confinement, max_iterations=self._max_iterations)
        if self._max_parallel is not None:
            plan = limit_parallel(self.batch, plan, self._max_parallel)
        self._expected(plan)
        return plan if self._shuffle is False else shuffle_serial(plan, seed_of(self._shuffle))

    async def __call__(
        self,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as documented
        debug: Optional[Log] = None,
        *,
        watch: Optional[Watch] = None,
        on_result: Optional[OnResult] = None,
        only: Optional[str] = None,
    ) -> Dict[str, Any]:
        """Run the batch, with the parameters and the return value of :class:`BatchProcessor`."""
        if dry_run:
            return render_plan(self.batch, self.plan())
        return await self._call(debug, watch, on_result, only)

    async def _call(
        self,
        debug: Optional[Log],
        watch: Optional[Watch],
        on_result: Optional[OnResult],
        only: Optional[str],
        signals: Optional[InterruptionWatch] = None,
    ) -> Dict[str, Any]:
        watches = () if watch is None else (watch,)
        outcome = await self.run(self.plan(), debug, only=only, signals=signals, watches=watches, on_result=on_result)
        document = self.document(outcome)
        if outcome.error is not None:
            raise EndedError(str(outcome.error), document) from outcome.error
        for bug in outcome.bugs:
            raise EndedError("a bug in pscheduler-batch; see the cause", document) from bug
        return document

    def results(
        self, debug: Optional[Log] = None, *, watch: Optional[Watch] = None, only: Optional[str] = None
    ) -> ResultStream:
        """
        Run the batch while iterating over its results, each as soon as its iteration ends.

        Use it like this::

            async with processor.results() as results:
                async for result in results:
                    print(result.label, result.succeeded)
            print(results.document["batch"])

        Leaving the iteration early, as by ``break``, interrupts the batch. The end of ``async with`` waits until its
        unfinished tasks are canceled, which takes up to 35 seconds if a server does not answer a POST, as only the
        answer says which task to cancel (ADR 52); ``patience=WaitLimits(cancel=...)`` sets the first 30 of them.
        Without ``async with``, the program does not wait: the interruption takes as long in the background, and if
        the event loop ends before that, a task may run on.

        Args:
            debug: As for :class:`BatchProcessor`.
            watch: The same.
            only: The same.

        Returns:
            The stream of results; the iteration raises what a call of the processor does, after the last result.
        """

        def start(on_result: OnResult, signals: InterruptionWatch) -> Coroutine[Any, Any, Dict[str, Any]]:
            return self._call(debug, watch, on_result, only, signals)

        return ResultStream(start)

    async def run(
        self,
        plan: Plan,
        debug: Optional[Log] = None,
        *,
        only: Optional[str] = None,
        signals: Optional[InterruptionWatch] = None,
        watches: Sequence[Union[Watch, Watcher]] = (),
        warn: Optional[Log] = None,
        on_result: Optional[OnResult] = None,
    ) -> BatchOutcome:
        """
        Run a plan.

        Args:
            plan: The return value of :meth:`plan`.
            debug: Is given each line of the debug log.
            only: The one host that all requests go to, whatever the participants; for the embedded server.
            signals: Interrupts the batch, for example when a signal comes, and ends all waiting at the second one.
            watches: Are given events, on the event loop: every one, or those of some kinds; see
                :mod:`pscheduler_batch.events`.
            warn: Is given each warning, a line; if None, these go to ``debug``.
            on_result: Is given the result of each iteration when it ends, on the event loop.

        Raises:
            BatchError: A host is invalid, or the file of certificates or the journal cannot be used.
        """
        session = self._session(plan, debug, watches, warn)
        hosts = find_hosts(self._settings, only=only)
        session.debug(f"assist {hosts.assist}, lead {hosts.lead}")
        results = ResultStore(session.warn)
        if on_result is not None:
            watch = unfailing(watch_results(self.batch, plan, results, on_result), "on_result", plan.redactor)
            session = replace(session, watches=(*session.watches, watch))
        async with AsyncExitStack() as stack:
            journal = self._open_journal(hosts, stack, plan.seed)
            # A batch that is resumed keeps its order.
            plan = plan if journal.seed is None else shuffle_serial(plan, journal.seed)
            client = open_client(self._settings, session, self._retry)
            stack.push_async_callback(client.aclose)
            mark = new_mark if self._mark else None
            submitter = Submitter(client, hosts, self._patience, journal=journal, new_mark=mark)
            stack.push_async_callback(submitter.aclose)
            runner = Runner(
                submitter,
                session,
                journal=journal,
                cancel=self._cancel,
                retries=self._retries,
                stop_on_failure=self._stop_on_failure,
                results=results,
            )
            if signals is not None:
                stack.enter_context(signals.watching(runner.interrupt, runner.hurry))
            continue_if = ContinueIf(self.batch.data, self._confinement)
            stack.push_async_callback(continue_if.aclose)
            outcome = await runner.run(self.batch, plan, continue_if.judge)
        expected = self._expected(plan)
        if not expected:
            return outcome
        try:
            # All results are read once more, which takes long in a large batch.
            texts = outcome.results.texts()
            judgments = await asyncio.to_thread(judgments_of, self.batch.document, texts, expected)
        except Exception as bug:  # noqa: BLE001 - the results must not be lost
            return replace(outcome, bugs=(*outcome.bugs, bug))
        return replace(outcome, judgments=judgments)

    def _expected(self, plan: Plan) -> Tuple[Expected, ...]:
        """Return the expectations of each job."""
        return resolve(self._expectations, jobs_of(self.batch.jobs, tests_of(plan))) if self._expectations else ()

    def _session(
        self, plan: Plan, debug: Optional[Log], watches: Sequence[Union[Watch, Watcher]], warn: Optional[Log]
    ) -> Session:
        guarded = partial(unfailing, name="watch", redactor=plan.redactor)
        session = Session(
            self._clock,
            log=debug and unfailing(debug, "debug", plan.redactor),
            watches=tuple(
                each._replace(watch=guarded(each.watch)) if isinstance(each, Watcher) else guarded(each)
                for each in watches
            ),
            warning=warn,
            redactor=plan.redactor,
        )
        if not any(job_plan.job.sync_start for job_plan in plan.jobs):
            return session
        # An estimate that fails must not end the batch either.
        watch = LateStarts(session.warn, most=self._settings.max_connections).watch
        late_starts = unfailing(watch, "late starts", plan.redactor)
        return replace(session, watches=(*session.watches, late_starts))

    def _compiled(self) -> Transforms:
        if self._transforms is None:
            self._transforms = Transforms(self.batch)
        return self._transforms

    def document(self, outcome: BatchOutcome) -> Dict[str, Any]:
        """
        Make the output document of an outcome, all of it in memory.

        Raises:
            BatchError: The results cannot be read back.
        """
        return render_document(self.batch, outcome.results.texts(), self.batch_pair(outcome))

    def document_pieces(self, outcome: BatchOutcome) -> Iterator[str]:
        """
        Write the text of the same document piece by piece, with at most one result in memory.

        Raises:
            BatchError: The results cannot be read back.
        """
        return document_pieces(self.batch, outcome.results.texts(), self.batch_pair(outcome))

    def batch_pair(self, outcome: BatchOutcome) -> JSONObject:
        """Make the ``batch`` pair of the output document of an outcome."""
        error = outcome.interruption if outcome.error is None else str(outcome.error)
        return render_batch_pair(
            outcome.start, outcome.end, error, outcome.judgments, self.batch.added, order=outcome.order
        )

    def _open_journal(self, hosts: Hosts, stack: AsyncExitStack, seed: Optional[int]) -> Journal:
        if self._journal is None:
            return Journal()
        options: Dict[str, Any] = {"--assist": hosts.assist, "--lead": hosts.lead, "--bind": hosts.bind}
        options.update({"--no-mark": not self._mark, "--shuffle": seed is not None})
        if self._retries.count:
            # They decide which iterations have which attempts.
            options.update({"--retries": self._retries.count, "--retry-on": self._retries.on})
        chosen = [(job.number, job.only and sorted(job.only)) for job in self.batch.jobs if job.enabled]
        identity = identity_of(
            self.batch.document,
            options,
            {
                "values set by options": self.batch.added or None,
                "jobs selected by options": chosen if self._selection else None,
            },
        )
        opening = FileJournal.resume if self._resume else FileJournal.begin
        journal = opening(self._journal, identity, self._clock.now, seed)
        stack.callback(journal.close)
        if journal.seed != seed and self._shuffle is not True:
            raise JournalError(
                f"{printable(self._journal)} is the journal of a batch with the seed {journal.seed}, not {seed}; "
                "resume it with --shuffle alone"
            )
        return journal


class BatchProcessor:
    """
    Runs a batch each time it is called.

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
            spec: The batch: an object as the json module makes them, or JSON text. It may have comments, and is not
                changed.
            assist: The pScheduler host that is asked about tests and participants; ``PSCHEDULER_ASSIST``, else this
                host.
            assist_bind: The local address for requests to the assist; ``PSCHEDULER_ASSIST_BIND``, else any.
            lead: The host that runs tasks which name no other; else this host.
            bind: The local address for requests to leads.
            **options: The other fields of :class:`~pscheduler_batch.settings.Settings` (``verify_tls``, ``ca_file``,
                ``max_connections``, ``timeout``), or all of them as one value (``settings``), and the keyword-only
                options of :class:`AsyncBatchProcessor`:
                ``max_iterations`` (of the whole batch), ``mark`` (whether tasks carry a mark, by which a task is found
                whose POST was not answered), ``cancel`` (whether unfinished tasks are canceled when the batch is
                canceled), ``journal`` (a file that records progress) and ``resume`` (whether to resume it),
                ``data`` (an object that is merged over ``global.data`` of the batch, which scripts see as ``$global``),
                ``patience`` and ``retry`` (time limits for waiting, and how often to retry requests), ``retries``,
                ``retry_delay`` and ``retry_on`` (how often iterations are submitted again, a ``timedelta`` to wait
                before, and "unmeasured" or "any" failure), ``max_parallel`` (how many iterations of a parallel job may
                be under way at once), ``stop_on_failure`` (whether to submit nothing more after a failure),
                ``shuffle`` (whether to run the iterations of serial jobs in random order, or the seed of an order that
                is to be repeated),
                ``selection`` (a :class:`~pscheduler_batch.input.selection.Selection` of jobs and iterations),
                ``source`` (the name of the batch in messages), ``confinement`` (limits for the scripts of a stranger,
                which then see nothing but their input), ``expect`` (expectations, each a text such as
                ``"rtt*: p95(rtt) < 10 ms"``, which are judged at the end; the outcome is in the ``batch`` pair of the
                output).

        Raises:
            InputError: There are errors in the batch, all of which are in this one. It is a ``ValueError``, too.
        """
        self._processor = AsyncBatchProcessor(spec, assist, assist_bind, lead, bind, **options)

    def __call__(
        self,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as documented
        debug: Optional[Log] = None,
        *,
        watch: Optional[Watch] = None,
        on_result: Optional[OnResult] = None,
        only: Optional[str] = None,
    ) -> Dict[str, Any]:
        """
        Run the batch and wait for its results.

        Args:
            dry_run: Whether only to work out the tasks: nothing is sent, and ``runs`` are empty.
            debug: Is given each line of the debug log, without the values of names that begin with ``_``. If it
                raises, there is a warning, it is not called again, and the batch continues.
            watch: Is given each event (:mod:`pscheduler_batch.events`), while the batch waits. Events hold whole
                tasks, secrets included. If it raises, the same happens as with ``debug``.
            on_result: Is given the :class:`~pscheduler_batch.report.live_results.Result` of each iteration when it
                ends, while the batch waits. If it raises, the same happens as with ``debug``.
            only: The one host that all requests go to, whatever the participants; for the embedded server.

        Returns:
            The output document (ADR 14): the batch with ``results`` in every job. Iterations that failed are in it,
            with ``"succeeded": false``.

        Raises:
            InputError: A task is invalid after its transforms, or a script failed; nothing was sent.
            EndedError: A ``continue-if`` failed; its ``document`` has everything obtained until then.
        """
        return _run_to_end(self._processor(dry_run=dry_run, debug=debug, watch=watch, on_result=on_result, only=only))


def _run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from synchronous code, inside a running event loop or not."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    running: List[Tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = []

    async def run() -> T:
        running.append((asyncio.get_running_loop(), cast("asyncio.Task[T]", asyncio.current_task())))
        return await coroutine

    # A loop cannot wait for itself, so the batch gets its own.
    with futures.ThreadPoolExecutor(1, "pscheduler-batch") as threads:
        # A thread is not waited for at the end if an interruption comes while it starts.
        threads.submit(bool).result()
        try:
            work = threads.submit(asyncio.run, run())
            # A signal does not end a wait that begins right after it, so no wait is long.
            while not futures.wait([work], timeout=1).done:
                pass
            return work.result()
        except KeyboardInterrupt:
            # As without a thread, the batch is canceled, which cancels its tasks; it may just have ended.
            with suppress(RuntimeError):
                for loop, task in running:
                    loop.call_soon_threadsafe(task.cancel)
            raise
