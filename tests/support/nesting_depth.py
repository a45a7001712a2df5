"""How deeply values must be nested for the json module to give up, which differs with the version of Python."""

from __future__ import annotations

import json

import pytest

# Deeper than the json module of any Python can read, and not too deep for everything else.
DEEP = 100_000
# Deeper than any useful value, and less deep than the limit of jq itself.
FOR_JQ = 9_000


def _can_be_written(depth: int) -> bool:
    value: object = 0
    for _ in range(depth):
        value = [value]
    try:
        json.dumps(value)
    except RecursionError:
        return False
    return True


beyond_json = pytest.mark.skipif(_can_be_written(FOR_JQ), reason="the json module of this Python goes as deep as jq")
