"""
pScheduler's REST API, without input and output: its URLs, and what the answers mean.

Every rule follows from recordings of real servers; their names are given in square brackets.
"""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode

from pscheduler_batch.errors import RefusedError, ReplyError
from pscheduler_batch.http.response import BAD_REQUEST, KILLED, NOT_FOUND, OK, REDIRECTION, Reply
from pscheduler_batch.http.urls import host_of, netloc, shown
from pscheduler_batch.iso8601 import parse_timestamp
from pscheduler_batch.model import JSON, JSONObject, Run
from pscheduler_batch.run_states import FAILED, FINAL_STATES

# The result formats besides JSON; that one is in the run itself [g-rttok-run-waitmerged].
RENDERED_FORMATS = ("text/plain", "text/html")

# A 500 with these words refuses a format that the test does not have [c13, g-m-thr-result-html].
UNSUPPORTED = "Unsupported format"

# How much of a server's words is quoted. A limit's diagnosis has about 500 characters [c17].
QUOTED = 4000


def api_url(host: str) -> str:
    """Return the URL of the API of a host."""
    return f"https://{netloc(host)}/pscheduler"


def tests_url(host: str) -> str:
    """Return the URL of the list of the tests that a host has [b01]."""
    return f"{api_url(host)}/tests"


def hostname_url(host: str) -> str:
    """Return the URL of the name of a host, which costs it next to nothing [a05]."""
    return f"{api_url(host)}/hostname"


def test_url(host: str, test_type: str) -> str:
    """Return the URL of the description of a test."""
    return f"{tests_url(host)}/{quote(test_type, safe='')}"


def participants_url(host: str, test_type: str, spec: JSON) -> str:
    """Return the URL of the participants of a test."""
    return f"{test_url(host, test_type)}/participants?{urlencode({'spec': json.dumps(spec)})}"


def validity_url(host: str, test_type: str, spec: JSON) -> str:
    """Return the URL that validates the specification of a test [b40-b42]."""
    return f"{test_url(host, test_type)}/spec/is-valid?{urlencode({'spec': json.dumps(spec)})}"


def tools_url(host: str, test_type: str, spec: JSON) -> str:
    """
    Return the URL that asks the tools of a participant about a test, as servers do before they accept a task.

    An API before 6 disregards ``api``, and lists only the tools that can run the test.
    """
    query = {"test": json.dumps({"type": test_type, "spec": spec}), "api": "6"}
    return f"{api_url(host)}/tools?{urlencode(query)}"


def tasks_url(host: str) -> str:
    """Return the URL that tasks are posted to."""
    return f"{api_url(host)}/tasks"


def marked_tasks_url(host: str, pattern: JSON) -> str:
    """Return the URL of the list of the tasks that contain a given JSON."""
    return f"{tasks_url(host)}?{urlencode({'json': json.dumps(pattern)})}"


def first_run_url(task_href: str, wait: int, *, merged: bool = False) -> str:
    """
    Return the URL of a task's first run; the server waits for twice the given number of seconds [d14].

    Args:
        task_href: The task.
        wait: How many seconds to wait.
        merged: Whether the server then waits as many seconds for the run's merged result.
    """
    return f"{task_href}/runs/first?{'wait-merged=true&' if merged else ''}wait={wait}"


def runs_url(task_href: str) -> str:
    """Return the URL of the list of runs of a task."""
    return f"{task_href}/runs"


def waiting_url(run_href: str, wait: int) -> str:
    """
    Return the URL of a run: as it is now with a wait of 0, else as soon as it is done, or after that many seconds.

    A wait of 0 is never sent: the server answers it with a 500 [g05c].
    """
    return f"{run_href}?wait-merged=true&wait={wait}" if wait else run_href


def format_url(run: Run, media_type: str) -> str:
    """Return the URL of the result of a run in another format."""
    joint = "&" if "?" in run.result_href else "?"
    return f"{run.result_href}{joint}{urlencode({'format': media_type})}"


def words_of(reply: Reply) -> str:
    """
    Return the text of an answer that is not JSON, trimmed, and how long the request was tried.

    HTML is stripped to its text.

    >>> words_of(Reply(414, {"content-type": "text/html"}, b"<title>414</title><h1>Too  long</h1><p>Sorry.</p>"))
    '414 Too long Sorry.'
    """
    text = reply.text.strip()
    if _is_html(reply):
        text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
        text = " ".join(html.unescape(text).split())
    # Control characters could move the cursor of a terminal.
    text = "".join(c for c in text if c.isprintable() or c == "\n")
    if len(text) > QUOTED:
        # Cut between two words, so that no part of a secret remains that cannot be recognized any more.
        text = text[:QUOTED].rpartition(" ")[0] + " …"
    text = text or "(empty body)"
    return f"{text} ({reply.in_vain})" if reply.in_vain else text


