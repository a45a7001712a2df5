"""Read a batch and make the tasks of its iterations, for the modes that show them."""

from __future__ import annotations

from typing import Tuple

from pscheduler_batch.cli.options import Options, print_warnings
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.output.console import read_input
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms


def make_plan(options: Options) -> Tuple[Batch, Plan]:
    """
    Make the plan of the batch and print its warnings.

    Raises:
        InputError: The batch is wrong.
        CommandError: It cannot be read.
    """
    batch = load_batch(read_input(options.input_file), source=options.source)
    plan = plan_batch(batch, Transforms(batch), max_iterations=options.max_iterations)
    print_warnings(options, batch, plan.warnings)
    return batch, plan
