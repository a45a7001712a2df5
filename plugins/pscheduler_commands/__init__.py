"""The ``pscheduler`` command, which runs commands of any installed package."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any, Dict

# The commands of this package are not searched for among those of all packages: that takes longer than running --help.
OWN_COMMANDS: Dict[str, str] = {
    "batch": "pscheduler_batch.cli.batch:batch",
    "batch-compare": "pscheduler_batch.cli.batch_compare:batch_compare",
    "batch-new": "pscheduler_batch.cli.batch_new:batch_new",
    "batch-plugins": "pscheduler_batch.cli.batch_plugins:batch_plugins",
    "batch-report": "pscheduler_batch.cli.batch_report:batch_report",
    "batch-server": "pscheduler_batch.cli.batch_server:batch_server",
}
_HOST = "pscheduler_commands.host:pscheduler"


def load_command(place: str) -> Any:
    """Import a click command from a place such as ``package.module:name``."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def main() -> None:
    """Run the ``pscheduler`` command, or directly the command of this package that its first argument names."""
    word = sys.argv[1] if sys.argv[1:] else ""
    # Imported modules live as long as the process; scanning them for garbage would take a tenth of the start-up time.
    gc.disable()
    command = load_command(OWN_COMMANDS.get(word, _HOST))
    gc.freeze()
    gc.enable()
    if word in OWN_COMMANDS:
        command(sys.argv[2:], prog_name=f"pscheduler {word}")
    else:
        command(prog_name="pscheduler")
