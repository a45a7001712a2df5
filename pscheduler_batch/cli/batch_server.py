"""The ``batch-server`` command: run the embedded server until it is interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.embedded_server import load_server
from pscheduler_batch.cli.execute import FAILED
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.errors import BatchError
from pscheduler_batch.output.console import print_error
from pscheduler_batch.output.destination import print_text

_PROGRAM = "pscheduler batch-server"


@click.command("batch-server", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Loopback address to listen on."
)
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="Port to listen on.  [default: a free one]"
)
@click.option("--real-pace", is_flag=True, help="Set up runs as slowly as real servers, in about ten seconds.")
@click.option("--keep-alive", is_flag=True, help="Keep connections open; real servers close them after each reply.")
@click.option(
    "--classes",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Also offer pScheduler's plug-ins (test/NAME/METHOD, tool/NAME/METHOD) in DIRECTORY.",
)
@click.version_option(__version__, prog_name="pscheduler-batch")
def batch_server(host: str, port: int, classes: Optional[Path], *, real_pace: bool, keep_alive: bool) -> None:
    """
    Run a small pScheduler server on this machine, to try batches and the API.

    It really measures what can be measured from this machine, and speaks HTTPS with a self-signed certificate. Its URL
    is the first line of the standard output. It runs until it is interrupted.
    """
    try:
        embedded = load_server()
        plugins = None if classes is None else embedded.load_classes(classes)
        for problem in plugins.problems if plugins is not None else ():
            print_error(f"{classes}/{problem}", program=_PROGRAM, severity="warning")
        pace = Pace.real() if real_pace else Pace()
        server = embedded.EmbeddedServer(host=host, port=port, pace=pace, keep_alive=keep_alive, classes=plugins)
        embedded.serve(server, lambda url: print_text(f"{url}\n"))
    except BatchError as error:
        print_error(str(error), program=_PROGRAM)
        sys.exit(FAILED)
