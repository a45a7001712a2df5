"""What is said when a process that runs jq scripts crashes or exceeds its time limit."""

from __future__ import annotations

import signal


def crash_words(exit_code: int, memory: str = "") -> str:
    """
    Return the error for a script during which the process ended.

    Args:
        exit_code: As in :attr:`subprocess.Popen.returncode`.
        memory: The most memory that the process may have, as jq crashes if it gets no more; "" for no limit.

    >>> crash_words(-11), crash_words(3)
    ('jq crashed while running the script (SIGSEGV)', 'jq crashed while running the script (exit status 3)')
    """
    limit = f", which may use {memory} of memory" if memory else ""
    return f"jq crashed while running the script{limit} ({exit_words(exit_code)})"


def exit_words(exit_code: int) -> str:
    """
    Name the exit status of a process, or the signal that ended it.

    Args:
        exit_code: As in :attr:`subprocess.Popen.returncode`.
    """
    if exit_code >= 0:
        return f"exit status {exit_code}"
    if -exit_code == signal.SIGKILL:
        return "SIGKILL, which the system sends when memory runs out"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def time_limit_words(seconds: float, state: str = "running") -> str:
    """
    Return the error for a script that took too long.

    >>> time_limit_words(10)
    'the script was still running after 10 s, the limit'
    """
    return f"the script was still {state} after {seconds:g} s, the limit"
