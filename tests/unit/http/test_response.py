"""What the header of a response says about time."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from pscheduler_batch.http.response import Reply
from tests.support.clock import NOON


@pytest.mark.parametrize(
    ("date", "elapsed", "offset"),
    [
        (0, 0, 0),
        (-2, 0, 0),
        (2, 0, 0),
        (-20, 20, 0),
        (-61, 61, 0),
        (-10, 20, 0),
        (7200, 0, 7200),
        (7180, 20, 7200),
        (-7220, 20, -7200),
        (-10, 0, -10),
    ],
)
def test_the_time_that_an_answer_took_is_no_difference_of_clocks(date, elapsed, offset):
    """Stock servers date an answer when its request begins, others when it is sent [e20a]."""
    headers = {"date": format_datetime(NOON + timedelta(seconds=date), usegmt=True)}
    found = Reply(200, headers, b"", elapsed).clock_offset(NOON)

    assert found == timedelta(seconds=offset)


def test_a_server_without_a_date_has_our_time():
    """There is nothing else to go by."""
    assert Reply(200, {}, b"").clock_offset(NOON) == timedelta(0)
