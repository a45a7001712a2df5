"""
Keeping secrets out of messages.

The values of names that begin with ``_`` are secrets (ADR 18). They are in tasks, and a server that refuses a task
may quote all of it (recording c14), so whatever is said about a task goes through :func:`redact`.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import AbstractSet, Any, Iterable, List, Mapping, Set, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.text import HIDDEN

# The most characters that jq shows of a value in a message, with some to spare.
CUT_AT = 60


def find_secrets(value: JSON) -> Set[str]:
    """
    Collect the secrets in a JSON value: each text and number under a name that begins with ``_``.

    >>> sorted(find_secrets({"_key": "abc", "archives": [{"data": {"_url": "https://x/"}}], "open": "y"}))
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


def as_secret_pairs(secrets: Iterable[str]) -> JSON:
    """
    Put secrets into a JSON value that holds nothing else, for :func:`redact`, which then need not look for them again.

    >>> as_secret_pairs({"b", "a"})
    {'_': ['a', 'b']}
    """
    return {"_": sorted(secrets)}


def redact(text: str, value: JSON) -> str:
    """
    Take the secrets of a JSON value out of a text about it.

    >>> redact("bad task {'_key': 'abc', 'n': 1}", {"_key": "abc"})
    "bad task {'_key': '(hidden)', 'n': 1}"

    Args:
        text: Such as a server's words about a task.
        value: The task.
    """
    # The longest first, so that a secret that is part of another leaves nothing of it.
    forms = {shown for secret in find_secrets(value) for shown in spellings_of(secret)}
    # jq cuts long values short, and ends them with dots; so what is left of a secret is looked for as well.
    cut = "..." in text
    # A $global may have a thousand secrets, and a pattern of them all takes long to make.
    there = [form for form in forms if (form[0] if cut else form) in text]
    patterns = [_pattern(form, cut=cut) for form in sorted(there, key=lambda form: (-len(form), form))]
    return re.sub("|".join(patterns), HIDDEN, text) if patterns else text


def spellings_of(secret: str) -> Set[str]:
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


_TOKEN = re.compile(
    r"""
    "(?:[^"\\\n]|\\.)*"?     # a string, perhaps one that is never closed
    | '(?:[^'\\\n]|\\.)*'?   # the same with the quotes of other languages
    | [{}\[\],]
    | [:=]
    | [^\s{}\[\],:="']+      # a bare word or a number
    """,
    re.VERBOSE,
)

# One odd quotation mark makes all tokens behind it wrong, so pairs are also looked for by themselves.
_PAIR = re.compile(r"""((["'])_[^"'\n]*\2\s*[:=]?\s*)("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s{}\[\],"']+)""")


def blot_secrets(text: str) -> str:
    """
    Replace the values of all names that begin with ``_`` by asterisks, one for each character.

    >>> blot_secrets('{"_key": "abc", "size": 1}')
    '{"_key": *****, "size": 1}'
    """
    pieces: List[str] = []
    shown_to = 0
    for start, end in _secret_spans(text):
        pieces += [text[shown_to:start], _blot(text[start:end])]
        shown_to = end
    tokens_hidden = "".join([*pieces, text[shown_to:]])
    return _PAIR.sub(lambda pair: pair.group(1) + _blot(pair.group(3)), tokens_hidden)


def _blot(text: str) -> str:
    return re.sub(r"[^\r\n]", "*", text)


def _secret_spans(text: str) -> List[Tuple[int, int]]:
    spans: List[Tuple[int, int]] = []
    tokens = list(_TOKEN.finditer(text))
    index = 0
    while index < len(tokens):
        is_name = tokens[index].group().lstrip("\"'").startswith("_")
        index += 1
        if not is_name:
            continue
        while index < len(tokens) and tokens[index].group() in (":", "="):
            index += 1
        behind = _behind_value(tokens, index)
        if behind > index:
            spans.append((tokens[index].start(), tokens[behind - 1].end()))
        index = behind
    return spans


def _behind_value(tokens: List[re.Match[str]], index: int) -> int:
    """Say where the value that begins at a token ends; one whose brackets are never closed ends with the text."""
    depth = 0
    while index < len(tokens):
        token = tokens[index].group()
        if depth == 0 and token in ("]", "}", ","):
            return index
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        index += 1
    return index


# Nobody reads what is nested deeper, and whoever writes it out need not fear for the depth of the stack.
_DEEPEST = 100

_CUT = "…"


class Redactor:
    """
    Takes a set of secrets out of texts and JSON values.

    >>> hider = Redactor({"abc"})
    >>> hider.text("used abc"), hider.value({"_key": "abc", "log": ["abc"], "_none": None})
    ('used (hidden)', {'_key': '(hidden)', 'log': ['(hidden)'], '_none': None})
    """

    def __init__(self, secrets: AbstractSet[str]) -> None:
        """
        Prepare to hide.

        Args:
            secrets: As :func:`~pscheduler_batch.redaction.find_secrets` finds them.
        """
        self._secrets = frozenset(secrets)
        forms = {form for secret in secrets for form in spellings_of(secret)}
        # The longest first, so that a secret that is part of another leaves nothing of it.
        found = "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
        self._find = re.compile(found) if found else None

    def text(self, text: str) -> str:
        """Hide the secrets in a text, HTML included."""
        return text if self._find is None else self._find.sub(HIDDEN, text)

    def value(self, value: JSON, depth: int = 0) -> JSON:
        """
        Copy a JSON value without secrets.

        What JSON does not have (NaN) becomes null, and what is nested very deep is cut off.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (Mapping, list, tuple)) and value and depth == _DEEPEST:
            return _CUT
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._pair(str(name), inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner, depth + 1) for inner in value]
        return self._number(value)

    def _pair(self, name: str, value: Any, depth: int) -> JSON:
        if name.startswith("_"):
            return None if value is None else HIDDEN
        return self.value(value, depth)

    def _number(self, value: Any) -> JSON:
        if isinstance(value, float) and not isfinite(value):
            return None
        is_secret = self._secrets and not isinstance(value, bool) and str(value) in self._secrets
        return HIDDEN if is_secret and value is not None else value
