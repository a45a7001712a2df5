"""
What every process that runs jq scripts for another one needs, and how its end is put into words.

There are two ways to start such a process. ``--check`` forks one (:mod:`~pscheduler_batch.transforms.watchdog`),
because a new interpreter would take longer than the check of a small batch. ``continue-if`` starts a new interpreter
(:mod:`~pscheduler_batch.transforms.jq_process`), because a running batch has threads, connections and locks that a
copy must not inherit. ADR 33 and 36 have the details.

A new interpreter imports this module first, so it imports nothing that takes time.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
from contextlib import suppress

# What a terminal or a service manager sends to a whole process group; the parent decides what to do about it.
PARENTS_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def be_expendable() -> None:
    """Write no core file, which would hold secrets, and be the first to be killed when memory runs out."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Only Linux has this.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")


def tie_to_the_parent(lifeline: int) -> bool:
    """
    Have the system kill this process when its parent is gone, even while jq blocks the interpreter.

    The system sends SIGKILL when the other end of the pipe is closed, for whatever reason. On systems other than Linux
    the process ends with its script. A signal on the parent's death would not do: it is sent when the thread that
    started the child ends. Neither would the pipe of standard input: the signal for data may arrive long after the data
    was read.

    Args:
        lifeline: The descriptor of a pipe whose other end only the parent holds; nothing is ever written to it.

    Returns:
        Whether the parent is still there.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        return True
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    # It may have ended before the process was tied to it.
    return not poll.poll(0)


def describe_bug(error: BaseException) -> str:
    """Return the traceback of a bug without its message, which may hold secrets."""
    lines = ["in the process of a script:"]
    # The module traceback would double the time to start the process.
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_name}')
        step = step.tb_next
    return "\n".join([*lines, type(error).__name__])


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
