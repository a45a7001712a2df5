"""
Whether a site has enabled batches at all (ADR 63).

As installed it has not, and servers ask for each task that is posted; so this imports next to nothing.
"""

from __future__ import annotations

import json
from typing import Optional

from pscheduler_batch.plugins.site_file import read_site_file

PERMISSION_FILE = "/etc/pscheduler/tool/batch-processor.json"


def why_disabled(path: str) -> Optional[str]:
    """
    Return why no batch is run here.

    Args:
        path: The permission file.

    Returns:
        The reason; None if batches are enabled, or if the file contains an error that has to be reported.
    """
    try:
        document = json.loads(read_site_file(path))
    except FileNotFoundError:
        return disabled_words(path, missing=True)
    except (OSError, RecursionError, ValueError):
        return None
    if isinstance(document, dict) and document.get("enabled", False) is False:
        return disabled_words(path, missing=False)
    return None


def disabled_words(path: str, *, missing: bool) -> str:
    """Return the reason of a permission file that does not exist, or does not enable batches."""
    why = "does not exist" if missing else 'does not have "enabled": true'
    return f"batches are not enabled on this host: {path} {why}"
