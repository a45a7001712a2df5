"""
Check that the output of a batch is JSON with results, all of which succeeded.

    results.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def count_successes(document: Any) -> int:
    """Count the runs in the output of a batch; exit at the first that failed."""
    count = 0
    for job in document["jobs"]:
        for result in job["results"]:
            for run in result["runs"]:
                if result.get("succeeded") is False or run["application/json"].get("succeeded") is not True:
                    sys.exit(f"job {job.get('label')!r} has a failed run: {json.dumps(run)[:500]}")
                count += 1
    return count


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    try:
        runs = count_successes(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"not the output of a batch ({type(error).__name__}: {error}):\n{text[:500]}")
    if not runs:
        sys.exit("the output has no runs")
    print(f"{runs} runs succeeded")
