"""Make a first batch, for the ``batch-new`` command."""

from __future__ import annotations

import asyncio
import json
import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlencode

from pscheduler_batch.cli.execute import FAILED, SUCCEEDED, report_errors
from pscheduler_batch.drafts.draft import Dimension, JobDraft, with_version, write_draft
from pscheduler_batch.drafts.exported import exported_job
from pscheduler_batch.drafts.host_lists import MESH, PAIRS, STAR, check_ends, host_dimension
from pscheduler_batch.drafts.psconfig import psconfig_jobs
from pscheduler_batch.drafts.sweeps import SweepError, path_in_spec, sweep
from pscheduler_batch.errors import BatchError, InputError
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.input.json_text import decode_text
from pscheduler_batch.output.console import (
    CommandError,
    input_name,
    print_error,
    read_input,
    show_problems,
    show_warnings,
)
from pscheduler_batch.output.destination import Destination, print_text
from pscheduler_batch.output.file_names import require_unread
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS
from pscheduler_batch.planning.server_check import RETRIES, TIME_LIMIT
from pscheduler_batch.scheduler.api import decipher_json, test_url
from pscheduler_batch.scheduler.hosts import open_client
from pscheduler_batch.session import Session
from pscheduler_batch.settings import Settings
from pscheduler_batch.text import closest, list_names, printable, shorten

PROGRAM = "pscheduler batch-new"
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class Wishes:
    """
    What the options ask for; the names are those of the options.

    Attributes:
        tasks: Files of exported tasks.
        psconfig: The file or the URL of a template.
        mesh: A file of hosts, each of which measures to each other one.
        star: A file of hosts, the first of which measures to each other one.
        pairs: A file with two hosts on each line.
        vary: The values to vary, as typed.
        label: The label of the job.
        output: The file to write; None is the standard output.
        assist: The server that is asked about the words of a test.
    """

    tasks: Tuple[str, ...] = ()
    psconfig: Optional[str] = None
    mesh: Optional[str] = None
    star: Optional[str] = None
    pairs: Optional[str] = None
    vary: Tuple[str, ...] = ()
    label: Optional[str] = None
    output: Optional[str] = None
    assist: Optional[str] = None

    @property
    def files(self) -> Tuple[str, ...]:
        """The files that are read."""
        named = (self.psconfig, self.mesh, self.star, self.pairs)
        return (*self.tasks, *(name for name in named if name is not None))


def write_batch(words: Sequence[str], wishes: Wishes) -> int:
    """
    Make a batch and write it.

    Args:
        words: The test and its options.
        wishes: What else was asked for.

    Returns:
        The exit status.
    """

    def write() -> int:
        if wishes.output is not None:
            require_unread(wishes.output, wishes.files)
        with Destination(wishes.output, holds="batch") as destination:
            jobs, notes, origin = _jobs(words, wishes)
            count = sum(job.iterations for job in jobs)
            if count > DEFAULT_MAX_ITERATIONS:
                raise CommandError(
                    f"this makes {count:,} iterations, and a batch has at most {DEFAULT_MAX_ITERATIONS:,}"
                )
            text = write_draft(jobs, origin)
            _check(text)
            destination.write_bytes([text.encode("utf-8", "surrogatepass")])
        for note in notes:
            print_error(note, program=PROGRAM, severity="warning")
        return SUCCEEDED

    def show_places() -> int:
        try:
            return write()
        except _HelpError as help_text:
            print_text(str(help_text))
            return SUCCEEDED
        except InputError as error:
            show_problems(error)
            return FAILED

    return report_errors(show_places, program=PROGRAM)


def _check(text: str) -> None:
    """Check a batch that was made: an error is one in what it was made from, and warnings are worth seeing."""
    checked = check_batch(text.encode("utf-8", "surrogatepass"), source="the batch")
    if checked.errors:
        raise InputError(checked.errors, source="the batch", text=text)
    show_warnings(checked.warnings, text=None, source="the batch")


def _jobs(words: Sequence[str], wishes: Wishes) -> Tuple[List[JobDraft], List[str], str]:
    """Return the jobs, what is to be said about them, and what they are made from."""
    if wishes.psconfig is not None:
        jobs, notes = psconfig_jobs(_read_template(wishes.psconfig), source=input_name(wishes.psconfig))
        return jobs, notes, "from a template of pSConfig"
    if wishes.tasks:
        jobs = [exported_job(_read(file, "an exported task"), source=input_name(file)) for file in wishes.tasks]
    else:
        spec = _ask_assist(wishes.assist, words) if wishes.assist else _ask_embedded(words)
        jobs = [JobDraft(words[0], [{"test": {"type": words[0], "spec": spec}}])]
    return (
        [_varied(job, wishes) for job in jobs],
        [],
        f"from {'exported tasks' if wishes.tasks else f'a test of {words[0]}'}",
    )


