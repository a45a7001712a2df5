"""
Every exception of the package.

    BatchError
      EndedError            the batch was begun, but could not be carried through
      InputError            the batch itself is wrong; nothing was sent
        TransformError      a jq script does not compile, or failed on its input
      SchedulerError        a pScheduler server did not do what was asked
        UnreachableError    no answer at all
        RefusedError        an answer that says no
        UnscheduledError    the task was accepted, but no run was ever scheduled
        ReplyError          an answer that cannot be understood
        UnfinishedError     the run never came to an end in the time allowed

The messages are made for people: the place first, then what happened, then the other side's own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence

from pscheduler_batch.text import printable

ERROR = "error"
WARNING = "warning"


class BatchError(Exception):
    """Anything that a user can cause or mend; its text is the whole message."""


@dataclass(frozen=True)
class Change:
    """
    What a transform did to a task.

    Attributes:
        transform: The JSON pointer of the transform in the input.
        part: The part of the task that is shown, as a JSON pointer into the task; "/" for all of it.
        before: That part as it went in: JSON text of limited length, without secrets; "" where there was none.
        after: The same as it came out; "" where it did not.
    """

    transform: str
    part: str
    before: str
    after: str = ""


@dataclass(frozen=True)
class Problem:
    """
    One thing that is wrong with a batch, or strange.

    Attributes:
        where: A JSON pointer into the input, "/" for the document as a whole.
        reason: What was found and what was expected, in one or more lines.
        line: The line of that place in the input, counted from 1, where the text of the input is known. Where a
            transform is to blame, it is the line of its script.
        column: The column of that place, counted from 1.
        during: Which iterations of which job it concerns, where it came up while they were worked out.
        end_column: The column behind the value or name in question, where it is a simple one that ends in that line.
        severity: "error" or "warning".
        change: What the transform did that is to blame, where one is.
        at_name: Whether it is about the pair's name, not about the value.
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
        # Names of the input are in there, which may hold what a terminal would obey.
        place = f"At {printable(self.where)}"
        if self.during:
            place += f", {printable(self.during)}"
        if self.line is not None:
            place += f" (line {self.line}, column {self.column})"
        reason = "\n".join(printable(line) for line in self.reason.split("\n"))
        return f"{place}: {reason}"


class InputError(BatchError):
    """
    A batch that cannot be run as it is written.

    Attributes:
        problems: Everything that was found wrong, in the order of the input; never empty.
        warnings: What is strange beside that, such as a name that occurs twice, and may be the cause.
        source: The name of the file, where there is one.
        text: The text of the input, where it came as text.
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
            lines = [f"{source}: {line}" for line in lines]
        super().__init__("\n".join(lines))


class TransformError(InputError):
    """A jq script that does not compile, fails, or gives something that cannot be used."""


class EndedError(BatchError):
    """
    A batch that could not be carried through.

    Attributes:
        document: The output document with everything obtained until then.
    """

    def __init__(self, message: str, document: Dict[str, Any]) -> None:
        self.document = document
        super().__init__(message)


class SchedulerError(BatchError):
    """
    A pScheduler server that did not do what was asked of it.

    Attributes:
        doing: The step, such as "posting the task".
        url: What was asked for.
    """

    def __init__(self, message: str, *, doing: str, url: str) -> None:
        self.doing = doing
        self.url = url
        super().__init__(f"{doing}: {message}")


class UnreachableError(SchedulerError):
    """
    There was no answer: no such name, no connection, a broken one, or none in time.

    Attributes:
        reason: What happened, in words.
        hint: What may help, to be put behind the reason as it is.
        sent: Whether the request may have reached the server. If not, nothing can have come of it and it can be made
            again, whatever it asks for.
        transient: Whether it may pass by itself soon; not so where the URL or the server's certificate is no good.
    """

    def __init__(
        self, reason: str, *, doing: str, url: str, hint: str = "", sent: bool = True, transient: bool = True
    ) -> None:
        self.reason = reason
        self.hint = hint
        self.sent = sent
        self.transient = transient
        super().__init__(f"cannot reach {url}: {reason}{hint}", doing=doing, url=url)


class RefusedError(SchedulerError):
    """
    The server answered, and said no.

    Attributes:
        status_code: The HTTP status.
        body: The server's own words, trimmed.
    """

    def __init__(self, status_code: int, body: str, *, doing: str, url: str) -> None:
        self.status_code = status_code
        self.body = body
        super().__init__(f"{url} answered {status_code}: {body}", doing=doing, url=url)


class UnscheduledError(SchedulerError):
    """The task was accepted, but no run of it was ever scheduled."""

    def __init__(self, reason: str, *, doing: str, url: str) -> None:
        super().__init__(f"no run was ever scheduled for {url}: {reason}", doing=doing, url=url)


class ReplyError(SchedulerError):
    """An answer that is not what the API says it should be."""

    def __init__(self, reason: str, *, doing: str, url: str) -> None:
        self.reason = reason
        super().__init__(f"{url} {reason}", doing=doing, url=url)


class UnfinishedError(SchedulerError):
    """A run that had not come to an end when the time allowed for that was over."""

    def __init__(self, reason: str, *, doing: str, url: str) -> None:
        super().__init__(f"{url} {reason}", doing=doing, url=url)
