"""
What the embedded server adds to the results of its measurements: that it made them (decision 18).

Nobody shall take a number that was measured on a laptop's loopback for one that a pScheduler server measured.
"""

from __future__ import annotations

from html import escape
from typing import Any, Dict, Mapping


def measured_by(hostname: str) -> str:
    """Say who measured."""
    return f"the embedded server of pscheduler-batch on {hostname}"


def signed(merged: Mapping[str, Any], hostname: str) -> Dict[str, Any]:
    """Add ``measured-by`` to a merged result; one of a failure stays as it is."""
    if merged.get("succeeded") is not True:
        return dict(merged)
    return {**merged, "measured-by": measured_by(hostname)}


def signed_plain(text: str, hostname: str) -> str:
    """Add a last line to a result as text; the reply adds the line end."""
    lines = text.rstrip("\n")
    return f"{lines}\nMeasured by {measured_by(hostname)}" if lines else f"Measured by {measured_by(hostname)}"


def signed_html(fragment: str, hostname: str) -> str:
    """Add a last paragraph to a result as a fragment of HTML; the reply adds the line end."""
    lines = fragment.rstrip("\n")
    paragraph = f"<p>Measured by {escape(measured_by(hostname))}</p>"
    return f"{lines}\n{paragraph}" if lines else paragraph
