"""``--schema``: print the JSON Schema of a batch."""

from __future__ import annotations

from pscheduler_batch.cli.execute import SUCCEEDED
from pscheduler_batch.cli.options import Options
from pscheduler_batch.input.editor_schema import schema_text
from pscheduler_batch.output.destination import print_text


def execute(_: Options) -> int:
    """Print the schema."""
    print_text(schema_text())
    return SUCCEEDED
