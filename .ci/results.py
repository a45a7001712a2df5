"""
Check the output of a batch: JSON, with results, all of which succeeded.

    results.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def count_successes(document: Any) -> int:
    """Count the runs of a batch's output; the first that did not succeed ends the program."""
    count = 0
    for job in document["jobs"]:
        for result in job["results"]:
            for run in result["runs"]:
                if result.get("succeeded") is False or run["application/json"].get("succeeded") is not True:
                    sys.exit(f"Job {job.get('label')!r} has a run that did not succeed: {json.dumps(run)[:500]}")
                count += 1
    return count


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    try:
        runs = count_successes(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"This is not the output of a batch ({type(error).__name__}: {error}):\n{text[:500]}")
    if not runs:
        sys.exit("The batch's output has no runs.")
    print(f"{runs} runs succeeded")
