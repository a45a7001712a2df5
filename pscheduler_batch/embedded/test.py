"""
The interface of the embedded server's tests.

A test is a module with one subclass of :class:`Test`. It is found through the entry-point group
``pscheduler_batch.embedded_tests``, so another package can add one; the server knows nothing else about it. Most tests
derive from :class:`pscheduler_batch.embedded.measurement.Measurement`, which leaves less to write.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, AsyncIterator, Dict, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.entry_points import entry_points_of

ENTRY_POINT_GROUP = "pscheduler_batch.embedded_tests"

_LONGEST_CHAIN = 8


class SpecError(Exception):
    """An invalid test specification; the text is worded as pScheduler words it (recordings b30 to b38)."""


class UsageError(Exception):
    """Arguments that describe no specification, or that ask for help; the text is for the user (n04 and n05)."""


class UnsupportedFormatError(Exception):
    """The test cannot render its result in this format; the server answers 500 (recording g-m-thr-result-html)."""


@dataclass(frozen=True)
class Outcome:
    """
    The outcome of one measurement; :func:`success` and :func:`failure` make those of a single participant.

    Attributes:
        merged: The result as the client sees it (``result-merged``); has ``succeeded``.
        full: What each participant reported (``result-full``): objects with ``succeeded``, ``result``, ``error`` and
            ``diags``, see :func:`participant`.
        errors: What the tool wrote to its standard error (the run's ``errors``).
    """

    merged: Mapping[str, Any]
    full: Tuple[Mapping[str, Any], ...]
    errors: Optional[str] = None


class Test(ABC):
    """
    A kind of measurement.

    Attributes:
        name: The test's ``type``.
        description: One line, as ``GET /tests/NAME`` shows it.
        tool: The name of the tool that the server says it uses.
        scheduling_class: ``background``, ``background-multi``, ``normal`` or ``exclusive``, in pScheduler's sense.
        highest_schema: The highest ``schema`` that a spec may declare.
    """

    name: str
    description: str
    tool: str
    scheduling_class: str = "background"
    highest_schema: int = 1

    @property
    def multi_result(self) -> bool:
        """Whether one task of this test gives several results, each as a run of its own."""
        return self.scheduling_class == "background-multi"

    @abstractmethod
    def check(self, spec: Any) -> None:
        """
        Check a specification.

        Raises:
            SpecError: The specification is invalid.
        """

    def participants(self, spec: Mapping[str, Any]) -> Sequence[Optional[str]]:
        """Return the hosts that take part, the lead first; None is this server's host (recordings b10 to b24)."""
        return [spec.get("source-node", spec.get("source"))]

    def null_reason(self) -> Mapping[str, str]:
        """Return why the first participant is null, under the name that pScheduler's test uses for it."""
        return {"null-reason": "No source specified"}

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Return why this machine cannot make the measurement, for an answer of 422, or None if it can."""
        return None

    @abstractmethod
    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the maximum duration of the measurement; the run's announced end is computed from it."""

    def cli(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Return the options of pScheduler's ``task`` command for this specification."""
        return [word for name, value in spec.items() if name != "schema" for word in (f"--{name}", str(value))]

    def from_cli(self, arguments: Sequence[str]) -> Mapping[str, Any]:
        """
        Return the specification that arguments of pScheduler's ``task`` command describe; it need not be valid.

        Raises:
            UsageError: The arguments are wrong or ask for help, or the test has no options.
        """
        raise UsageError(f"The test {self.name} has no command-line options; give its spec in JSON.")

    @abstractmethod
    def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """
        Measure: an asynchronous generator of one outcome, or of several if ``multi_result`` is true.

        It must not block the event loop, and is cancelled when the task is.
        """

    @abstractmethod
    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render a successful merged result as plain text (``text/plain``)."""

    @abstractmethod
    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """
        Render a successful merged result as a fragment of HTML (``text/html``).

        Raises:
            UnsupportedFormatError: The test cannot render its result as HTML.
        """


def participant(result: Any, *, diags: str = "", error: Optional[str] = None, succeeded: bool = True) -> Dict[str, Any]:
    """Return the report of one participant."""
    return {"diags": diags, "error": error, "result": result, "succeeded": succeeded}


def success(merged: Mapping[str, Any], *, result: Any = None, diags: str = "", error: Optional[str] = None) -> Outcome:
    """
    Return the outcome of a successful measurement with one participant (recordings e36 and of group g).

    Args:
        merged: The merged result, with ``succeeded``.
        result: The participant's own result, if it differs from the merged one.
        diags: How the measurement was made.
        error: What pScheduler's tool reports there on success: null, or an empty text.
    """
    return Outcome(merged, (participant(merged if result is None else result, diags=diags, error=error),))


def failure(error: str, *, diags: str = "", merged: Optional[Mapping[str, Any]] = None) -> Outcome:
    """
    Return the outcome of a failed measurement with one participant (recordings f-noopfail and f-dnsfail).

    Args:
        error: The reason.
        diags: How the measurement was made.
        merged: What the merged result holds besides ``succeeded``, if anything.
    """
    result = None if merged is None else {**merged, "succeeded": False}
    report = participant(result, diags=diags, error=error, succeeded=False)
    return Outcome({"succeeded": False} if result is None else result, (report,))


def reason_of(error: BaseException) -> str:
    """Return the system's own words for an error, which libraries wrap in more general ones, several levels deep."""
    found: Optional[BaseException] = error
    reason = str(error) or type(error).__name__
    for _ in range(_LONGEST_CHAIN):
        number = getattr(found, "errno", None) or 0
        if number > 0:  # The name service has negative ones.
            reason = os.strerror(number)
        found = None if found is None else found.__cause__ or found.__context__
    return reason


def load_tests() -> Dict[str, Test]:
    """Return the installed tests by name; one that cannot be imported or created is left out with a warning."""
    tests = {}
    for entry_point in entry_points_of(ENTRY_POINT_GROUP):
        try:
            test = _create(entry_point.load())
            tests[test.name] = test
        except Exception as error:  # noqa: BLE001 - another package's code may raise anything
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"the embedded server does not offer the test {entry_point.name}: {reason}", stacklevel=2)
    return tests


def _create(kind: object) -> Test:
    if not (isinstance(kind, type) and issubclass(kind, Test)):
        raise TypeError(f"{kind} is not a test of the embedded server")
    return kind()
