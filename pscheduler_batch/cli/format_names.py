"""Names of formats of reports on the command line, those that other packages add among them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, List, Optional

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class FormatName(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """The name of a format; other packages are asked only for one that does not come with the program (ADR 54)."""

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        """Find a name, or report all that there are."""
        return value if value in self.choices else self._all().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> List[CompletionItem]:
        """Offer all names."""
        return self._all().shell_complete(ctx, param, incomplete)

    def _all(self) -> click.Choice:  # type: ignore[type-arg,unused-ignore]
        return click.Choice([*self.choices, *added_names()])


def added_names() -> List[str]:
    """Return the names of the formats that other packages add."""
    # Looking for them takes time, and --help does not need it.
    names: List[str] = import_module("pscheduler_batch.report.added_formats").added_names()
    return names
