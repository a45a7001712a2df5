"""What the tests of the embedded server have in common, beyond the interface that any test has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Mapping, Optional, Sequence

from pscheduler_batch.embedded.measuring.addresses import not_here
from pscheduler_batch.embedded.spec import SpecChecker
from pscheduler_batch.embedded.test import Test
from pscheduler_batch.iso8601 import parse_duration


class Measurement(Test):
    """
    A test whose specification is checked by a schema, and which refuses what cannot be done from this machine.

    Attributes:
        checker: Checks the specification.
        here: The fields of the specification that must be this machine.
        dest_here: The field with the other end, where that must be this machine too.
        refused: The fields that are accepted but cannot be honoured, each with the reason; ``false`` asks for nothing.
    """

    checker: ClassVar[SpecChecker]
    here: ClassVar[Sequence[str]] = ("source", "source-node")
    dest_here: ClassVar[Optional[str]] = None
    refused: ClassVar[Mapping[str, str]] = {}

    def check(self, spec: Any) -> None:
        """Check a specification against the schema of the version that it declares."""
        self.checker.check(spec)

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """
        Say why this machine cannot make the measurement, or None where it can.

        Resolves names, so it may take as long as the name service does.
        """
        for field, reason in self.refused.items():
            if spec.get(field, False) is not False:
                return f"{field} is not supported: {reason}"
        return not_here(spec, self.here, dest=self.dest_here)


class HostMeasurement(Measurement):
    """A test that takes place on one ``host`` (recordings b10, b11, b21, b23, b24)."""

    here = ("host", "host-node")

    def participants(self, spec: Mapping[str, Any]) -> Sequence[Optional[str]]:
        """Name the host, or None where the specification does not."""
        return [spec.get("host-node", spec.get("host"))]

    def null_reason(self) -> Mapping[str, str]:
        """Say why the participant is null."""
        return {"reason": "No host specified"}


def span(spec: Mapping[str, Any], field: str, default: str) -> timedelta:
    """Read a duration from a specification."""
    return parse_duration(spec.get(field, default))


def seconds(spec: Mapping[str, Any], field: str, default: str) -> float:
    """Read a duration from a specification, in seconds."""
    return span(spec, field, default).total_seconds()
