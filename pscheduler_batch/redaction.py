"""
Taking secrets out of text.

The values of names that begin with ``_`` are secrets (ADR 18). They are in tasks, a transform may have copied them to
any other place, and a server that refuses a task may quote all of it (recording c14). All text leaves the program
through one of these gates (ADR 75), and only they import this module:

* :mod:`~pscheduler_batch.model`: an iteration and a plan know what takes their secrets out, and an iteration as it is
  shown has none: for previews, and for the reasons why a batch is refused;
* :mod:`~pscheduler_batch.session`: all that happens while a batch runs: the debug log, warnings, the events for what
  prints them, the failures of callbacks, the tracebacks of bugs;
* :mod:`~pscheduler_batch.planning.iteration_problems` and :mod:`~pscheduler_batch.planning.server_problems`: errors and
  warnings about tasks, and what servers say about tests;
* :mod:`~pscheduler_batch.transforms.script`: the errors of jq, as scripts also run in other processes;
* :mod:`~pscheduler_batch.input.loader` and :mod:`~pscheduler_batch.input.excerpts`: errors and warnings about the
  input, and its lines that they quote;
* :mod:`~pscheduler_batch.output.document`, :mod:`~pscheduler_batch.report.document_rows` and
  :mod:`~pscheduler_batch.journal.sealing`: the errors in the output, results that others may read, reports, the
  journal;
* :mod:`~pscheduler_batch.plugins.arguments`: the arguments that pScheduler shows of a batch that is a task.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property, lru_cache
from html import escape
from math import isfinite
from typing import Any, FrozenSet, Iterable, Iterator, List, Set, Tuple
from urllib.parse import quote

from pscheduler_batch.pointers import Path, is_secret, pointer
from pscheduler_batch.text import HIDDEN, printable

# How the end of a text is marked that was cut short, by jq and by us.
_CUT = re.compile(r"\.\.\.|…")

# What is nested deeper is cut off in reports: it is not readable, and writing it could exhaust the stack.
_DEEPEST = 100

# What is written alike everywhere.
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")

# The names by which the parts of a batch and its output are found. A script may have made any other one of a secret.
_NAMES = re.compile(
    r"""
    application/json | args | attempts | backoff | batch | continue-if | data | duration | enabled | end | end-time
    | errors? | expectations | global | href | iterations? | jobs | label | late | lead-run | parallel | participants
    | reference | result-full | results | runs? | schedule | schema | script | setup-time | shuffle | skipped | spec
    | start | start-time | state | succeeded | sync-start | task | task-transform | test | text/html | text/plain
    | transform-post | transform-pre | type
    """,
    re.VERBOSE,
)

# The most digits of a number that stays where a document must remain what it is, and the longest secret that is
# not looked for within other words.
_SHORT = 4


def find_secrets(value: Any) -> Set[str]:
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


def secret_pairs(value: Any) -> Any:
    """
    Return a JSON value with the secrets of another one, and nothing else.

    >>> secret_pairs({"_key": ["b", "a"], "open": "c"})
    {'_': ['a', 'b']}
    """
    return {"_": sorted(find_secrets(value))}


class Redactor:
    """
    Takes a set of secrets out of texts and JSON values.

    >>> redactor = Redactor({"abc"})
    >>> redactor.text("used abc"), redactor.value({"_key": "abc", "log": ["abc"], "_none": None})
    ('used (hidden)', {'_key': '(hidden)', 'log': ['(hidden)'], '_none': None})
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """
        Prepare to redact.

        Args:
            secrets: As :func:`find_secrets` finds them; taken when the first text comes.
        """
        self._given = secrets

    @classmethod
    def of(cls, values: Iterable[Any]) -> Redactor:
        """Make what takes out the secrets of JSON values; these are searched when the first text comes."""
        return cls(secret for value in values for secret in find_secrets(value))

    def __bool__(self) -> bool:
        """Return whether there are secrets."""
        return bool(self._secrets)

    @cached_property
    def _secrets(self) -> FrozenSet[str]:
        return frozenset(self._given)

    @cached_property
    def _spellings(self) -> List[str]:
        return spellings_of_all(self._secrets)

    @cached_property
    def _alphabetical(self) -> List[str]:
        return sorted(self._spellings)

    def text(self, text: str) -> str:
        """Take the secrets out of a text, HTML included."""
        return _hide(text, self._find(text)) if self._spellings else text

    def message(self, text: str) -> str:
        """Take the secrets out of a message, with what is left of those in a value that was cut short."""
        return _hide(text, sorted([*self._find(text), *self._find_cut(text)]))

    def blot(self, text: str) -> str:
        """
        Replace the secrets in a text by asterisks, one for each character.

        Short ones are replaced only where they are whole words: a single letter is in most others.

        >>> Redactor({"abc", "swordfish"}).blot("abc abcd swordfishes")
        '*** abcd *********es'
        """
        there = [_word(spelling) for spelling in self._spellings if spelling in text]
        return re.sub("|".join(there), lambda found: _blot(found[0]), text) if there else text

    @property
    def longest(self) -> int:
        """How many characters the longest spelling of a secret has."""
        return len(self._spellings[0]) if self._spellings else 0

    def _find(self, text: str) -> Iterator[Tuple[int, int]]:
        # A pattern of all the secrets of a $global, which may be a thousand, is slow.
        there = [spelling for spelling in self._spellings if spelling in text]
        if there:
            yield from (found.span() for found in re.finditer("|".join(map(re.escape, there)), text))

    def _find_cut(self, text: str) -> Iterator[Tuple[int, int]]:
        """Find the longest beginning of a secret before each mark of a cut."""
        for mark in _CUT.finditer(text):
            end = mark.start()
            for start in range(max(0, end - self.longest), end):
                beginning = text[start:end]
                index = bisect_left(self._alphabetical, beginning)
                if self._alphabetical[index : index + 1] and self._alphabetical[index].startswith(beginning):
                    yield start, end
                    break

    def value(self, value: Any, *, structured: bool = False) -> Any:
        """
        Copy a JSON value without secrets.

        What JSON does not have (NaN) becomes null, and what is nested very deep is cut off.

        Args:
            value: The value.
            structured: Whether the names of a batch and short numbers stay, so that a document remains what it is: a
                secret may be one of them.
        """
        return self._copy(value, 0, structured)

    def _copy(self, value: Any, depth: int, structured: bool) -> Any:  # noqa: FBT001 - private
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, (int, float)):
            return self._number(value, structured)
        if depth == _DEEPEST and value and isinstance(value, (Mapping, list, tuple)):
            return "…"
        if isinstance(value, Mapping):
            return {
                self._name(str(name), structured): self._pair(str(name), inner, depth + 1, structured)
                for name, inner in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._copy(inner, depth + 1, structured) for inner in value]
        return self._number(value, structured)

    def _name(self, name: str, structured: bool) -> str:  # noqa: FBT001 - private
        return name if structured and _NAMES.fullmatch(name) else self.text(name)

    def _pair(self, name: str, value: Any, depth: int, structured: bool) -> Any:  # noqa: FBT001 - private
        if name.startswith("_"):
            return None if value is None else HIDDEN
        return self._copy(value, depth, structured)

    def _number(self, value: Any, structured: bool) -> Any:  # noqa: FBT001 - private
        if isinstance(value, float) and not isfinite(value):
            return None
        if not self._secrets or value is None or isinstance(value, bool):
            return value
        text = str(value)
        return HIDDEN if text in self._secrets and not (structured and len(text) <= _SHORT) else value

    def json_text(self, value: Any, path: Path = ()) -> str:
        """
        Write a JSON value as text without secrets.

        Args:
            value: The value.
            path: Where it is; below a name that begins with ``_`` nothing is shown.
        """
        return json.dumps(HIDDEN if is_secret(path) else self.value(value), ensure_ascii=False)

    def pointer(self, path: Path) -> str:
        """Write a path as a JSON pointer without secrets."""
        return pointer(tuple(self.message(step) if isinstance(step, str) else step for step in path))

    def found_in(self, text: str) -> Tuple[str, ...]:
        """Return the secrets that are in a text, in order."""
        return tuple(sorted(secret for secret in self._secrets if any(form in text for form in spellings_of(secret))))


