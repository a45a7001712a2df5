"""A test of a class folder."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from pscheduler_batch.embedded.classes.methods import Methods
from pscheduler_batch.embedded.offers import MethodError, OfferedTest
from pscheduler_batch.embedded.test import SpecError, UsageError


class PluginTest(OfferedTest):
    """A test whose methods are processes."""

    def __init__(self, methods: Methods, document: Mapping[str, Any]) -> None:
        """Take the methods of the plug-in and what ``enumerate`` printed."""
        self.name = methods.name
        self.document = document
        self._methods = methods

    async def check(self, spec: Any) -> None:
        """Check a specification."""
        verdict = await self._methods.json("spec-is-valid", spec)
        if verdict.get("valid") is not True:
            raise SpecError(verdict.get("error", "Unspecified error"))

    async def participants(self, spec: Any) -> Mapping[str, Any]:
        """Return the participants of a specification, which is not checked, as in pScheduler."""
        found: Mapping[str, Any] = await self._methods.json("participants", spec)
        hosts = found.get("participants")
        if not isinstance(hosts, list) or not hosts or not all(isinstance(host, str) for host in hosts[1:]):
            raise MethodError(f"test {self.name}: participants returned no participants")
        if not isinstance(hosts[0], (str, type(None))):
            raise MethodError(f"test {self.name}: participants returned a lead that is neither a host nor null")
        return found

    async def to_cli(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Return the options; the plug-in gets secrets of the specification, and may repeat them (recording j21)."""
        return tuple(str(word) for word in await self._methods.json("spec-to-cli", spec, list))

    async def from_cli(self, arguments: Sequence[Any]) -> Mapping[str, Any]:
        """Return the specification of some arguments."""
        try:
            spec: Mapping[str, Any] = await self._methods.json("cli-to-spec", list(arguments))
        except MethodError as error:
            raise UsageError(str(error)) from error
        return spec

    async def render(self, spec: Mapping[str, Any], result: Mapping[str, Any], form: str) -> str:
        """Render a result."""
        return await self._methods.text("result-format", {"spec": spec, "result": result}, arguments=[form])
