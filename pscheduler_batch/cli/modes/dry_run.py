"""``--dry-run``: print the document with every task, or what the transforms change; submit nothing."""

from __future__ import annotations

from typing import Tuple

from pscheduler_batch.cli.batch_input import given_selection, given_values
from pscheduler_batch.cli.execute import SUCCEEDED
from pscheduler_batch.cli.expectations import given_expectations
from pscheduler_batch.cli.options import Options, print_warnings
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.metrics.expectations import jobs_of, resolve, tests_of
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.output.console import read_input
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.output.document import pieces_of, render_plan
from pscheduler_batch.planning.parallel_limit import limit_parallel
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.random_order import seed_of, shuffle_serial
from pscheduler_batch.terminal.task_diff import difference_lines
from pscheduler_batch.transforms.pipeline import Transforms


def execute(options: Options) -> int:
    """Write the document, or the differences with ``--diff``."""
    with Destination(options.output) as destination:
        batch, plan = make_plan(options)
        if options.diff:
            destination.write_bytes(f"{line}\n".encode() for line in difference_lines(plan))
        else:
            destination.write(lambda: pieces_of(render_plan(batch, plan)))
    return SUCCEEDED


def make_plan(options: Options) -> Tuple[Batch, Plan]:
    """
    Read the batch, make the tasks of its iterations, and print its warnings.

    Raises:
        InputError: The batch, a value for it or an expectation is wrong.
        CommandError: It cannot be read.
    """
    expectations = given_expectations(options.expect, options.expect_file)
    batch = load_batch(
        read_input(options.input_file),
        source=options.source,
        values=given_values(options),
        selection=given_selection(options),
    )
    plan = plan_batch(batch, Transforms(batch), max_iterations=options.max_iterations)
    plan = limit_parallel(batch, plan, options.max_parallel)
    resolve(expectations, jobs_of(batch.jobs, tests_of(plan)))
    print_warnings(options, batch, plan.warnings)
    return batch, shuffle_serial(plan, seed_of(options.shuffle))
