"""What running a batch and looking at it begin with."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterable, Iterator

from pscheduler_batch.messages import CommandError, read_input, show_warnings
from pscheduler_batch.options import Options

if TYPE_CHECKING:
    from pscheduler_batch.connections import Connections
    from pscheduler_batch.errors import Problem
    from pscheduler_batch.model import Batch
    from pscheduler_batch.processor import AsyncBatchProcessor


def make_processor(options: Options) -> AsyncBatchProcessor:
    """
    Read the batch and prepare to run it.

    Raises:
        InputError: The batch is wrong.
        CommandError: It cannot be read.
    """
    from pscheduler_batch.processor import AsyncBatchProcessor  # noqa: PLC0415
    from pscheduler_batch.waiting import Patience  # noqa: PLC0415

    return AsyncBatchProcessor(
        read_input(options.input_file),
        options.assist,
        options.assist_bind,
        options.lead,
        options.bind,
        source=options.source,
        verify_tls=options.verify_tls,
        ca_file=options.ca_file,
        max_connections=options.max_connections,
        max_iterations=options.max_iterations,
        timeout=options.timeout,
        mark=not options.no_mark,
        cancel=not options.no_cancel,
        journal=options.journal or options.resume,
        resume=options.resume is not None,
        patience=Patience(result=options.result_wait),
    )


def make_connections(options: Options) -> Connections:
    """Say how servers are spoken to."""
    from pscheduler_batch.connections import Connections  # noqa: PLC0415

    return Connections(
        options.assist,
        options.assist_bind,
        options.lead,
        options.bind,
        verify_tls=options.verify_tls,
        ca_file=options.ca_file,
        max_connections=options.max_connections,
        timeout=options.timeout,
    )


def tell_warnings(options: Options, batch: Batch, warnings: Iterable[Problem]) -> None:
    """Say what is strange about a batch, unless the user wants to hear of errors only."""
    if not options.quiet:
        show_warnings(warnings, text=batch.text, source=batch.source)


@contextmanager
def embedded_server() -> Iterator[str]:
    """
    Run a pScheduler server on loopback, and say where it is.

    Raises:
        CommandError: What it needs is not installed.
    """
    try:
        from pscheduler_batch.embedded.server import EmbeddedServer  # noqa: PLC0415
    except ImportError as error:
        raise CommandError(
            f"the embedded server needs a package that is not installed ({error.name}); "
            "install them with: pip install 'pscheduler-batch[embedded]'"
        ) from error
    with EmbeddedServer(keep_alive=True) as server:
        yield server.netloc


@contextmanager
def deadly_interrupt() -> Iterator[None]:
    """
    Let Control-C end the process at once, as other signals do, where there is nothing to save.

    jq cannot be interrupted from Python. While tasks are under way, signals are watched for in another way.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:
        # Not in the main thread, where signals do not arrive anyway.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
