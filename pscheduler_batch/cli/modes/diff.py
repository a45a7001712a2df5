"""``--dry-run --diff``: print what the transforms change in each task."""

from __future__ import annotations

from pscheduler_batch.cli.batch_plan import make_plan
from pscheduler_batch.cli.exit_status import SUCCEEDED
from pscheduler_batch.cli.options import Options
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.terminal.task_diff import difference_lines


def execute(options: Options) -> int:
    """Write the differences."""
    with Destination(options.output) as destination:
        _, plan = make_plan(options)
        destination.write_bytes("".join(f"{line}\n" for line in difference_lines(plan)).encode())
    return SUCCEEDED
