"""The ``batch-server`` command: the embedded server on its own."""

from __future__ import annotations

import sys

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.errors import BatchError


@click.command("batch-server", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The loopback address to listen on."
)
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="The port.  [default: a free one]")
@click.option("--real-pace", is_flag=True, help="Take as long to set up a run as real servers do, some ten seconds.")
@click.option("--keep-alive", is_flag=True, help="Keep connections open; stock servers close each.")
@click.version_option(__version__, prog_name="pscheduler-batch")
def batch_server(host: str, port: int, *, real_pace: bool, keep_alive: bool) -> None:
    """
    Run a small pScheduler server on this machine, for trying batches and the API.

    It really measures what can be measured from here, over HTTPS with a certificate of its own, until it is
    interrupted. Its URL is the first line of the standard output.
    """
    try:
        from pscheduler_batch.embedded.pace import Pace  # noqa: PLC0415
        from pscheduler_batch.embedded.server import serve  # noqa: PLC0415
    except ImportError as error:
        click.echo(
            f"pscheduler batch-server: a package that it needs is not installed ({error.name}); "
            "install them with: pip install 'pscheduler-batch[embedded]'",
            err=True,
        )
        sys.exit(1)
    try:
        serve(host, port, Pace.real() if real_pace else Pace(), keep_alive, click.echo)
    except BatchError as error:
        click.echo(f"pscheduler batch-server: {error}", err=True)
        sys.exit(1)
