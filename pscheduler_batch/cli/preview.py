"""Looking at a batch without running it: its schema, a check, a plan, a dry run."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, List, Optional, Sequence

from pscheduler_batch.cli.options import Options, deadly_interrupt, embedded_server, tell_warnings
from pscheduler_batch.errors import BatchError, Problem
from pscheduler_batch.output.console import print_error, read_input, write_error
from pscheduler_batch.output.destination import Destination, print_text

if TYPE_CHECKING:
    from pscheduler_batch.planning.check_result import CheckResult
    from pscheduler_batch.planning.server_problems import DistinctTest


def look(options: Options) -> bool:
    """
    Show what was asked for; nothing is submitted.

    Returns:
        Whether the batch is right, as far as it was looked at.

    Raises:
        BatchError: It is not, or what was asked for cannot be shown.
    """
    if options.schema:
        from pscheduler_batch.input.editor_schema import schema_text  # noqa: PLC0415

        print_text(schema_text())
        return True
    with deadly_interrupt():
        if options.check or options.check_server:
            return _check(options)
        _show_plan(options)
        return True


def _check(options: Options) -> bool:
    from pscheduler_batch.planning.check_result import CheckResult, render_json, render_summary, render_text  # noqa: PLC0415

    try:
        checked = _look_for_problems(options)
    except BatchError as error:
        if options.format != "json":
            raise
        # What reads that wants an answer whatever happens, such as that there is no such file.
        checked = CheckResult(options.source, None, None, 0, (Problem("/", str(error)),))
    if options.format == "json":
        print_text(render_json(checked))
        return checked.valid
    said = render_text(checked)
    if said and not (options.quiet and checked.valid):
        write_error(said)
    if checked.valid and not options.quiet:
        print_text(f"{render_summary(checked, asked=options.check_server)}\n")
    return checked.valid


def _look_for_problems(options: Options) -> CheckResult:
    from pscheduler_batch.planning.check import check_batch  # noqa: PLC0415

    checked = check_batch(
        read_input(options.input_file),
        source=options.source,
        max_iterations=options.max_iterations,
        limit=options.check_limit,
        with_questions=options.check_server,
    )
    return checked.with_problems(_ask_servers(options, checked.questions)) if checked.questions else checked


def _ask_servers(options: Options, questions: Sequence[DistinctTest]) -> List[Problem]:
    """Ask the servers what they know about the tests of a batch."""
    import asyncio  # noqa: PLC0415

    from pscheduler_batch.planning.server_check import RETRIES, check_on_servers  # noqa: PLC0415
    from pscheduler_batch.scheduler.hosts import find_hosts, open_exchange  # noqa: PLC0415
    from pscheduler_batch.session import Session  # noqa: PLC0415

    async def ask(only: Optional[str]) -> List[Problem]:
        exchange = open_exchange(options.settings, Session(log=partial(_debug, options)), RETRIES)
        try:
            return await check_on_servers(questions, exchange, find_hosts(options.settings, only=only))
        finally:
            await exchange.aclose()

    with ExitStack() as stack:
        return asyncio.run(ask(stack.enter_context(embedded_server()) if options.embedded else None))


def _debug(options: Options, message: str) -> None:
    if options.debug:
        print_error(f"debug: {message}")


def _show_plan(options: Options) -> None:
    from pscheduler_batch.input.loader import load_batch  # noqa: PLC0415
    from pscheduler_batch.planning.planner import plan_batch  # noqa: PLC0415
    from pscheduler_batch.transforms.pipeline import Transforms  # noqa: PLC0415

    with Destination(options.output) as destination:
        batch = load_batch(read_input(options.input_file), source=options.source)
        plan = plan_batch(batch, Transforms(batch), max_iterations=options.max_iterations)
        tell_warnings(options, batch, plan.warnings)
        if options.plan:
            from pscheduler_batch.planning.timeline import setup_problems  # noqa: PLC0415
            from pscheduler_batch.terminal.plan_view import plan_text  # noqa: PLC0415

            tell_warnings(options, batch, setup_problems(batch, plan))
            now = datetime.now(timezone.utc).astimezone()
            print_text(plan_text(batch, plan, stream=sys.stdout, start=now))
        elif options.diff:
            from pscheduler_batch.terminal.task_diff import difference_lines  # noqa: PLC0415

            lines = difference_lines(plan)
            destination.write_bytes("".join(f"{line}\n" for line in lines).encode())
        else:
            from pscheduler_batch.output.document import pieces_of, render_plan  # noqa: PLC0415

            destination.write(lambda: pieces_of(render_plan(batch, plan)))
