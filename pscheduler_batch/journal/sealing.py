"""
Writing down what belongs to a task without its secrets, in a way that can be undone by whoever has the task.

A journal must not hold the values of names that begin with ``_`` (ADR 18), yet what it holds must come back as it
was. So each secret is replaced by its number among the secrets of the task, which comes from the input again. The
numbers depend on what the secrets are, not on where in the task they stand.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.redaction import find_secrets, spellings_of

# Characters of the private use area stand around a number; where the text has one itself, it is written as "e".
_OPEN, _CLOSE = "\ue000", "\ue001"
# How JSON writes the first of these.
_ESCAPED = "\\ue000"
_SEALED = re.compile(f"{_OPEN}([nv]?[0-9]+|e){_CLOSE}")


class Seal:
    """
    The secrets of one task.

    >>> seal = Seal({"_key": "abc", "_pins": [1, 2]})
    >>> sealed = seal.close({"log": "used abc", "_key": "abc", "_pins": [1, 2]})
    >>> "abc" in str(sealed), seal.open(sealed)
    (False, {'log': 'used abc', '_key': 'abc', '_pins': [1, 2]})
    """

    def __init__(self, task: JSON, given: JSON = None) -> None:
        """
        Find the secrets.

        Args:
            task: The task.
            given: What else may hold secrets that are in the task, in whatever places.
        """
        self._texts, self._text_numbers, self._find = _finding(frozenset(find_secrets([task, given])))
        hidden = {_text_of(value): value for value in _hidden_values(task)}
        self._value_numbers = {text: number for number, text in enumerate(sorted(hidden))}
        self._values: List[JSON] = [hidden[text] for text in self._value_numbers]

    @property
    def check(self) -> Optional[str]:
        """
        A few digits that are others if the secrets are; None where there are no secrets.

        They are too few to find a secret by, even one that is in a list of words: of those, one in 256 has them.
        """
        if not self._values and not self._texts:
            return None
        known = json.dumps([self._texts, list(self._value_numbers)])
        return hashlib.blake2b(known.encode(), digest_size=1).hexdigest()

    def close(self, value: JSON) -> JSON:
        """
        Take the secrets out of a JSON value.

        A secret that is not of this task, such as one of the server's own, becomes null.
        """
        if not self._texts and not self._values and _is_plain(json.dumps(value)):
            return value
        return self._close(value)

    def _close(self, value: JSON) -> JSON:
        if isinstance(value, str):
            return self._find.sub(self._close_text, value)
        if isinstance(value, Mapping):
            return {
                self._close(name): self._close_hidden(inner) if name.startswith("_") else self._close(inner)
                for name, inner in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._close(inner) for inner in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._close_number(value)
        return value

    def open(self, value: JSON) -> JSON:
        """
        Put the secrets back.

        Raises:
            IndexError: There are fewer secrets than there were.
        """
        if isinstance(value, str):
            whole = _SEALED.fullmatch(value)
            return _SEALED.sub(self._open_text, value) if whole is None else self._open_whole(whole.group(1))
        if isinstance(value, dict):
            return {self.open(name): self.open(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.open(inner) for inner in value]
        return value

    def _close_text(self, match: re.Match[str]) -> str:
        text = match.group()
        # A secret may be that very character.
        number = self._text_numbers.get(text)
        return f"{_OPEN}{'e' if number is None else number}{_CLOSE}"

    def _open_text(self, match: re.Match[str]) -> str:
        number = match.group(1)
        return _OPEN if number == "e" else self._texts[int(number)]

    def _close_number(self, value: float) -> JSON:
        """Replace a number that is a secret; a server may quote it without its name."""
        number = self._text_numbers.get(json.dumps(value))
        return value if number is None else f"{_OPEN}n{number}{_CLOSE}"

    def _open_whole(self, mark: str) -> JSON:
        if mark.startswith("v"):
            return self._values[int(mark[1:])]
        if mark.startswith("n"):
            return json.loads(self._texts[int(mark[1:])])
        return _OPEN if mark == "e" else self._texts[int(mark)]

    def _close_hidden(self, value: JSON) -> JSON:
        number = self._value_numbers.get(_text_of(value))
        return None if number is None else f"{_OPEN}v{number}{_CLOSE}"


@lru_cache(maxsize=64)
def _finding(secrets: FrozenSet[str]) -> Tuple[List[str], Dict[str, int], re.Pattern[str]]:
    """Number the forms of secrets, and make what finds them; those of a job's transforms can be many."""
    forms = {form for secret in secrets for form in spellings_of(secret)}
    # The longest first, so that a secret that is part of another one leaves nothing of it.
    texts = sorted(forms, key=lambda form: (-len(form), form))
    find = re.compile("|".join([*map(re.escape, texts), _OPEN]))
    return texts, {text: number for number, text in enumerate(texts)}, find


def is_sealed(text: bytes) -> bool:
    r"""
    Say whether there may be something in a JSON text for :meth:`Seal.open` to open.

    >>> is_sealed(b'{"key": "\\ue000v0\\ue001"}'), is_sealed(b'{"key": "abc"}')
    (True, False)
    """
    return _ESCAPED.encode("ascii") in text


def _is_plain(text: str) -> bool:
    """Say whether a JSON text surely needs no seal where the task has no secrets; to go through it takes longer."""
    return '"_' not in text and _ESCAPED not in text


def _text_of(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _hidden_values(task: JSON) -> List[Any]:
    """Collect the values, of any kind, of the names that begin with ``_``."""
    found: List[Any] = []
    stack = [task]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            for name, inner in item.items():
                (found if name.startswith("_") else stack).append(inner)
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
    return found