def decipher_json(reply: Reply, *, doing: str, url: str) -> Any:
    """
    Return the content of an answer in JSON.

    Args:
        reply: The answer.
        doing: The step, for messages.
        url: What was asked for, for messages.

    Raises:
        RefusedError: The status is not 200.
        ReplyError: The body is not JSON.
    """
    if reply.status != OK:
        said = words_of(reply)
        if REDIRECTION <= reply.status < BAD_REQUEST:
            said = f"a redirection to {shown(reply.headers.get('location', 'nowhere'))}, which is not followed"
        elif reply.status == NOT_FOUND and _is_html(reply):
            said += " (is that a pScheduler server?)"
        raise RefusedError(reply.status, said, doing=doing, url=shown(url))
    try:
        # Python servers write NaN and Infinity, which are not JSON and must not get into the output.
        return json.loads(reply.body, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ReplyError(f"did not answer with JSON: {words_of(reply)}", doing=doing, url=shown(url)) from error


def decipher_participants(reply: Reply, *, url: str) -> Tuple[Optional[str], ...]:
    """
    Return the participants of a test; the first one leads, None stands for the host that is asked [b10-b24].

    Raises:
        RefusedError: The server refused.
        ReplyError: The answer does not name participants, or the lead is not a host.
    """
    doing = "finding participants"
    value = decipher_json(reply, doing=doing, url=url)
    participants = value.get("participants") if isinstance(value, dict) else None
    if (
        not isinstance(participants, list)
        or not participants
        or not all(item is None or (isinstance(item, str) and item) for item in participants)
    ):
        raise ReplyError("did not name the participants", doing=doing, url=shown(url))
    try:
        if participants[0] is not None:
            netloc(participants[0])
    except ValueError as error:
        raise ReplyError(f"named an invalid participant: {error}", doing=doing, url=shown(url)) from error
    return tuple(participants)


@dataclass(frozen=True)
class ToolOffer:
    """
    The answer of a participant's tool to the question whether it can run a test.

    Attributes:
        name: The name of the tool.
        can_run: Whether it can run the test.
        reasons: Why not.
    """

    name: str
    can_run: bool = True
    reasons: Tuple[str, ...] = ()


def decipher_tools(reply: Reply, *, doing: str, url: str) -> Tuple[ToolOffer, ...]:
    """
    Return the answers of a participant's tools about a test, in its order of preference.

    Raises:
        RefusedError: The server refused.
        ReplyError: The answer is not about tools.
    """
    value = decipher_json(reply, doing=doing, url=url)
    offers = [_tool_offer(item) for item in value] if isinstance(value, list) else [None]
    if None in offers:
        raise ReplyError("did not say which of its tools can run the test", doing=doing, url=shown(url))
    return tuple(offer for offer in offers if offer is not None)


def _tool_offer(item: JSON) -> Optional[ToolOffer]:
    answer, tool = (item.get("can-run", True), item.get("tool", item)) if isinstance(item, dict) else (None, None)
    name = tool.get("name") if isinstance(tool, dict) else None
    if not isinstance(name, str):
        return None
    if answer is True:
        return ToolOffer(name)  # Of an API before 6: the description of the tool itself.
    if not isinstance(answer, dict) or not isinstance(answer.get("can-run"), bool):
        return None
    reasons = answer.get("reasons")
    reasons = reasons if isinstance(reasons, list) else [reasons]
    return ToolOffer(name, answer["can-run"], tuple(reason for reason in reasons if isinstance(reason, str)))


def decipher_task_href(reply: Reply, *, url: str) -> str:
    """
    Return the URL of a posted task [c01].

    Raises:
        RefusedError: The server refused.
        ReplyError: The answer is not a URL.
    """
    doing = "posting the task"
    href = decipher_json(reply, doing=doing, url=url)
    return _href(href, "did not give the URL of the task", doing=doing, url=url)


def decipher_run(reply: Reply, *, doing: str, url: str) -> Run:
    """
    Return the run that an answer describes.

    Raises:
        RefusedError: The server refused.
        ReplyError: It is not a run.
    """
    return run_of(decipher_json(reply, doing=doing, url=url), doing=doing, url=url)


def run_of(document: JSON, *, doing: str, url: str) -> Run:
    """
    Return the run of a description.

    Raises:
        ReplyError: It is not a run.
    """
    if not isinstance(document, dict):
        raise ReplyError("did not answer with a run", doing=doing, url=shown(url))
    if not isinstance(document.get("state"), str):
        raise ReplyError("did not give the state of the run", doing=doing, url=shown(url))
    return Run(
        href=_href(document.get("href"), "did not give href", doing=doing, url=url),
        state=document["state"],
        start_time=_time(document, "start-time", doing=doing, url=url),
        end_time=_time(document, "end-time", doing=doing, url=url),
        result_href=_href(document.get("result-href"), "did not give result-href", doing=doing, url=url),
        result_merged=document.get("result-merged"),
        document=document,
    )


def decipher_hrefs(reply: Reply, *, doing: str, url: str) -> List[str]:
    """
    Return a list of URLs: of a task's runs, the lead run first [h04], or of tasks [c40].

    Raises:
        RefusedError: The server refused.
        ReplyError: It is not a list of URLs.
    """
    value = decipher_json(reply, doing=doing, url=url)
    if not isinstance(value, list):
        raise ReplyError("did not answer with a list", doing=doing, url=shown(url))
    return [_href(item, "listed something that is not a URL", doing=doing, url=url) for item in value]


def decipher_format(reply: Reply, *, doing: str, url: str) -> str:
    """
    Return a rendered result.

    Raises:
        RefusedError: The server cannot render it, such as "Unsupported format text/html" [g-m-thr-result-html].
    """
    if reply.status != OK:
        raise RefusedError(reply.status, words_of(reply), doing=doing, url=shown(url))
    return reply.text


def is_final(run: Run) -> bool:
    """Return whether a run will not change any more; in cleanup, its result is yet to be merged."""
    return run.state in FINAL_STATES


def reasons_of(run: Run) -> Sequence[str]:
    """
    Return why a run failed (ADR 15): its ``errors``, ``result.error``, then each ``result-full[].error``.

    The ``.diags`` are used only if there is nothing else, as they are also full of what went well.
    """
    result = run.document.get("result")
    full = run.document.get("result-full")
    participants = [item for item in (full if isinstance(full, list) else []) if isinstance(item, Mapping)]
    said = [run.document.get("errors"), result.get("error") if isinstance(result, Mapping) else None]
    said += [item.get("error") for item in participants]
    if isinstance(run.result_merged, Mapping):
        said.append(run.result_merged.get("error"))
    reasons = _distinct(said)
    return reasons or _distinct([item.get("diags") for item in participants])


def is_overloaded(run: Run) -> bool:
    """Return whether a run failed because its server was too slow and killed a process of it [o11]."""
    return run.state == FAILED and any(KILLED in reason for reason in reasons_of(run))


def _finite(digits: str) -> Optional[float]:
    """Parse a number; Python makes an infinity of 1e999, which is not JSON."""
    number = float(digits)
    return number if math.isfinite(number) else None


def _is_html(reply: Reply) -> bool:
    return "html" in reply.headers.get("content-type", "") or reply.body.lstrip()[:1] == b"<"


def _distinct(said: Sequence[object]) -> Sequence[str]:
    texts = [item.strip() for item in said if isinstance(item, str)]
    return list(dict.fromkeys(text for text in texts if text))


def _href(value: object, reason: str, *, doing: str, url: str) -> str:
    if not isinstance(value, str) or not re.match(r"https?://[^/]", value):
        raise ReplyError(reason, doing=doing, url=shown(url))
    # A server writes the host of the request into all its URLs; a URL of another host is not followed.
    if value.startswith("/".join([*url.split("/", 3)[:3], ""])):
        return value
    try:
        host = host_of(value)
    except ValueError as error:
        raise ReplyError(f"gave an invalid URL: {value}", doing=doing, url=shown(url)) from error
    if host_of(url) not in ("", host):
        raise ReplyError(f"gave a URL on another host, {shown(value)}", doing=doing, url=shown(url))
    # That would be another port of the host, and the traffic could be read on the way.
    if url.startswith("https:") and not value.startswith("https:"):
        raise ReplyError(f"gave a URL without TLS, {shown(value)}", doing=doing, url=shown(url))
    return value


def _time(document: JSONObject, name: str, *, doing: str, url: str) -> Optional[datetime]:
    value = document.get(name)
    if value is None:
        return None
    try:
        return parse_timestamp(value)
    except (TypeError, ValueError) as error:
        raise ReplyError(f"gave {value!r} as {name}, which is not a time", doing=doing, url=shown(url)) from error
