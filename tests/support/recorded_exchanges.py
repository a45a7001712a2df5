"""
Exchanges with servers of pScheduler 5.2.5, as files.

``tests/recorded/STEP/NAME.json`` is one exchange, shortened and with hosts, identifiers and times of our own, but with
the keys, types, states, status, media type and order that were recorded:

- ``recordings``: the recorded exchanges that it stands for, the one it was written after first;
- ``request``, below the root of the API, and what was ``sent`` as ``sent-type`` where it is a POST;
- ``status``, ``type`` and either ``json`` or ``text``: the answer; ``location`` and ``seconds`` where they matter;
- ``client``: what the client makes of the answer, or ``unmet``: why it never gets it;
- ``embedded``: the ``situation`` in which the embedded server is asked the same, and in what and why its answer
  ``differs``, if it does.

``tests/recorded/whole-tasks/NAME.json`` is one task from its POST to its results:

- ``about`` and ``recordings``: what happens, and the recorded exchanges that are in it;
- ``task``: what was posted;
- ``exchanges``: each request with the replies to its first, second … occurrence, as in tests/support/wire.py;
  those that are in
  ``added`` were not recorded with this task, but with others;
- ``states`` and ``outcome``: the states that the client tells, and what it writes into the output.

``{y*8300}`` stands for so many of a letter. A new recording is a new file, and a new line in docs/conformance.md.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Mapping, Optional

from pscheduler_batch.http.response import Reply

RECORDED = Path(__file__).parents[1] / "recorded"
WHOLE_TASKS = RECORDED / "whole-tasks"
ROOT = "https://ps.example.net/pscheduler"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?([\d.]+S)?)?")

# What is inside is a test's, a tool's or an archiver's own affair, not the API's.
_OPAQUE = frozenset({"result-merged", "spec", "reference", "archivings", "archives", "maintainer", "participant-data"})
# These say which situation it is, so their values count as well as their types.
_EXACT = frozenset({"state", "state-display", "enabled", "multi-result", "exclusive", "valid"})


@dataclass(frozen=True)
class Recorded:
    """
    One exchange.

    Attributes:
        step: The folder: which step of the API it belongs to.
        name: The file's name without its suffix.
        document: What is in it.
    """

    step: str
    name: str
    document: Mapping[str, Any]

    @property
    def method(self) -> str:
        """The method of the request."""
        return str(self.document["request"]).partition(" ")[0]

    @property
    def target(self) -> str:
        """What was asked for, below the root of the API, in full length."""
        return _in_full(str(self.document["request"]).partition(" ")[2])

    @property
    def url(self) -> str:
        """What was asked for."""
        return ROOT + self.target

    @property
    def sent(self) -> Optional[str]:
        """What was posted, in full length."""
        return _in_full(self.document["sent"]) if "sent" in self.document else None

    @property
    def reply(self) -> Reply:
        """The answer as the client sees it."""
        headers = {"content-type": self.document["type"]}
        if "location" in self.document:
            headers["location"] = self.document["location"]
        text = json.dumps(self.document["json"]) if "json" in self.document else self.document["text"]
        return Reply(self.document["status"], headers, text.encode())


def recorded() -> List[Recorded]:
    """Find all exchanges."""
    paths = sorted(path for path in RECORDED.glob("*/*.json") if path.parent != WHOLE_TASKS)
    return [Recorded(path.parent.name, path.stem, json.loads(path.read_text())) for path in paths]


def shape(value: Any, name: str = "") -> Any:
    """
    Return the form of a JSON document: keys in their order and types, and the values that say which situation it is.

    >>> shape({"state": "pending", "end-time": "2026-03-01T12:00:00+00:00", "errors": None, "runs": [1, 2]})
    [('state', 'pending'), ('end-time', 'time'), ('errors', None), ('runs', ['number'])]
    """
    if name in _EXACT or value is None:
        return value
    if name in _OPAQUE:
        return "something"
    if isinstance(value, dict):
        return _shape_of_object(value)
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return _kind_of(value)


def _shape_of_object(value: Mapping[str, Any]) -> Any:
    if "diags" in value and "result" in value:
        return sorted(value)  # What a participant reported is a tool's own affair.
    return [(key, shape(item, key)) for key, item in value.items()]


def _kind_of(value: object) -> str:
    if not isinstance(value, str):
        return "yes or no" if isinstance(value, bool) else "number"
    if _TIME.fullmatch(value):
        return "time"
    if _DURATION.fullmatch(value):
        return "duration"
    return "URL" if re.match("https?://", value) else "text"


def _in_full(text: str) -> str:
    return re.sub(r"\{(\w)\*(\d+)\}", lambda match: match[1] * int(match[2]), text)
