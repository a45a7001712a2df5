"""What a task measures to, for the plan, the summary and the reports alike."""

from __future__ import annotations

from typing import Mapping
from urllib.parse import urlsplit

from pscheduler_batch.model import JSON

# Where the tests of pScheduler say it; the first that is there counts. The ``host`` of tests like dns is where they
# run, so it comes last.
_NAMES = ("dest", "url", "nameserver", "query", "host")


def destination_of(spec: JSON) -> str:
    """
    Say what a test measures to; empty where its specification does not say.

    >>> destination_of({"url": "https://www.example.net/index"}), destination_of({"duration": "PT1S"})
    ('www.example.net', '')

    Args:
        spec: The specification of any test; whatever may be in it.

    Returns:
        The text as it is, with secrets and all.
    """
    if not isinstance(spec, Mapping):
        return ""
    for name in _NAMES:
        value = spec.get(name)
        if isinstance(value, str) and value:
            return _host(value) if name == "url" else value
    return ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
