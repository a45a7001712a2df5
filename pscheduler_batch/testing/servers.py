"""Embedded servers for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pscheduler_batch.cli.embedded_server import load_server
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.output.console import CommandError

if TYPE_CHECKING:
    from pscheduler_batch.embedded.server import EmbeddedServer

__all__ = ["CommandError", "make_server"]

QUICK = Pace(scheduling=0.02, setup=0.03, cleanup=0.01)


def make_server(**options: Any) -> EmbeddedServer:
    """
    Make an embedded server that answers as fast as it can; it is not running yet.

    Args:
        options: Those of :class:`~pscheduler_batch.embedded.server.EmbeddedServer`, instead of short delays and
            connections that are kept open.

    Raises:
        CommandError: A package that the embedded server needs is not installed.
        TypeError: There is no such option.
    """
    server: EmbeddedServer = load_server().EmbeddedServer(**{"pace": QUICK, "keep_alive": True, **options})
    return server
