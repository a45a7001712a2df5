"""
What a test of the embedded server is.

One test is one small module with one subclass of :class:`Test`, found through the entry-point group
``pscheduler_batch.embedded_tests``, so that another package can add one. The server knows nothing about any test beyond
this class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, AsyncIterator, Mapping, Optional, Sequence, Tuple

ENTRY_POINT_GROUP = "pscheduler_batch.embedded_tests"


class SpecError(Exception):
    """A test specification that is wrong; the text is worded as pScheduler words it (recordings b30 to b38)."""


class UnsupportedFormatError(Exception):
    """A test has no such form of its result; the server answers 500 (recording g-m-thr-result-html)."""


@dataclass(frozen=True)
class Outcome:
    """
    What one measurement gave.

    Attributes:
        merged: The result as the client sees it (``result-merged``); has ``succeeded``.
        full: What each participant reported (``result-full``): objects with ``succeeded``, ``result``, ``error`` and
            ``diags``.
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
            SpecError: The specification is wrong.
        """

    def participants(self, spec: Mapping[str, Any]) -> Sequence[Optional[str]]:
        """Name the hosts that take part, the lead first; None is the host that was asked (recordings b10 to b24)."""
        source = spec.get("source-node", spec.get("source"))
        return [source]

    def null_reason(self) -> Mapping[str, str]:
        """Say why the first participant is null, under the name that pScheduler's test uses for it."""
        return {"null-reason": "No source specified"}

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Say why this machine cannot make the measurement, or None where it can; the server then answers 422."""
        return None

    @abstractmethod
    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Say how long the measurement will take at the most; the announced end of the run comes from this."""

    def cli(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Say the options that pScheduler's ``task`` command would take for this specification."""
        options = []
        for name, value in spec.items():
            if name != "schema":
                options += [f"--{name}", str(value)]
        return options

    @abstractmethod
    def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """
        Make the measurement: an asynchronous generator of one outcome, or of several where ``multi_result`` is true.

        Must not block the event loop; cancelled when the task is.
        """

    @abstractmethod
    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render a successful merged result as text for people (``text/plain``)."""

    @abstractmethod
    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """
        Render a successful merged result as a fragment of HTML (``text/html``).

        Raises:
            UnsupportedFormatError: The test has no such form.
        """
