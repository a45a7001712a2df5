"""
The base classes of this package's own tests, and their forms for people.

A subclass of :class:`Measurement` names the schemas of its specification and the fields that must be this machine, and
implements ``duration``, ``measure`` and ``rows``.
"""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar, Iterable, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.embedded.command_line import CommandLine
from pscheduler_batch.embedded.measuring.addresses import not_here
from pscheduler_batch.embedded.spec import SpecChecker
from pscheduler_batch.embedded.test import Test

Row = Tuple[str, Any]


class Measurement(Test):
    """
    A test that checks its specification against a schema and refuses what this machine cannot measure.

    Attributes:
        checker: Checks the specification; it also determines ``highest_schema`` and the options of the command line.
        here: The fields of the specification that must be this machine.
        dest_here: The field with the other end, if that must be this machine too.
        refused: The fields that are accepted but cannot be honoured, each with the reason; ``false`` asks for nothing.
    """

    checker: ClassVar[SpecChecker]
    here: ClassVar[Sequence[str]] = ("source", "source-node")
    dest_here: ClassVar[Optional[str]] = None
    refused: ClassVar[Mapping[str, str]] = {}
    _command_line: ClassVar[CommandLine]

    def __init_subclass__(cls) -> None:
        """Take over the highest schema and the options of the checker."""
        if hasattr(cls, "checker"):
            cls.highest_schema = cls.checker.highest
            cls._command_line = CommandLine(cls.checker.schemas)

    def check(self, spec: Any) -> None:
        """Check a specification against the schema of the version that it declares."""
        self.checker.check(spec)

    def cli(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Return the options that :meth:`from_cli` reads (recording d18)."""
        return self._command_line.write(spec)

    def from_cli(self, arguments: Sequence[str]) -> Mapping[str, Any]:
        """Read the options that follow from the schemas of the checker (recordings n01 to n05)."""
        return self._command_line.read(arguments)

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """
        Return why this machine cannot make the measurement, or None if it can.

        Resolves names, so it may take as long as the name service does.
        """
        for field, reason in self.refused.items():
            if spec.get(field, False) is not False:
                return f"{field} is not supported: {reason}"
        return not_here(spec, self.here, dest=self.dest_here)

    def rows(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Row]:
        """Return a successful result as names and values; unused where ``plain`` and ``html`` are overridden."""
        return ()

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render the rows as text (recordings g12 and g-m-stream-result-plain)."""
        return dotted(self.rows(spec, result))

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render the rows as a table (recordings g13 and g-m-stream-result-html)."""
        return table(self.rows(spec, result))


class HostMeasurement(Measurement):
    """A test that takes place on one ``host`` (recordings b10, b11, b21, b23, b24)."""

    here = ("host", "host-node")

    def participants(self, spec: Mapping[str, Any]) -> Sequence[Optional[str]]:
        """Return the host, or None if the specification does not name one."""
        return [spec.get("host-node", spec.get("host"))]

    def null_reason(self) -> Mapping[str, str]:
        """Return why the participant is null."""
        return {"reason": "No host specified"}


def dotted(rows: Sequence[Row]) -> str:
    """
    Render rows as text, with dots between name and value and the values in one column.

    >>> print(dotted([("Dawdled", "P0D"), ("Text Received", "hello")]), end="")
    Dawdled ......... P0D
    Text Received ... hello
    """
    width = max((len(name) for name, _ in rows), default=0) + 4
    return "".join(f"{(name + ' ').ljust(width, '.')} {value}\n" for name, value in rows)


def cells(values: Iterable[Any], *, tag: str = "td") -> str:
    r"""
    Return one row of an HTML table; a value of None is an empty cell.

    >>> cells(["<b>", 1, None])
    '<tr><td>&lt;b&gt;</td><td>1</td><td></td></tr>\n'
    """
    inner = "".join(f"<{tag}>{'' if value is None else escape(str(value))}</{tag}>" for value in values)
    return f"<tr>{inner}</tr>\n"


def table(rows: Iterable[Sequence[Any]], *, header: Sequence[str] = (), footer: Sequence[str] = ()) -> str:
    r"""
    Return an HTML table; the lines of the footer span its whole width.

    >>> table([("Duration", "PT5S")])
    '<table>\n<tr><td>Duration</td><td>PT5S</td></tr>\n</table>\n'
    """
    first = cells(header, tag="th") if header else ""
    last = "".join(f'<tr><td colspan="{len(header)}">{escape(line)}</td></tr>\n' for line in footer)
    return "<table>\n" + first + "".join(cells(row) for row in rows) + last + "</table>\n"