def _varied(job: JobDraft, wishes: Wishes) -> JobDraft:
    (task,) = job.tasks
    test = task["test"]
    dimensions = list(_host_dimensions(test["type"], wishes))
    spec = test["spec"]
    for text in wishes.vary:
        try:
            dimensions.append(sweep(text, task, dimensions))
        except SweepError as error:
            raise CommandError(f"--vary: {error}") from error
        spec = with_version(spec, test["type"], path_in_spec(text))
    if any(dimension.data.keys() & {"hosts", "pairs"} for dimension in dimensions):
        spec = {name: value for name, value in spec.items() if name not in ("source", "dest")}
    varied = {**task, "test": {**test, "spec": with_version(spec, test["type"])}}
    return replace(job, label=wishes.label or job.label, tasks=[varied], dimensions=dimensions)


def _host_dimensions(test: str, wishes: Wishes) -> Iterator[Dimension]:
    for shape, file in ((MESH, wishes.mesh), (STAR, wishes.star), (PAIRS, wishes.pairs)):
        if file is not None:
            try:
                check_ends(test)
            except ValueError as error:
                raise CommandError(f"--{shape}: {error}") from error
            text = decode_text(_read(file, "a list of hosts"), source=input_name(file), what="a list of hosts")
            yield host_dimension(shape, text, source=input_name(file))


def _read(file: str, what: str) -> bytes:
    return read_input(file, what=what, program=PROGRAM)


def _ask_embedded(words: Sequence[str]) -> Mapping[str, Any]:
    """
    Turn the words of a test into a specification as the embedded server does it.

    Raises:
        CommandError: It does not have the test, or the words are wrong.
    """
    try:
        embedded = import_module("pscheduler_batch.embedded.test")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tests = embedded.load_tests()
    except ImportError as error:
        raise CommandError(f"the package {error.name} is not installed; name a server with --assist") from error
    test = tests.get(words[0])
    if test is None:
        near = closest(words[0], tests)
        hint = f'did you mean "{near}"?' if near else f"it has {list_names(sorted(tests))}."
        hint += " For another test, name a server that has it with --assist"
        raise CommandError(f'the embedded server has no test "{shorten(words[0])}"; {hint}')
    try:
        spec: Mapping[str, Any] = test.from_cli(words[1:])
    except embedded.UsageError as error:
        _require_no_help(words[0], str(error))
        raise CommandError(f"{words[0]}: {printable(str(error)) if chr(10) not in str(error) else error}") from error
    return spec


def _ask_assist(assist: str, words: Sequence[str]) -> Mapping[str, Any]:
    """
    Let a server turn the words of a test into a specification [n01 to n08].

    Raises:
        BatchError: It cannot be reached, or refuses them.
    """
    doing = f"cannot ask {assist} about the test {shorten(words[0])}"
    try:
        url = f"{test_url(assist, words[0])}/spec?{urlencode({'args': json.dumps(list(words[1:]))})}"
    except ValueError as error:
        raise CommandError(f"--assist: {error}") from error
    reply = _fetch(url, doing, Settings())
    _require_no_help(words[0], reply.text)
    spec = decipher_json(reply, doing=doing, url=url)
    if not isinstance(spec, Mapping):
        raise CommandError(f"{doing}: the answer is not an object")
    return spec


def _read_template(template: str) -> bytes:
    if not template.startswith(_WEB):
        return _read(template, "a template of pSConfig")
    doing = "cannot fetch the template"
    try:
        reply = _fetch(template, doing, Settings(verify_tls=True))
    except BatchError as error:
        before, refused, reason = str(error).partition("certificate verify failed: ")
        if not refused:
            raise
        # What helps the requests of a batch are options that this command does not have.
        message = f"{before}{refused}{reason.partition('; ')[0]}; save the template in a file, and name that instead"
        raise CommandError(message) from error
    decipher_json(reply, doing=doing, url=template)
    return reply.body


def _fetch(url: str, doing: str, settings: Settings) -> Reply:
    async def fetch() -> Reply:
        client = open_client(replace(settings, timeout=TIME_LIMIT), Session.without_secrets(), RETRIES)
        try:
            return await client.request(Request("GET", url, doing))
        finally:
            await client.aclose()

    return asyncio.run(fetch())


class _HelpError(Exception):
    """Help was asked for; the text lists the options of the test."""


def _require_no_help(test: str, answer: str) -> None:
    """
    Tell a help text from an error, as servers send it as one [n05].

    What asked for it is not known: options can be abbreviated or combined.

    Raises:
        _HelpError: The answer is the help text of the test.
    """
    if "-h, --help" in answer:
        lines = "\n".join(map(printable, answer.strip().split("\n")))
        raise _HelpError(f"Options of the test {printable(test)}:\n\n  {lines}\n")
