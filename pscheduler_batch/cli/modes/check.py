"""``--check``: print every error of a batch; run nothing."""

from __future__ import annotations

import os
from functools import partial
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from pscheduler_batch.cli.batch_input import given_selection, given_values
from pscheduler_batch.cli.execute import FAILED, SUCCEEDED, WRONG_USAGE
from pscheduler_batch.cli.expectations import given_expectations
from pscheduler_batch.cli.options import Options
from pscheduler_batch.errors import BatchError, ExpectationError, Problem
from pscheduler_batch.metrics.expectations import Expectation, jobs_of, resolve, tests_of
from pscheduler_batch.model import JSON, Plan
from pscheduler_batch.output.console import CommandError, read_input, write_error
from pscheduler_batch.output.destination import Destination, print_text
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import (
    CheckResult,
    render_json,
    render_summary,
    render_text,
    render_tools,
)
from pscheduler_batch.planning.server_problems import (
    DistinctTest,
    ServerAnswers,
    distinct_tests,
    read_tests,
    write_tests,
)
from pscheduler_batch.text import printable

AskServers = Callable[[Options, Sequence[DistinctTest]], ServerAnswers]


def execute(options: Options, ask_servers: Optional[AskServers] = None) -> int:
    """
    Check the batch and print the result, or write it to a file with ``--output``.

    Args:
        options: What was asked for.
        ask_servers: Returns what servers say about the tests; None if none is to be asked.

    Raises:
        ExpectationError: An expectation is wrong.
    """
    _require_other_output(options)
    expectations, wrong = _read_expectations(options)
    with Destination(options.output, holds="result") as destination:
        try:
            result = _check(options, ask_servers)
        except BatchError as error:
            if options.format != "json":
                raise
            # A program that reads JSON needs an answer in any case, for example if the file does not exist.
            result = CheckResult(options.source, None, None, 0, (Problem("/", str(error)),))
        wrong = wrong or _find_unknown(expectations, result)
        problems, summary = _render(options, result, wrong, asked=ask_servers is not None)
        if options.output is not None:
            destination.write_bytes(f"{text}\n".encode() for text in (problems, summary) if text)
        else:
            _print(problems, summary)
    if wrong is None:
        return SUCCEEDED if result.valid else FAILED
    if options.format != "json":
        raise wrong
    return WRONG_USAGE


def _read_expectations(options: Options) -> Tuple[Tuple[Expectation, ...], Optional[ExpectationError]]:
    try:
        return given_expectations(options.expect, options.expect_file), None
    except ExpectationError as error:
        return (), error


def _find_unknown(expectations: Sequence[Expectation], result: CheckResult) -> Optional[ExpectationError]:
    """Return the error of expectations that are about no job; None if the jobs are not known."""
    if not result.valid or result.batch is None:
        return None
    try:
        resolve(expectations, jobs_of(result.batch.jobs, _tests_in(result)))
    except ExpectationError as error:
        return error
    return None


def _tests_in(result: CheckResult) -> Dict[int, List[str]]:
    return dict(result.examined["tests"]) if result.examined else {}


def _require_other_output(options: Options) -> None:
    if options.output is not None and os.path.realpath(options.output) == os.path.realpath(options.input_file):
        raise CommandError(f"cannot write {printable(options.output)}: it is the batch to check; choose another file")


def _check(options: Options, ask_servers: Optional[AskServers]) -> CheckResult:
    result = check_batch(
        read_input(options.input_file),
        source=options.source,
        values=given_values(options),
        selection=given_selection(options),
        max_iterations=options.max_iterations,
        max_parallel=options.max_parallel,
        limit=options.check_limit,
        examine=partial(_examine, with_questions=ask_servers is not None),
    )
    questions = read_tests(result.examined["questions"]) if result.examined else ()
    if ask_servers is None or not questions:
        return result
    return result.with_answers(ask_servers(options, questions))


def _examine(plan: Plan, *, with_questions: bool) -> JSON:
    """Return what is asked about the plan later: the tests of each job, and those that servers are asked about."""
    questions = distinct_tests(plan) if with_questions else ()
    return {"tests": list(tests_of(plan).items()), "questions": write_tests(questions)}


def _render(
    options: Options, result: CheckResult, wrong: Optional[ExpectationError], *, asked: bool
) -> Tuple[str, str]:
    """Return the text for the standard error and that for the standard output, each without a final newline."""
    if options.format == "json":
        return "", render_json(result, wrong)
    shown = [] if options.quiet and result.valid else [render_text(result)]
    shown += [render_tools(result)] if options.verbose or options.debug else []
    right = result.valid and wrong is None
    summary = render_summary(result, asked=asked) if right and not options.quiet else ""
    return "\n".join(text for text in shown if text), summary


def _print(problems: str, summary: str) -> None:
    if problems:
        write_error(problems)
    if summary:
        print_text(f"{summary}\n")
