"""Run the benchmarks: ``python -m benchmarks``."""

from __future__ import annotations

import sys

from benchmarks.command import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # The status that a shell reports; all child processes have ended.
        sys.exit(130)
