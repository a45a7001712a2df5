"""What the tests of the embedded server share."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.support.embedded_bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """The server in its own time, without sockets."""
    bench = Bench()
    yield bench
    bench.close()
