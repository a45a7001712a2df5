"""What was asked of the ``batch`` command, as a value."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Optional, Tuple

from pscheduler_batch.output.console import CommandError, read_input, show_warnings
from pscheduler_batch.output.file_names import name_file, require_different
from pscheduler_batch.settings import Settings
from pscheduler_batch.text import STANDARD_INPUT

if TYPE_CHECKING:
    from pscheduler_batch.errors import Problem
    from pscheduler_batch.model import Batch
    from pscheduler_batch.processor import AsyncBatchProcessor


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; the names are those of the options."""

    input_file: str
    output: Optional[str]
    check: bool
    check_server: bool
    check_limit: timedelta
    plan: bool
    dry_run: bool
    diff: bool
    schema: bool
    format: Optional[str]
    embedded: bool
    settings: Settings
    max_iterations: int
    result_wait: timedelta
    no_mark: bool
    no_cancel: bool
    journal: Optional[str]
    resume: Optional[str]
    lock: Optional[str]
    if_locked: str
    report: Tuple[str, ...]
    no_summary: bool
    exit_zero: bool
    quiet: bool
    verbose: bool
    debug: bool

    @classmethod
    def from_names(cls, given: Mapping[str, Any]) -> Options:
        """Make the value from options by name, those of :class:`Settings` included."""
        names = {field.name for field in fields(Settings)}
        settings = Settings(**{name: value for name, value in given.items() if name in names})
        return cls(settings=settings, **{name: value for name, value in given.items() if name not in names})

    @property
    def source(self) -> str:
        """What messages call the input."""
        return STANDARD_INPUT if self.input_file == "-" else self.input_file

    @property
    def submits(self) -> bool:
        """Whether tasks are submitted to pScheduler, which is a beta feature (ADR 5)."""
        return self.runs and not self.embedded

    @property
    def runs(self) -> bool:
        """Whether the batch is run, and not only looked at."""
        return not (self.check or self.check_server or self.plan or self.dry_run or self.schema)

    def at(self, now: datetime) -> Options:
        """
        Put the time into the names of the files that are written.

        Args:
            now: The time in this machine's time zone, as people and cron expect it.

        Raises:
            FileNameError: A name cannot be used, its folder is not there, or two things would be written to one file.
        """
        named = replace(
            self,
            output=None if self.output is None else name_file(self.output, now),
            journal=None if self.journal is None else name_file(self.journal, now),
            report=tuple(name_file(pattern, now) for pattern in self.report),
        )
        written = (named.output, named.journal, named.resume, *named.report)
        require_different(path for path in written if path is not None)
        return named


def make_processor(options: Options) -> AsyncBatchProcessor:
    """
    Read the batch and prepare to run it.

    Raises:
        InputError: The batch is wrong.
        CommandError: It cannot be read.
    """
    from pscheduler_batch.processor import AsyncBatchProcessor  # noqa: PLC0415
    from pscheduler_batch.scheduler.waiting import WaitLimits  # noqa: PLC0415

    return AsyncBatchProcessor(
        read_input(options.input_file),
        source=options.source,
        max_iterations=options.max_iterations,
        mark=not options.no_mark,
        cancel=not options.no_cancel,
        journal=options.journal or options.resume,
        resume=options.resume is not None,
        patience=WaitLimits(result=options.result_wait),
        **vars(options.settings),
    )


def tell_warnings(options: Options, batch: Batch, warnings: Iterable[Problem]) -> None:
    """Say what is strange about a batch, unless the user wants to hear of errors only."""
    if not options.quiet:
        show_warnings(warnings, text=batch.text, source=batch.source)


@contextmanager
def embedded_server() -> Iterator[str]:
    """
    Run a pScheduler server on loopback, and say where it is.

    Raises:
        CommandError: What it needs is not installed.
    """
    try:
        from pscheduler_batch.embedded.server import EmbeddedServer  # noqa: PLC0415
    except ImportError as error:
        raise CommandError(
            f"the embedded server needs a package that is not installed ({error.name}); "
            "install them with: pip install 'pscheduler-batch[embedded]'"
        ) from error
    with EmbeddedServer(keep_alive=True) as server:
        yield server.netloc


@contextmanager
def deadly_interrupt() -> Iterator[None]:
    """
    Let Control-C end the process at once, as other signals do, where there is nothing to save.

    jq cannot be interrupted from Python. While tasks are under way, signals are watched for in another way.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:
        # Not in the main thread, where signals do not arrive anyway.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