def redactor_of(value: Any) -> Redactor:
    """Return what takes out the secrets of a JSON value; values with the same secrets share it."""
    return _shared(frozenset(find_secrets(value)))


@lru_cache(maxsize=64)
def _shared(secrets: FrozenSet[str]) -> Redactor:
    return Redactor(secrets)


def spellings_of(secret: str) -> Set[str]:
    """
    Return every way in which a secret may be written.

    As it is, in JSON, in JSON beyond ASCII, by Python, in one of these within another, in a URL, each of these in HTML,
    and what a page or a terminal leaves of them: other white space, and no invisible characters.
    """
    if _PLAIN.fullmatch(secret):
        return {secret}
    quoted = _quoted(secret)
    forms = {secret, *quoted}
    forms |= {escape(form) for form in forms}
    forms |= {"".join(filter(str.isprintable, form)) for form in forms if not form.isprintable()}
    forms |= {" ".join(form.split()) for form in forms}
    forms.update(*map(_quoted, quoted - {secret}))
    forms.update(*map(_in_url, {secret, json.dumps(secret)[1:-1]}))
    return forms - {""}


def _quoted(text: str) -> Set[str]:
    """Return how a text is written between quotation marks, and as this program prints that."""
    in_json = json.dumps(text, ensure_ascii=False)[1:-1]
    return {json.dumps(text)[1:-1], in_json, repr(text)[1:-1], printable(text), printable(in_json)}


