"""Which batch a journal belongs to: the parts of its input, and the options that affect what is run (ADR 32)."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Mapping

from pscheduler_batch.journal.sealing import Seal
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.text import list_names, printable, show

Identity = Mapping[str, JSON]

# How many differences are named.
_MOST_NAMED = 5


def identity_of(document: JSONObject, options: Identity, others: JSONObject) -> Identity:
    """
    Return digests of the parts of a batch by their names in messages, and the options.

    Secrets are left out, as a short one could be found by trying; whether they are the same is checked task by task.

    >>> list(identity_of({"schema": 2, "jobs": [{"label": "a"}]}, {"--lead": None}, {}))
    ['/schema', '/jobs/0', '--lead']

    Args:
        document: The input without comments.
        options: Options by their names, with values that are not secret and can be shown.
        others: Anything else that affects what is run, by its name in messages; None if there is none.
    """
    # Without a secret of its own, a part may still quote that of another.
    sealed = Seal(document).close(document)
    parts = {f"/{name}": _digest(value) for name, value in sealed.items() if name != "jobs"}
    jobs = {f"/jobs/{number}": _digest(job) for number, job in enumerate(sealed["jobs"])}
    rest = {name: _digest(value) for name, value in others.items() if value is not None}
    return {**parts, **jobs, **rest, **options}


def differences(recorded: Identity, given: Identity) -> str:
    """
    Name what differs between the identity in a journal and that of a batch, "" if nothing does.

    >>> differences({"/jobs/0": "1", "--lead": "ps1"}, {"/jobs/0": "2", "--lead": "ps2"})
    '/jobs/0 and --lead (it was "ps1")'
    """
    names = [name for name in {**given, **recorded} if recorded.get(name) != given.get(name)]
    words = [_with_value(name, recorded.get(name)) for name in names[:_MOST_NAMED]]
    more = [f"{len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return list_names([*words, *more]) if names else ""


def _with_value(name: str, was: Any) -> str:
    if not name.startswith("--"):
        return printable(name)
    value = show(was) if was and was is not True else "given" if was else "not given"
    return f"{name} (it was {value})"


def _digest(value: JSON) -> str:
    # Not sorted: the order of names can matter to a script.
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
