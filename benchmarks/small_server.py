"""
The embedded server with as few cores as a real one, in a process of its own.

A line on standard input says how many times as fast as a real one it is. It prints its address, and for each further
line how many POSTs there were since the last one. It ends with its standard input.
"""

from __future__ import annotations

import signal
import sys

from benchmarks.server import LIFETIME_SECONDS
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer

CORES = 2


def pace(speed: float) -> Pace:
    """Return the delays of a real server that are not work, for a server that is so many times as fast."""
    real = Pace.real()
    return Pace(scheduling=real.scheduling / speed, setup=real.setup / speed, cleanup=real.cleanup / speed)


def main() -> None:
    """Run the server."""
    signal.alarm(LIFETIME_SECONDS)
    speed = float(sys.stdin.readline())
    with EmbeddedServer(pace=pace(speed)) as server:
        server.state.faults.shrink(CORES, speed=speed)
        _print_line(server.netloc)
        for _ in sys.stdin:
            posts = sum(method == "POST" for method, _target in server.state.requests)
            server.state.requests.clear()
            _print_line(str(posts))


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