def _in_url(text: str) -> Set[str]:
    """Return how a text is written in a URL: as one part of it, as forms write it, and as several steps of a path."""
    form = quote(text, "", errors="surrogatepass")
    return {form, form.replace("%20", "+"), form.replace("%2F", "/")}


def spellings_of_all(secrets: Iterable[str]) -> List[str]:
    """List the spellings of secrets, the longest first, so that a secret in another one leaves nothing of it."""
    spellings = {spelling for secret in secrets for spelling in spellings_of(secret)}
    return sorted(spellings, key=lambda spelling: (-len(spelling), spelling))


def _word(spelling: str) -> str:
    """Return a pattern for a spelling, which must be a whole word if it is short."""
    escaped = re.escape(spelling)
    return escaped if len(spelling) > _SHORT else rf"(?<!\w){escaped}(?!\w)"


def _hide(text: str, spans: Iterable[Tuple[int, int]]) -> str:
    pieces: List[str] = []
    shown_to = 0
    for start, end in spans:
        if start >= shown_to:
            pieces += [text[shown_to:start], HIDDEN]
        shown_to = max(shown_to, end)
    return "".join([*pieces, text[shown_to:]])


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
    Replace the values of all names that begin with ``_``, wherever they are, by asterisks, one for each character.

    >>> blot_secrets('{"_key": "abc", "size": 1, "open": "abc"}')
    '{"_key": *****, "size": 1, "open": "***"}'
    """
    pieces: List[str] = []
    shown_to = 0
    secrets: Set[str] = set()

    def hide(value: str) -> str:
        secrets.update(token.strip("\"'") for token in _TOKEN.findall(value))
        return _blot(value)

    for start, end in _secret_spans(text):
        pieces += [text[shown_to:start], hide(text[start:end])]
        shown_to = end
    tokens_hidden = "".join([*pieces, text[shown_to:]])
    pairs_hidden = _PAIR.sub(lambda pair: pair.group(1) + hide(pair.group(3)), tokens_hidden)
    return Redactor(secret for secret in secrets if secret.strip("{}[],:=*")).blot(pairs_hidden)


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
    """Return the index behind the value that starts at a token; unclosed brackets extend to the end of the text."""
    depth = 0
    while index < len(tokens):
        token = tokens[index].group()
        if depth == 0 and token in ("]", "}", ","):
            return index
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        index += 1
    return index
