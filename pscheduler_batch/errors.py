"""
Every exception of the package.

    BatchError
      EndedError            the batch was started, but not completed
      InputError            the batch itself has errors; nothing was sent; also a ValueError
        TransformError      a jq script does not compile, or failed on its input
        OptionError         a value that was given beside the batch has an error, or does not fit it
          ExpectationError  an expectation has an error, or matches no job of the batch
      SchedulerError        a request to a pScheduler server failed
        UnreachableError    there was no answer
        RefusedError        the server refused it
        UnscheduledError    the task was accepted, but no run was scheduled
        ReplyError          the answer cannot be understood
        UnfinishedError     the run did not end within the time limit

Messages have the place first, then what happened, then the server's own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence

from pscheduler_batch.text import printable

# The HTTP statuses of answers that may be another one later: 429, and those of servers in trouble.
_TOO_MANY, _INTERNAL = 429, 500

ERROR = "error"
WARNING = "warning"
NOTE = "note"


class BatchError(Exception):
    """An error that a user can cause or fix; its text is the complete message."""


@dataclass(frozen=True)
class Change:
    """
    A change of a task by a transform.

    Attributes:
        transform: The JSON pointer of the transform in the input.
        part: The part of the task that is shown, as a JSON pointer into the task; "/" for all of it.
        before: That part before the transform: JSON text of limited length, without secrets; "" if there was none.
        after: The same part after it; "" if there was none.
    """

    transform: str
    part: str
    before: str
    after: str = ""


@dataclass(frozen=True)
class Problem:
    """
    An error in a batch, or a warning.

    Attributes:
        where: A JSON pointer into the input, "/" for the document as a whole.
        reason: What was found and what was expected, in one or more lines.
        line: The line of that place in the input, counted from 1, if the text of the input is known. If a transform
            caused the error, it is the line of its script.
        column: The column of that place, counted from 1.
        during: The iterations and the job that it concerns, if it came up while they were worked out.
        end_column: The column after the value or name, if that is a simple one which ends in the same line.
        severity: "error", "warning", or "note" for information.
        change: The change by the transform that caused the error.
        at_name: Whether it concerns the name of a pair, not its value.
    """

    where: str
    reason: str
    line: Optional[int] = None
    column: Optional[int] = None
    during: str = ""
    end_column: Optional[int] = None
    severity: str = ERROR
    change: Optional[Change] = None
    at_name: bool = False

    def __str__(self) -> str:
        # Names from the input may hold control characters.
        place = f"At {printable(self.where)}"
        if self.during:
            place += f", {printable(self.during)}"
        if self.line is not None:
            place += f" (line {self.line}, column {self.column})"
        reason = "\n".join(printable(line) for line in self.reason.split("\n"))
        return f"{place}: {reason}"


class InputError(BatchError, ValueError):
    """
    A batch with errors, which cannot be run; a ``ValueError``, as in pScheduler's own batch processor (ADR 47).

    Attributes:
        problems: All errors, in the order of the input; never empty.
        warnings: Warnings, such as of a name that occurs twice, which may be the cause.
        source: The name of the file, if there is one.
        text: The text of the input, if it came as text.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        *,
        warnings: Sequence[Problem] = (),
        source: Optional[str] = None,
        text: Optional[str] = None,
    ) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        self.source = source
        self.text = text
        lines = [str(problem) for problem in self.problems]
        if source is not None:
            lines = [f"{printable(source)}: {line}" for line in lines]
        super().__init__("\n".join(lines))


class TransformError(InputError):
    """A jq script that does not compile, fails, or returns something unusable."""


class OptionError(InputError):
    """An error in what was given beside the batch; the pointer "/" of its problems is the text that contains it."""


class ExpectationError(OptionError):
    """An error in an expectation (ADR 55); the pointer "/" of its problems is the whole text that contains it."""


class EndedError(BatchError):
    """
    A batch that was started, but not completed.

    Attributes:
        document: The output document with everything obtained until then.
    """

    def __init__(self, message: str, document: Dict[str, Any]) -> None:
        self.document = document
        super().__init__(message)


class SchedulerError(BatchError):
    """
    A request to a pScheduler server that failed.

    Attributes:
        doing: The step, such as "posting the task".
        url: The URL of the request.
        may_pass: Whether the cause may pass, so that another attempt at the same may succeed (ADR 71).
    """

    def __init__(self, message: str, *, doing: str, url: str, may_pass: bool = False) -> None:
        self.doing = doing
        self.url = url
        self.may_pass = may_pass
        super().__init__(f"{doing}: {message}")


class UnreachableError(SchedulerError):
    """
    There was no answer: an unknown name, no connection, a broken one, or a timeout.

    Attributes:
        reason: What happened.
        hint: What may help; it follows the reason.
        sent: Whether the request may have reached the server. If not, it had no effect, and can be retried whatever its
            method.
        transient: Whether a retry may succeed; not if the URL or the server's certificate is invalid.
        too_slow: Whether there was a connection, but no answer in time.
    """

    def __init__(
        self,
        reason: str,
        *,
        doing: str,
        url: str,
        hint: str = "",
        sent: bool = True,
        transient: bool = True,
        too_slow: bool = False,
    ) -> None:
        self.reason = reason
        self.hint = hint
        self.sent = sent
        self.transient = transient
        self.too_slow = too_slow
        super().__init__(f"cannot reach {url}: {reason}{hint}", doing=doing, url=url, may_pass=True)

    def after(self, retries: str) -> UnreachableError:
        """Return the same error, with words about its retries beside the reason."""
        reason = f"{self.reason} ({retries})"
        return UnreachableError(
            reason, doing=self.doing, url=self.url, hint=self.hint, sent=self.sent, transient=self.transient
        )


class RefusedError(SchedulerError):
    """
    The server refused a request.

    Attributes:
        status_code: The HTTP status.
        body: The server's own words, trimmed.
    """

    def __init__(self, status_code: int, body: str, *, doing: str, url: str) -> None:
        self.status_code = status_code
        self.body = body
        may_pass = status_code == _TOO_MANY or status_code >= _INTERNAL
        super().__init__(f"{url} answered {status_code}: {body}", doing=doing, url=url, may_pass=may_pass)


class UnscheduledError(SchedulerError):
    """The task was accepted, but no run of it was scheduled."""

    def __init__(self, reason: str, *, doing: str, url: str, may_pass: bool = True) -> None:
        super().__init__(f"no run was ever scheduled for {url}: {reason}", doing=doing, url=url, may_pass=may_pass)


class ReplyError(SchedulerError):
    """An answer that does not conform to the API."""

    def __init__(self, reason: str, *, doing: str, url: str) -> None:
        self.reason = reason
        super().__init__(f"{url} {reason}", doing=doing, url=url)


class UnfinishedError(SchedulerError):
    """A run that did not end within the time limit."""

    def __init__(self, reason: str, *, doing: str, url: str) -> None:
        super().__init__(f"{url} {reason}", doing=doing, url=url, may_pass=True)
