"""The options of ``pscheduler batch`` as one value; ``batch.py`` declares them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Iterable, Mapping, Optional, Tuple, Union

from pscheduler_batch.errors import Problem
from pscheduler_batch.model import Batch
from pscheduler_batch.output.console import show_warnings
from pscheduler_batch.output.file_names import FileNameError, name_file, require_different, require_unread
from pscheduler_batch.output.line_file import STANDARD_ERROR
from pscheduler_batch.settings import Settings
from pscheduler_batch.text import STANDARD_INPUT

# Each is the name of an option and of the module in ``cli/modes`` that does it; the first one given counts.
MODES = ("schema", "check_server", "check", "plan", "dry_run")
RUN = "run"


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; the names are those of the options."""

    input_file: str
    set: Tuple[str, ...]
    set_file: Tuple[str, ...]
    set_env: Tuple[str, ...]
    data: Tuple[str, ...]
    job: Tuple[str, ...]
    skip_job: Tuple[str, ...]
    only_failed: Optional[str]
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
    outage_wait: timedelta
    retries: int
    retry_delay: timedelta
    retry_on: str
    max_parallel: Optional[int]
    stop_on_failure: bool
    shuffle: Union[bool, int]
    no_mark: bool
    no_cancel: bool
    cancel_wait: timedelta
    journal: Optional[str]
    resume: Optional[str]
    lock: Optional[str]
    if_locked: str
    report: Tuple[str, ...]
    stream: Optional[str]
    events: Optional[str]
    expect: Tuple[str, ...]
    expect_file: Optional[str]
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
        """The name of the input in messages."""
        return STANDARD_INPUT if self.input_file == "-" else self.input_file

    @property
    def mode(self) -> str:
        """What to do with the batch, by the name of its module in ``cli/modes``."""
        return next((mode for mode in MODES if getattr(self, mode)), RUN)

    def at(self, now: datetime) -> Options:
        """
        Expand the time in the names of the files that are written.

        Args:
            now: The time in the time zone of this machine.

        Raises:
            FileNameError: A name is invalid, or - where only a file will do, a directory does not exist, two options
                name the same file, or a file that is read would lose what it has.
        """

        def name(pattern: Optional[str]) -> Optional[str]:
            return None if pattern is None else name_file(pattern, now)

        named = replace(
            self,
            output=name(self.output),
            journal=name(self.journal),
            stream=name(self.stream),
            events=name(self.events),
            report=tuple(name_file(pattern, now) for pattern in self.report),
        )
        for option, path in (
            *(("--journal", named.journal), ("--resume", named.resume), ("--lock", named.lock)),
            *(("--report", path) for path in named.report),
        ):
            if path == "-":
                raise FileNameError(f"{option} needs a file, which - is not; for a file of that name, write ./-")
        written = (
            *(named.output, named.journal, named.resume, named.lock, named.stream, named.events),
            *named.report,
        )
        require_different([path for path in written if path is not None and path != STANDARD_ERROR])
        of_values = (setting.partition("=")[2] for setting in self.set_file)
        read = [path for path in (self.only_failed, self.expect_file, *self.data, *of_values) if path is not None]
        for path in (named.stream, named.events, *named.report):
            if path is not None and path != STANDARD_ERROR:
                require_unread(path, [self.input_file, *read])
        if named.output is not None:
            # It may replace its batch, of which it has everything.
            require_unread(named.output, read)
        return named


def print_warnings(options: Options, batch: Batch, warnings: Iterable[Problem]) -> None:
    """Print warnings about a batch, unless only errors are wanted."""
    found = tuple(warnings)
    if found and not options.quiet:
        show_warnings(found, text=batch.text, source=batch.source)
