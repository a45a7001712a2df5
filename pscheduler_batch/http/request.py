"""A request as its caller describes it: what to send, what it is for, and how patient to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Awaitable, Callable, FrozenSet, Optional, Union

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.response import Reply

# What one attempt at a request comes to.
Outcome = Union[Reply, UnreachableError, ReplyError]


class Purpose(Enum):
    """What a request is for, as far as it decides whose turn it is (ADR 20), and what limits it (ADR 49)."""

    # It fetches what is still missing of an iteration.
    FINISH = "finish"
    # It submits a task.
    SUBMIT = "submit"
    # It finds out where a task goes.
    LOOK_UP = "look-up"
    # The server answers as soon as something has happened, so how long that takes says nothing about the server.
    WAIT = "wait"
    # It cancels a task, which waits for nothing else.
    CANCEL = "cancel"
    OTHER = "other"


@dataclass(frozen=True)
class OutageLimits:
    """
    What counts as an outage of the server, and how patiently to wait for its end.

    Attributes:
        span: How long to keep trying.
        pause: How long to wait between two attempts, once the quick retries are used up.
        statuses: What says that the server is not back yet, beside no answer at all and those of an overload.
    """

    span: timedelta
    pause: timedelta
    statuses: FrozenSet[int]


@dataclass(frozen=True)
class Request:
    """
    One request.

    Attributes:
        method: Such as ``GET``.
        url: The whole URL.
        doing: The step, for messages.
        purpose: What it is for.
        content: A JSON text to send.
        bind: The local address to send from.
        wait: How many seconds the server was asked to wait before it answers.
        limit: The time limit of an attempt in addition to that, if it is shorter than that of all requests.
        outage: How to wait for the end of an outage; None leaves it at the quick retries.
        final_words: An answer of 500 with these words is final.
        retried: Whether it is retried if that may help.
        settle: Called with each outcome of a POST that may have reached the server. Returns the reply that counts, or
            None if the POST made nothing and is to be repeated; raises if neither can be found out. After a 429 that
            says when to ask again, the POST is repeated then.
    """

    method: str
    url: str
    doing: str
    purpose: Purpose = Purpose.OTHER
    content: Optional[str] = None
    bind: Optional[str] = None
    wait: float = 0
    limit: timedelta = timedelta.max
    outage: Optional[OutageLimits] = None
    final_words: str = ""
    retried: bool = True
    settle: Optional[Callable[[Outcome], Awaitable[Optional[Reply]]]] = None
