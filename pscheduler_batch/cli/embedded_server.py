"""The embedded server, whose packages are not always installed."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Iterator

from pscheduler_batch.output.console import CommandError


def load_server() -> ModuleType:
    """
    Import the embedded server.

    Raises:
        CommandError: A package that it needs is not installed.
    """
    try:
        return import_module("pscheduler_batch.embedded.server")
    except ImportError as error:
        raise CommandError(
            f"the embedded server needs the package {error.name}, which is not installed; "
            "run: pip install 'pscheduler-batch[embedded]'"
        ) from error


@contextmanager
def embedded_server() -> Iterator[str]:
    """
    Run the embedded server; the value is its host and port.

    Raises:
        CommandError: A package that it needs is not installed.
    """
    with load_server().EmbeddedServer(keep_alive=True) as server:
        yield server.netloc
