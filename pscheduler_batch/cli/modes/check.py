"""``--check``: print every error of a batch; run nothing."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from pscheduler_batch.cli.execute import FAILED, SUCCEEDED
from pscheduler_batch.cli.option_values import Options
from pscheduler_batch.errors import BatchError, Problem
from pscheduler_batch.output.console import read_input, write_error
from pscheduler_batch.output.destination import print_text
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import CheckResult, render_json, render_summary, render_text
from pscheduler_batch.planning.server_problems import DistinctTest

AskServers = Callable[[Options, Sequence[DistinctTest]], List[Problem]]


def execute(options: Options, ask_servers: Optional[AskServers] = None) -> int:
    """
    Check the batch and print the result.

    Args:
        options: What was asked for.
        ask_servers: Returns what servers find wrong with the tests; None if none is to be asked.
    """
    try:
        result = _check(options, ask_servers)
    except BatchError as error:
        if options.format != "json":
            raise
        # A program that reads JSON needs an answer in any case, for example if the file does not exist.
        result = CheckResult(options.source, None, None, 0, (Problem("/", str(error)),))
    if options.format == "json":
        print_text(render_json(result))
    else:
        _print_text(options, result, asked=ask_servers is not None)
    return SUCCEEDED if result.valid else FAILED


def _check(options: Options, ask_servers: Optional[AskServers]) -> CheckResult:
    result = check_batch(
        read_input(options.input_file),
        source=options.source,
        max_iterations=options.max_iterations,
        limit=options.check_limit,
        with_questions=ask_servers is not None,
    )
    if ask_servers is None or not result.questions:
        return result
    return result.with_problems(ask_servers(options, result.questions))


def _print_text(options: Options, result: CheckResult, *, asked: bool) -> None:
    problems = render_text(result)
    if problems and not (options.quiet and result.valid):
        write_error(problems)
    if result.valid and not options.quiet:
        print_text(f"{render_summary(result, asked=asked)}\n")
