"""The forms of pScheduler's replies, and how it reads a query."""

from __future__ import annotations

import json
from typing import Any, Optional

from starlette.requests import Request
from starlette.responses import Response

from pscheduler_batch.embedded.documents import in_database_order, load_json

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"

_TRUE = ("", "true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


# The longest request line that the web server in front of pScheduler takes, in bytes (recordings b39 and c60).
_LONGEST_REQUEST_LINE = 8190

TOO_LONG = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head>
<title>414 Request-URI Too Long</title>
</head><body>
<h1>Request-URI Too Long</h1>
<p>The requested URL's length exceeds the capacity
limit for this server.<br />
</p>
</body></html>
"""


class RefusalError(Exception):
    """
    A refusal, raised wherever the reason is found.

    Attributes:
        status: The HTTP status.
        body: The text, without its last line break.
    """

    def __init__(self, status: int, body: str) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body}")


def not_found() -> RefusalError:
    """Return the refusal of an unknown URL (recording a04)."""
    return RefusalError(404, "Resource not found.")


def internal_problem() -> RefusalError:
    """Return pScheduler's answer to an error of its own (recordings b36, c04 and g05c among others)."""
    return RefusalError(500, "Internal problem; see system logs.")


def is_too_long(method: str, target: str) -> bool:
    """Return whether the web server would refuse the line of a request as too long."""
    return len(f"{method} {target} HTTP/1.1") > _LONGEST_REQUEST_LINE


def text_reply(text: str, *, status: int = 200, content_type: str = TEXT) -> Response:
    """Return a reply with text; like every reply of pScheduler it ends with a line break."""
    return Response(text + "\n", status, headers={"Content-Type": content_type})


def json_text(document: Any, *, pretty: bool = False) -> str:
    """Return JSON as pScheduler's API writes it: compact or indented (recording n14), and in ASCII."""
    if pretty:
        return json.dumps(document, indent=4, sort_keys=True, separators=(", ", ": "))
    return json.dumps(document, separators=(",", ":"))


def json_reply(request: Request, document: Any) -> Response:
    """Return a reply with JSON, in the given order of pairs; indented and sorted if the query says ``pretty``."""
    return text_reply(json_text(document, pretty=flag(request, "pretty")), content_type="application/json")


def database_reply(request: Request, document: Any) -> Response:
    """Return a reply with JSON from the database, and so in its order."""
    return json_reply(request, in_database_order(document))


def root_url(request: Request) -> str:
    """Return the root of the API under the host name that the request used; all hrefs begin with it."""
    return f"https://{host_of(request)}/pscheduler"


def host_of(request: Request) -> str:
    """Return the host that the request used, with the port if there was one."""
    server = request.scope.get("server") or ("localhost", 443)
    name = f"[{server[0]}]" if ":" in server[0] else server[0]
    return request.headers.get("host") or f"{name}:{server[1]}"


def flag(request: Request, name: str) -> bool:
    """
    Return a Boolean of the query; the name alone means true (recordings c29 and d03).

    Raises:
        RefusalError: 500 if the value is not a Boolean.
    """
    value = request.query_params.get(name)
    if value is None or value.lower() in _FALSE:
        return False
    if value.lower() in _TRUE:
        return True
    raise internal_problem()


def whole_number(request: Request, name: str) -> Optional[int]:
    """
    Return a whole number of the query, or None if it is missing.

    Raises:
        RefusalError: 500 if the value is not a number (recording g05f).
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise internal_problem() from None


def json_parameter(request: Request, name: str) -> Any:
    """
    Return a JSON document of the query, or None if it is missing.

    Raises:
        ValueError: It is invalid; the text is worded as pScheduler words it (recordings b33 and n06).
    """
    text = request.query_params.get(name)
    return None if text is None else load_json(text)


def waiting_time(request: Request) -> int:
    """
    Return ``wait`` in seconds, by default 30.

    Raises:
        RefusalError: 400 if it is negative (recording g05e), 500 if it is not a number.
    """
    wait = whole_number(request, "wait")
    if wait is None:
        return 30
    if wait < 0:
        raise RefusalError(400, "Wait time must be >= 0")
    return wait
