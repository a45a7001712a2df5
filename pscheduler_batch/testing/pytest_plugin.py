"""
The plug-in of pytest, an entry point: every pytest imports this file where the package is installed.

So it imports the rest of the package only for tests that use a fixture.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Iterator

import pytest

if TYPE_CHECKING:
    from pscheduler_batch.embedded.server import EmbeddedServer
    from pscheduler_batch.testing.batch_runner import BatchRunner

_MARKER = (
    "pscheduler_server(**options): the options of the EmbeddedServer of this test, such as pace=Pace.real(), "
    "keep_alive=False or tests={...}"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def pscheduler_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """
    A pScheduler server on loopback for this test alone, with all installed measurements, short delays and no tasks.

    ``pscheduler_server.netloc`` is its host and port, ``pscheduler_server.state.tasks`` what was submitted, and
    ``pscheduler_server.state.faults`` makes it fail. The marker ``pscheduler_server`` has other options for it.
    """
    marker = request.node.get_closest_marker("pscheduler_server")
    if marker is not None and marker.args:
        pytest.fail("the marker pscheduler_server takes keyword arguments only", pytrace=False)
    servers = import_module("pscheduler_batch.testing.servers")
    try:
        server: EmbeddedServer = servers.make_server(**({} if marker is None else marker.kwargs))
    except servers.CommandError as error:
        pytest.fail(str(error), pytrace=False)
    with server:
        yield server


@pytest.fixture
def pscheduler_batch(pscheduler_server: EmbeddedServer) -> BatchRunner:
    """
    A function that runs a batch on ``pscheduler_server``, whatever hosts it names, and returns its output document.

    The batch is a ``pathlib.Path``, JSON text or an object; see
    :class:`~pscheduler_batch.testing.batch_runner.BatchRunner`.
    """
    runner: BatchRunner = import_module("pscheduler_batch.testing.batch_runner").BatchRunner(pscheduler_server.netloc)
    return runner
