"""What was asked of the ``batch`` command, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Optional, Tuple

from pscheduler_batch.file_names import demand_different, name_file


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
    assist: Optional[str]
    assist_bind: Optional[str]
    lead: Optional[str]
    bind: Optional[str]
    verify_tls: bool
    ca_file: Optional[str]
    max_connections: int
    max_iterations: int
    timeout: timedelta
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

    @property
    def source(self) -> str:
        """What messages call the input."""
        return "standard input" if self.input_file == "-" else self.input_file

    @property
    def submits(self) -> bool:
        """Whether tasks are submitted to pScheduler, which is a beta feature (decision 4)."""
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
        demand_different(path for path in written if path is not None)
        return named
