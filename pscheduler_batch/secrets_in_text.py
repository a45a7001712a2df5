"""
Hiding secrets in text that is not right JSON.

Where the text cannot be read as JSON, a message shows the line that is wrong, and a pair whose name begins with ``_``
may be in it or around it. So the text is looked at as bare tokens, and what follows such a name is blotted out.
"""

from __future__ import annotations

import re
from typing import List, Tuple

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


def hide_secrets(text: str) -> str:
    """
    Replace the values of all names that begin with ``_`` by asterisks, one for each character.

    >>> hide_secrets('{"_key": "abc", "size": 1}')
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
