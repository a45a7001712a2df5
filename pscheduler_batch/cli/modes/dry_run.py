"""``--dry-run``: print the document with every task, without results."""

from __future__ import annotations

from pscheduler_batch.cli.batch_plan import make_plan
from pscheduler_batch.cli.exit_status import SUCCEEDED
from pscheduler_batch.cli.options import Options
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.output.document import pieces_of, render_plan


def execute(options: Options) -> int:
    """Write the document."""
    with Destination(options.output) as destination:
        batch, plan = make_plan(options)
        destination.write(lambda: pieces_of(render_plan(batch, plan)))
    return SUCCEEDED
