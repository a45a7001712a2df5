"""``--check-server``: check a batch, and ask the servers about its tests as well."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Optional, Sequence

from pscheduler_batch.cli.embedded_server import embedded_server
from pscheduler_batch.cli.modes import check
from pscheduler_batch.cli.options import Options
from pscheduler_batch.output.console import print_error
from pscheduler_batch.planning.server_check import RETRIES, TIME_LIMIT, check_on_servers
from pscheduler_batch.planning.server_problems import DistinctTest, ServerAnswers, redactor_of_tests
from pscheduler_batch.scheduler.hosts import find_hosts, open_client
from pscheduler_batch.session import Session


def execute(options: Options) -> int:
    """Check the batch on this machine and on the servers, and print the result."""
    return check.execute(options, _ask_servers)


def _ask_servers(options: Options, questions: Sequence[DistinctTest]) -> ServerAnswers:
    async def ask(only: Optional[str]) -> ServerAnswers:
        session = Session(log=partial(_debug, options), redactor=redactor_of_tests(questions))
        settings = replace(options.settings, timeout=min(options.settings.timeout, TIME_LIMIT))
        client = open_client(settings, session, RETRIES)
        try:
            return await check_on_servers(questions, client, find_hosts(settings, only=only))
        finally:
            await client.aclose()

    with ExitStack() as stack:
        return asyncio.run(ask(stack.enter_context(embedded_server()) if options.embedded else None))


def _debug(options: Options, message: str) -> None:
    if options.debug:
        print_error(message, severity="debug")
