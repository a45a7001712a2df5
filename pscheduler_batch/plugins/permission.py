"""
The permission of a site: what a batch that pScheduler runs as a task may do (ADR 63).

A task that such a batch submits comes to its server from that server itself, so limits that trust the local host would
let anybody who may run the test `batch` run anything. Therefore nothing is allowed until a file of the site allows it,
and this file says which tests, which hosts and how much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from pscheduler_batch.errors import InputError, Problem
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.input.json_values import Finding, TooDeepError, to_plain
from pscheduler_batch.input.locations import locate_findings
from pscheduler_batch.input.positions import find_duplicates
from pscheduler_batch.iso8601 import format_duration, parse_duration
from pscheduler_batch.model import Iteration, Plan
from pscheduler_batch.plugins.enabling import PERMISSION_FILE, disabled_words
from pscheduler_batch.plugins.host_patterns import ANY, is_pattern, matches, plain_host
from pscheduler_batch.plugins.methods import Call, MethodError
from pscheduler_batch.plugins.site_file import read_site_file
from pscheduler_batch.pointers import Path, pointer
from pscheduler_batch.text import closest, count_words, list_names, shorten, show

# The pairs of a task that a batch may only have where the file allows them: with them, a task does what is not a
# measurement, or does it before others.
GUARDED_PAIRS = ("archives", "contexts", "lead-bind", "priority")

# Pairs of specs that name hosts, and those that are URLs, in the tests whose hosts are known. The hosts of other
# tests are not, so these tests need permission for any host.
HOST_PAIRS = ("host", "host-node", "source", "source-node", "dest", "dest-node", "nameserver", "local-address")
URL_PAIRS = ("url",)
KNOWN_TESTS = frozenset(
    {
        "batch",
        "clock",
        "dhcp",
        "dns",
        "dot1x",
        "http",
        "idle",
        "idlebgm",
        "idleex",
        "latency",
        "latencybg",
        "mtu",
        "noop",
        "psresponse",
        "rtt",
        "s3throughput",
        "simplestream",
        "throughput",
        "trace",
        "wifibssid",
    }
)

# The most refusals of one kind that are written out.
_SHOWN = 10

# User information, escapes or backslashes in front of the host are read in different ways by different programs.
_URL = r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:[/?#][!-\[\]-~]*)?"
_FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"


class PermissionFileError(InputError):
    """A permission file with errors; its text has a line for each, which begins with FILE:LINE:COLUMN."""

    def __str__(self) -> str:
        return render_problems(self.problems, text=None, source=self.source)


@dataclass(frozen=True)
class Permission:
    """
    What a batch may do that pScheduler runs as a task; by default nothing.

    Attributes:
        enabled: Whether batches are run at all.
        tests: The names of the tests that their tasks may have; "*" is any test.
        hosts: The hosts that their tasks may name besides this one: names, patterns such as ``*.example.net``,
            addresses and networks; "*" is any host.
        max_iterations: The most iterations of a batch.
        max_duration: The most time that a batch may have on the schedule.
        max_connections: The most requests of a batch at once per host.
        archives: Whether tasks may have archivers of their own.
        contexts: Whether tasks may have contexts, which change the network that a measurement runs in.
        lead_bind: Whether tasks may choose the address that their lead binds to.
        priority: Whether tasks may have a priority, with which they preempt others.
        batch_url: The hosts that a batch may be fetched from over HTTPS, as in ``hosts``.
        batch_folder: The directory with the batches that a task may name; None for none.
        source: The file, for messages.
        missing: Whether there is no file.
    """

    enabled: bool = False
    tests: Tuple[str, ...] = ()
    hosts: Tuple[str, ...] = ()
    max_iterations: int = 100
    max_duration: timedelta = timedelta(minutes=10)
    max_connections: int = 2
    archives: bool = False
    contexts: bool = False
    lead_bind: bool = False
    priority: bool = False
    batch_url: Tuple[str, ...] = ()
    batch_folder: Optional[str] = None
    source: str = PERMISSION_FILE
    missing: bool = False

    def refusals(
        self,
        plan: Optional[Plan] = None,
        *,
        duration: Optional[timedelta],
        batch_url: Optional[str] = None,
    ) -> List[str]:
        """
        Return why a batch may not be run here, each reason a sentence without secrets; none if it may.

        Args:
            plan: Its tasks, after their transforms; None while the batch has not been fetched.
            duration: The time that it has on the schedule; None if that is not known yet.
            batch_url: The URL or the name of the batch in the spec; None if the spec has the batch itself.
        """
        if not self.enabled:
            return [disabled_words(self.source, missing=self.missing)]
        refused = [] if batch_url is None else list(self._refuse_url(batch_url))
        if duration is not None and duration > self.max_duration:
            refused.append(
                f"the batch takes {format_duration(duration)}, at most {format_duration(self.max_duration)} is allowed"
            )
        if plan is not None:
            refused += self._refuse_plan(plan)
        return [*refused[:-1], f"{refused[-1]}; the limits of this host are in {self.source}"] if refused else []

    def allows_host(self, host: str) -> bool:
        """
        Return whether tasks may name a host; this host may always be named.

        Args:
            host: A name or an address, with or without a port, in any spelling.
        """
        plain = plain_host(host)
        return plain is not None and matches(plain, self.hosts, with_this_host=True)

    def _refuse_url(self, batch_url: str) -> Iterator[str]:
        url = re.fullmatch(_URL, batch_url)
        if url is None or url["scheme"] != "https":
            if not re.fullmatch(_FILE_NAME, batch_url):
                yield f"batch-url {show(batch_url)} is neither an https URL nor the name of a batch"
            elif self.batch_folder is None:
                yield f"batch-url {show(batch_url)} is not allowed: this host has no directory of batches"
            return
        host = plain_host(url["host"])
        if host is None or not matches(host, self.batch_url):
            yield f"batch-url: fetching a batch from {shorten(url['host'])} is not allowed"

    def _refuse_plan(self, plan: Plan) -> Iterator[str]:
        iterations = [iteration for job in plan.jobs for iteration in job.iterations]
        if len(iterations) > self.max_iterations:
            count = count_words(len(iterations), "iteration")
            yield f"the batch has {count}, at most {self.max_iterations:,} are allowed"
            return
        found: Dict[str, List[str]] = {}
        for iteration in iterations:
            for reason in self._refuse_task(iteration):
                found.setdefault(iteration.redactor.message(reason), []).append(iteration.label)
        for reason, labels in list(found.items())[:_SHOWN]:
            more = f" and {count_words(len(labels) - 1, 'more iteration')}" if labels[1:] else ""
            yield f"{shorten(labels[0])}{more}: {reason}"
        if len(found) > _SHOWN:
            yield f"{len(found) - _SHOWN} further reasons of this kind"

    def _refuse_task(self, iteration: Iteration) -> Iterator[str]:
        task = iteration.task
        for name in GUARDED_PAIRS:
            if task.get(name) and not getattr(self, name.replace("-", "_")):
                yield f'"{name}" is not allowed in tasks'
        test = task["test"]["type"]
        if ANY not in self.tests and test not in self.tests:
            yield f"test {show(test)} is not allowed; {_allowed_words(self.tests)}"
        elif ANY not in self.hosts:
            yield from self._refuse_hosts(test, task["test"]["spec"])

    def _refuse_hosts(self, test: str, spec: Mapping[str, Any]) -> Iterator[str]:
        if test not in KNOWN_TESTS:
            yield f'the hosts of test {show(test)} are not known here, so it requires "hosts": ["*"]'
            return
        allowed = _allowed_words(self.hosts, "this host")
        for name in HOST_PAIRS:
            # Version 2 of the test idle has an array of hosts.
            for host in _as_list(spec.get(name)):
                if not isinstance(host, str) or not self.allows_host(host):
                    yield f"/test/spec/{name}: host {show(host)} is not allowed; {allowed}"
        for name in URL_PAIRS:
            for given in _as_list(spec.get(name)):
                url = re.fullmatch(_URL, given) if isinstance(given, str) else None
                if url is None:
                    yield f"/test/spec/{name}: expected a plain http or https URL, as its host must be allowed"
                elif not self.allows_host(url["host"]):
                    yield f"/test/spec/{name}: host {show(url['host'])} is not allowed; {allowed}"


def read_permission(path: str = PERMISSION_FILE) -> Permission:
    """
    Read the permission of this host; nothing is allowed if there is no file.

    Args:
        path: The file: JSON in which pairs whose names begin with # are comments.

    Raises:
        PermissionFileError: The file cannot be read, or contains an error, so that nothing can be allowed.
    """
    try:
        content = read_site_file(path)
    except FileNotFoundError:
        return Permission(source=path, missing=True)
    except OSError as error:
        raise PermissionFileError([Problem("/", f"cannot read it: {error.strerror}")], source=path) from error
    return _to_permission(content, path)


def permission_of(call: Call) -> Permission:
    """
    Read the permission of the host that a method runs on.

    Raises:
        MethodError: There are errors in its file.
    """
    try:
        return read_permission(call.permission_file or PERMISSION_FILE)
    except PermissionFileError as error:
        raise MethodError(f"batches are not enabled on this host, as its permission file is wrong\n{error}") from error


def _to_permission(content: bytes, path: str) -> Permission:
    try:
        parsed = parse(content, source=path, what="the permission of this host")
        document, findings = to_plain(parsed.value)
    except InputError as error:
        raise PermissionFileError(error.problems, source=path, text=error.text) from error
    except TooDeepError as error:
        raise PermissionFileError([Problem(pointer(error.path), str(error))], source=path) from error
    findings = findings or _find_errors(document)
    # Which of the two was meant decides what is allowed.
    findings += [
        Finding(twice.path, "this name occurs twice", at_name=True)
        for twice in (find_duplicates(parsed.text) if parsed.has_duplicates else [])
    ]
    if findings:
        problems = locate_findings(findings, parsed.text)
        raise PermissionFileError(problems, source=path, text=parsed.text)
    pairs = {name.replace("-", "_"): _PAIRS[name].read(value) for name, value in document.items() if name != "schema"}
    return Permission(**pairs, source=path)


class _Pair(NamedTuple):
    """A pair of the file: what is expected, whether a value is that, and how it is read."""

    expected: str
    fits: Callable[[Any], bool]
    read: Callable[[Any], Any] = lambda value: value


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_duration(value) > timedelta(0)
    except ValueError:
        return False


def _are_tests(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


def _are_hosts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(host, str) and is_pattern(host) for host in value)


_HOSTS = "an array of host names, patterns such as *.example.net, addresses and networks (* alone is any host)"
_BOOLEAN = _Pair("true or false", _is_boolean)
_COUNT = _Pair("a whole number of 1 or more", _is_count)
_PAIRS = {
    "schema": _Pair("1, the only version of this file", lambda value: value == 1 and not _is_boolean(value)),
    "enabled": _BOOLEAN,
    "tests": _Pair("an array of names of tests (* is any test)", _are_tests, tuple),
    "hosts": _Pair(_HOSTS, _are_hosts, tuple),
    "max-iterations": _COUNT,
    "max-duration": _Pair("an ISO 8601 duration such as PT10M", _is_duration, parse_duration),
    "max-connections": _COUNT,
    **dict.fromkeys(GUARDED_PAIRS, _BOOLEAN),
    "batch-url": _Pair(_HOSTS, _are_hosts, tuple),
    "batch-folder": _Pair(
        "the absolute path of a directory, or null",
        lambda value: value is None or (isinstance(value, str) and value.startswith("/") and "\0" not in value),
    ),
}


def _find_errors(document: Any) -> List[Finding]:
    if not isinstance(document, dict):
        return [Finding((), f"found {show(document)}, expected an object")]
    findings = []
    for name, value in document.items():
        pair = _PAIRS.get(name)
        if pair is None:
            meant = closest(name, _PAIRS)
            hint = f'did you mean "{meant}"?' if meant else f"its pairs are {list_names(_PAIRS)}"
            findings.append(Finding((name,), f'this file has no pair "{shorten(name)}"; {hint}', at_name=True))
        elif not pair.fits(value):
            path, wrong = _wrong_part(name, value, pair)
            findings.append(Finding(path, f"found {show(wrong)}, expected {pair.expected}"))
    return findings


def _wrong_part(name: str, value: Any, pair: _Pair) -> Tuple[Path, Any]:
    """Return the path and the value of the first wrong item of an array, else of the pair."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            if not pair.fits([item]):
                return (name, number), item
    return (name,), value


def _as_list(value: Any) -> Sequence[Any]:
    if value is None:
        return []
    return value if isinstance(value, (list, tuple)) else [value]


def _allowed_words(allowed: Sequence[str], always: str = "") -> str:
    names = [*([always] if always else []), *map(shorten, allowed[:_SHOWN])]
    if not names:
        return "none are"
    more = f" and {len(allowed) - _SHOWN} more" if len(allowed) > _SHOWN else ""
    return f"allowed: {', '.join(names)}{more}"
