"""
Keeping secrets out of messages.

The values of names that begin with ``_`` are secrets (decision 17). They are in tasks, and a server that refuses a task
may quote all of it (recording c14), so whatever is said about a task goes through :func:`conceal`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Iterable, Set

from pscheduler_batch.model import JSON

HIDDEN = "(hidden)"

# The most characters that jq shows of a value in a message, with some to spare.
CUT_AT = 60


def secrets_of(value: JSON) -> Set[str]:
    """
    Collect the secrets in a JSON value: each text and number under a name that begins with ``_``.

    >>> sorted(secrets_of({"_key": "abc", "archives": [{"data": {"_url": "https://x/"}}], "open": "y"}))
    ['abc', 'https://x/']
    """
    found: Set[str] = set()
    stack = [(value, False)]
    while stack:
        item, secret = stack.pop()
        if isinstance(item, Mapping):
            stack.extend((inner, secret or str(name).startswith("_")) for name, inner in item.items())
        elif isinstance(item, (list, tuple)):
            stack.extend((inner, secret) for inner in item)
        elif secret and item is not None and not isinstance(item, bool) and str(item):
            found.add(str(item))
    return found


def as_pairs(secrets: Iterable[str]) -> JSON:
    """
    Put secrets into a JSON value that holds nothing else, for :func:`conceal`, which then need not look for them again.

    >>> as_pairs({"b", "a"})
    {'_': ['a', 'b']}
    """
    return {"_": sorted(secrets)}


def conceal(text: str, value: JSON) -> str:
    """
    Take the secrets of a JSON value out of a text about it.

    >>> conceal("bad task {'_key': 'abc', 'n': 1}", {"_key": "abc"})
    "bad task {'_key': '(hidden)', 'n': 1}"

    Args:
        text: Such as a server's words about a task.
        value: The task.
    """
    # The longest first, so that a secret that is part of another leaves nothing of it.
    forms = {shown for secret in secrets_of(value) for shown in forms_of(secret)}
    # jq cuts long values short, and ends them with dots; so what is left of a secret is looked for as well.
    cut = "..." in text
    # A $global may have a thousand secrets, and a pattern of them all takes long to make.
    there = [form for form in forms if (form[0] if cut else form) in text]
    patterns = [_pattern(form, cut=cut) for form in sorted(there, key=lambda form: (-len(form), form))]
    return re.sub("|".join(patterns), HIDDEN, text) if patterns else text


def forms_of(secret: str) -> Set[str]:
    """
    Say how a secret may be written.

    As it is, in JSON, in JSON that is not confined to ASCII, by Python, in the query of a URL, each of these in HTML,
    and what is left of them in a page or on a terminal: other blanks, and nothing that cannot be seen.
    """
    if secret.isascii() and secret.isalnum():
        return {secret}
    # Most batches have no such secret, and do not pay for these.
    from html import escape  # noqa: PLC0415
    from urllib.parse import quote_plus  # noqa: PLC0415

    in_json = json.dumps(secret)[1:-1]
    forms = {secret, in_json, json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], quote_plus(in_json)}
    forms |= {escape(form) for form in forms}
    forms |= {"".join(filter(str.isprintable, form)) for form in forms}
    forms |= {" ".join(form.split()) for form in forms}
    return forms - {""}


def _pattern(form: str, *, cut: bool) -> str:
    """Write the pattern of a text that is whole, or, if asked for, cut short by dots."""
    if not cut:
        return re.escape(form)
    beginnings = "|".join(re.escape(form[:length]) for length in range(min(len(form) - 1, CUT_AT), 0, -1))
    return rf"{re.escape(form)}|(?:{beginnings})(?=\.\.\.)" if beginnings else re.escape(form)
