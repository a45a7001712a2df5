"""
Take the secrets of a task out of JSON values, such that they can be restored with the task at hand.

A journal must not contain the values of names that begin with ``_`` (ADR 18), yet its content must be restored
unchanged. So each secret is replaced by its number among the secrets of the task, which is read from the input again.
The numbers depend on the secrets only, not on their places in the task.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

from pscheduler_batch.model import JSON
from pscheduler_batch.redaction import find_secrets, spellings_of_all

# Characters of the private use area enclose a number; if the text itself has one, it is written as "e".
_OPEN, _CLOSE = "\ue000", "\ue001"
# The first of these in JSON.
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
            given: Other values with secrets which may be anywhere in the task.
        """
        self._texts, self._text_numbers, self._find = _finding(frozenset(find_secrets([task, given])))
        hidden = {_text_of(value): value for value in _hidden_values(task)}
        self._value_numbers = {text: number for number, text in enumerate(sorted(hidden))}
        self._values: List[JSON] = [hidden[text] for text in self._value_numbers]

    @property
    def check(self) -> Optional[str]:
        """
        Two digits that change, most likely, if the secrets do; None without secrets.

        They are too few to find a secret by, even one from a list of words: one word in 256 has the same digits.
        """
        if not self._values and not self._texts:
            return None
        known = json.dumps([self._texts, list(self._value_numbers)])
        return hashlib.blake2b(known.encode(), digest_size=1).hexdigest()

    def close(self, value: JSON) -> JSON:
        """
        Take the secrets out of a JSON value.

        A secret that is not in this task, such as one of the server's own, becomes null.
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
        Restore the secrets.

        Raises:
            IndexError: There are fewer secrets than before.
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
        # That character may itself be a secret.
        number = self._text_numbers.get(text)
        return f"{_OPEN}{'e' if number is None else number}{_CLOSE}"

    def _open_text(self, match: re.Match[str]) -> str:
        number = match.group(1)
        return _OPEN if number == "e" else self._texts[int(number)]

    def _close_number(self, value: float) -> JSON:
        """Replace a secret number; a server may quote it without its name."""
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
    """Number the spellings of secrets, and compile a pattern of them; the transforms of a job may have many."""
    texts = spellings_of_all(secrets)
    find = re.compile("|".join([*map(re.escape, texts), _OPEN]))
    return texts, {text: number for number, text in enumerate(texts)}, find


def is_sealed(text: bytes) -> bool:
    r"""
    Return whether a JSON text may have something in it for :meth:`Seal.open` to restore.

    >>> is_sealed(b'{"key": "\\ue000v0\\ue001"}'), is_sealed(b'{"key": "abc"}')
    (True, False)
    """
    return _ESCAPED.encode("ascii") in text


def _is_plain(text: str) -> bool:
    """Return whether a JSON text needs no sealing if the task has no secrets; a complete search takes longer."""
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
