"""The ``pscheduler`` command, which runs commands of any package, and the programs of this one."""

from __future__ import annotations

try:
    import gc
    import signal
    import sys
    from importlib import import_module
except KeyboardInterrupt:
    raise SystemExit(130) from None

# Control-C is handled once this module has been imported, so it imports no more than it needs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The commands of this package are not searched for among those of all packages: that takes longer than running --help.
OWN_COMMANDS = {
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
    if word in OWN_COMMANDS:
        _run(word, f"pscheduler {word}", sys.argv[2:])
        return
    before = _end_when_interrupted()
    host = _load_first(_HOST)
    # Commands of other packages expect KeyboardInterrupt.
    signal.signal(signal.SIGINT, before)
    host(prog_name="pscheduler")


def _run(word: str, name: str, arguments: Any = None) -> None:
    """Run a command of this package under a name; its arguments are by default those of the program."""
    _end_when_interrupted()
    _load_first(OWN_COMMANDS[word])(arguments, prog_name=name)


def batch() -> None:
    """Run the program ``pscheduler-batch``."""
    _run("batch", "pscheduler-batch")


def batch_compare() -> None:
    """Run the program ``pscheduler-batch-compare``."""
    _run("batch-compare", "pscheduler-batch-compare")


def batch_new() -> None:
    """Run the program ``pscheduler-batch-new``."""
    _run("batch-new", "pscheduler-batch-new")


def batch_plugins() -> None:
    """Run the program ``pscheduler-batch-plugins``."""
    _run("batch-plugins", "pscheduler-batch-plugins")


def batch_report() -> None:
    """Run the program ``pscheduler-batch-report``."""
    _run("batch-report", "pscheduler-batch-report")


def _load_first(place: str) -> Any:
    """Import the click command that the process is for."""
    # Imported modules live as long as the process; scanning them for garbage would take a tenth of the start-up time.
    gc.disable()
    command = load_command(place)
    gc.freeze()
    gc.enable()
    return command


def _end_when_interrupted() -> Any:
    """
    Let Control-C end the process at once, unless it is ignored: there is nothing to save yet, and no reason to report.

    Returns:
        The handler until now.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return before
