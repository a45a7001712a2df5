"""Tests of what tasks measure to."""

from __future__ import annotations

import pytest

from pscheduler_batch.scheduler.tasks import destination_of


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
