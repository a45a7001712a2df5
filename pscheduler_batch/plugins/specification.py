"""
The spec of the test ``batch``: read and checked as far as that needs nothing of the batch in it (ADR 62).

Methods that every POST calls use this module, so it imports next to nothing.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from pscheduler_batch.iso8601 import LONGEST, parse_duration
from pscheduler_batch.plugins.methods import Call, MethodError, run_method

SCHEMA = 1
BATCH, URL = "batch", "batch-url"
PAIRS = ("schema", BATCH, URL, "duration", "host", "host-node")

# The pair of the spec for each option of the command line that is not --file.
OPTIONS = {"batch": BATCH, "url": URL, "duration": "duration", "host": "host", "host-node": "host-node"}

# A name of a batch in the site's directory. It never leads out of the directory, and is not hidden.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
# Scheme, host, and a path without user information, fragments or anything that is not printable ASCII.
_HTTPS = re.compile(r"https://[A-Za-z0-9.:\[\]-]+(?:/[!-~]*)?(?<!#)")

# Takes the calls of ``duration`` for specs that do not say it; it imports everything that a plan needs.
_PLANNING = "planned_duration:duration"


class Specification(NamedTuple):
    """
    A valid spec; either ``batch`` or ``url`` is None.

    Attributes:
        batch: The batch, as in a file.
        url: Where the batch is: a URL of https, or its name in the site's directory of batches.
        duration: The time that the batch may take.
        host: The host that runs the tool, or None for the one that is asked.
    """

    batch: Optional[Dict[str, Any]]
    url: Optional[str]
    duration: Optional[timedelta]
    host: Optional[str]

    @property
    def is_remote(self) -> bool:
        """Whether the batch has to be fetched from a web server."""
        return self.url is not None and self.url.startswith("https:")


def read_specification(value: Any) -> Specification:
    """
    Read a spec; pairs whose names begin with # are comments.

    Raises:
        MethodError: All that is wrong with it, a line for each error.
    """
    errors = find_errors(value)
    if errors:
        raise MethodError("\n".join(errors))
    duration = value.get("duration")
    return Specification(
        value.get(BATCH),
        value.get(URL),
        None if duration is None else parse_duration(duration),
        value.get("host-node", value.get("host")),
    )


def find_errors(value: Any) -> List[str]:
    """
    Return the errors of a spec, outside of the batch in it.

    >>> find_errors({"batch-url": "http://www.example.net/mesh.json"})
    ['/batch-url: use https, so that the batch cannot be changed on its way']
    >>> find_errors({"batch": {"jobs": []}, "duration": "PT1M"})
    []
    """
    if not isinstance(value, Mapping):
        return ["/: the spec of a batch is an object"]
    errors = [f"/{name}: unknown pair; a spec can have {', '.join(PAIRS)}" for name in _unknown(value)]
    schema = value.get("schema", SCHEMA)
    if isinstance(schema, bool) or schema != SCHEMA:
        errors.append(f"/schema: found {_shown(schema)}, and only {SCHEMA} is known here")
    if (BATCH in value) == (URL in value):
        errors.append(f"/: give either {BATCH} or {URL}" + (", not both" if BATCH in value else ""))
    if BATCH in value and not isinstance(value[BATCH], Mapping):
        errors.append(f"/{BATCH}: found {_shown(value[BATCH])}, expected a batch, which is an object")
    if URL in value:
        errors += [f"/{URL}: {reason}" for reason in _errors_of_url(value[URL])]
    if "duration" in value:
        errors += [f"/duration: {reason}" for reason in _errors_of_duration(value["duration"])]
    elif isinstance(value.get(URL), str) and value[URL].startswith("https:"):
        errors.append(f"/duration: required with a {URL} of https, as the batch is fetched when it runs")
    errors += [
        f"/{name}: found {_shown(value[name])}, expected the name or address of a host"
        for name in ("host", "host-node")
        if name in value and not (isinstance(value[name], str) and value[name].strip())
    ]
    return errors


def _unknown(value: Mapping[str, Any]) -> Sequence[str]:
    return [name[:60] for name in value if name not in PAIRS and not name.startswith("#")]


def _errors_of_url(url: Any) -> Sequence[str]:
    if not isinstance(url, str):
        return [f"found {_shown(url)}, expected a URL, or the name of a batch"]
    if url.startswith("http:"):
        return ["use https, so that the batch cannot be changed on its way"]
    if "://" in url:
        return [] if _HTTPS.fullmatch(url) else ["not a URL of https without user, password and spaces"]
    if _NAME.fullmatch(url):
        return []
    return ["neither a URL of https nor the name of a file in the site's directory of batches"]


def _errors_of_duration(duration: Any) -> Sequence[str]:
    if not isinstance(duration, str):
        return [f"found {_shown(duration)}, expected a duration such as PT10M"]
    try:
        span = parse_duration(duration)
    except ValueError as error:
        return [f"found {_shown(duration)}, which {error}"]
    if not span:
        return ["found a duration of zero, expected one such as PT10M"]
    return [f"found {_shown(duration)}, which is more than {LONGEST.days:,} days"] if span > LONGEST else []


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004 - a line of a message


def participants(call: Call) -> str:
    """
    Return the one host that runs the batch; null is the host that is asked.

    Raises:
        MethodError: The spec is wrong.
    """
    host = read_specification(call.object()).host
    reply: Dict[str, Any] = {"participants": [host]}
    if host is None:
        reply["null-reason"] = "No host specified"
    return json.dumps(reply)


def duration(call: Call) -> str:
    """
    Return how long a test may take on the schedule: as long as the spec says, or as planned.

    What the spec says needs no check here. ``spec-is-valid`` has refused a time that is too short, before pScheduler
    chooses a tool.

    Raises:
        MethodError: The spec is wrong, or the duration is not known.
    """
    given = read_specification(call.object().get("spec")).duration
    return run_method(_PLANNING, call) if given is None else duration_reply(given)


def duration_reply(span: timedelta) -> str:
    """
    Write a duration for the schedule, in whole seconds; a library for it would double the time of the method.

    >>> duration_reply(timedelta(minutes=1, seconds=0.5))
    '{"duration": "PT61S"}'
    """
    return json.dumps({"duration": f"PT{-(-span // timedelta(seconds=1))}S"})
