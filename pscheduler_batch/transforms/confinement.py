"""
How the scripts of a batch are confined that a stranger has sent (ADR 63).

Such a script runs in a process that has limits of time and memory and an empty environment. It imports no modules, and
the functions by which it could see more than its input are replaced. Unlike a search for words, that cannot be
circumvented by another way to write them, and does not forbid their names elsewhere, such as in ``.env``.
"""

from __future__ import annotations

import os
import re
import resource
from dataclasses import dataclass
from datetime import timedelta

from pscheduler_batch.transforms.jq_source import with_library
from pscheduler_batch.transforms.script import ScriptError

# Functions that read files, other inputs or the environment, write to streams, or end jq.
_FORBIDDEN = (
    "debug",
    "debug(message)",
    "env",
    "get_jq_origin",
    "get_prog_origin",
    "get_search_list",
    "halt",
    "halt_error",
    "halt_error(status)",
    "input",
    "input_filename",
    "input_line_number",
    "inputs",
    "modulemeta",
    "stderr",
)
_ENVIRONMENT_VARIABLES = r"\$\s*(ENV|__prog_args)\b"
_MIB = 1 << 20


@dataclass(frozen=True)
class Confinement:
    """
    The limits for the scripts of a batch.

    Attributes:
        time: The time for all scripts together that make the tasks, and for each ``continue-if``.
        memory: The bytes that they may allocate, in addition to those of the process that starts them.
    """

    time: timedelta = timedelta(seconds=3)
    memory: int = 512 * _MIB

    @property
    def memory_words(self) -> str:
        """Words on the limit of memory."""
        return f"{self.memory / _MIB:,.0f} MiB"


def confined_prefix(prefix: str) -> str:
    """Return the text in front of a confined script, with what comes in front of it otherwise."""
    replaced = " ".join(f'def {name}: error("{_not_allowed(name)}");' for name in _FORBIDDEN)
    return f"{replaced} {{}} as $ENV | {prefix}"


def check_confined(script: str) -> None:
    """
    Raise an error for a script that only an unconfined process can run.

    Raises:
        ScriptError: It imports modules, or reads the environment.
    """
    head = with_library(script, ())[0]
    # What this does not recognize is a syntax error behind the prefix.
    if re.search(r"\b(import|include)\b", head):
        raise ScriptError("the script does not compile: modules are not available in a batch that runs as a task")
    found = re.search(_ENVIRONMENT_VARIABLES, script)
    if found is not None:
        raise ScriptError(f"the script does not compile: ${found[1]} is not available in a batch that runs as a task")


def confine_process(memory: int) -> None:
    """Limit the memory of this process to some more bytes than it has, and empty its environment."""
    os.environ.clear()
    most = _allocated() + memory
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _allocated() -> int:
    """Return the size of the address space of this process; 0 if the system does not report it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:
            return int(pages.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (IndexError, OSError, ValueError):
        return 0


def _not_allowed(name: str) -> str:
    return f"`{name.partition('(')[0]}` is not available in a batch that runs as a task"
