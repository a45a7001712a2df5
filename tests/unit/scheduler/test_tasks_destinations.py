"""Tests of what tasks measure between."""

from __future__ import annotations

import pytest

from pscheduler_batch.scheduler.tasks import destination_of, source_of


@pytest.mark.parametrize(
    ("spec", "destination"),
    [
        ({"dest": "a", "host": "b"}, "a"),
        ({"url": "https://user:word@www.example.net:8443/x"}, "www.example.net"),
        ({"url": "https://[broken"}, "https://[broken"),
        ({"query": "a.example.net", "record": "a"}, "a.example.net"),
        ({"query": "a.example.net", "nameserver": "ns.example.net"}, "ns.example.net"),
        ({"host": "b"}, "b"),
        ({"dest": 5}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_destination_is_what_is_measured_to(spec, destination):
    """Whatever else is in the specification."""

    assert destination_of(spec) == destination


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ({"source": "a", "source-node": "b", "dest": "c"}, "a"),
        ({"source-node": "b"}, "b"),
        ({"source": "", "source-node": "b"}, "b"),
        ({"source": ["a"]}, ""),
        ({"dest": "c"}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_source_is_what_is_measured_from(spec, source):
    """Whatever else is in the specification."""

    assert source_of(spec) == source
