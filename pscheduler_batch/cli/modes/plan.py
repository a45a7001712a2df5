"""``--plan``: show what would run when, as a table and a time line."""

from __future__ import annotations

import sys
from datetime import datetime, timezone

from pscheduler_batch.cli.execute import SUCCEEDED
from pscheduler_batch.cli.modes.dry_run import make_plan
from pscheduler_batch.cli.options import Options, print_warnings
from pscheduler_batch.model import Plan
from pscheduler_batch.output.destination import print_text
from pscheduler_batch.planning.timeline import setup_problems
from pscheduler_batch.running.retries import ANY
from pscheduler_batch.terminal.plan_view import plan_text
from pscheduler_batch.text import short_duration


def execute(options: Options) -> int:
    """Print the plan."""
    batch, plan = make_plan(options)
    print_warnings(options, batch, setup_problems(batch, plan))
    now = datetime.now(timezone.utc).astimezone()
    print_text(plan_text(batch, plan, stream=sys.stdout, start=now) + _notes(options, plan))
    return SUCCEEDED


def _notes(options: Options, plan: Plan) -> str:
    """Return the lines below a plan, after an empty one."""
    order = "" if plan.seed is None else f"Serial iterations are in random order; --shuffle {plan.seed} repeats it.\n"
    stop = "Nothing more is submitted after the first failure.\n" if options.stop_on_failure else ""
    notes = order + _retry_words(options) + stop
    return f"\n{notes}" if notes else ""


def _retry_words(options: Options) -> str:
    """Return a line about the iterations that are submitted again, which no plan can know."""
    if not options.retries:
        return ""
    which = "that fail" if options.retry_on == ANY else "that measure nothing"
    often = "once" if options.retries == 1 else f"up to {options.retries:,} times"
    delay = short_duration(options.retry_delay.total_seconds())
    return f"Iterations {which} are submitted again, {often}, {delay} after the others of their job.\n"
