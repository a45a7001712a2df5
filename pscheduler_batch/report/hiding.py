"""
Keeping secrets out of reports (decision 17).

A report is made to be passed on. The values of names that begin with ``_`` are not only in tasks: a server's text, its
HTML and its result may quote them [j25], so each of these is searched for them.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import AbstractSet, Any, Mapping

from pscheduler_batch.model import JSON
from pscheduler_batch.private import HIDDEN, forms_of

# Nobody reads what is nested deeper, and whoever writes it out need not fear for the depth of the stack.
_DEEPEST = 100
_CUT = "…"


class Hider:
    """
    Takes a set of secrets out of texts and JSON values.

    >>> hider = Hider({"abc"})
    >>> hider.text("used abc"), hider.value({"_key": "abc", "log": ["abc"], "_none": None})
    ('used (hidden)', {'_key': '(hidden)', 'log': ['(hidden)'], '_none': None})
    """

    def __init__(self, secrets: AbstractSet[str]) -> None:
        """
        Prepare to hide.

        Args:
            secrets: As :func:`~pscheduler_batch.private.secrets_of` finds them.
        """
        self._secrets = frozenset(secrets)
        forms = {form for secret in secrets for form in forms_of(secret)}
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
