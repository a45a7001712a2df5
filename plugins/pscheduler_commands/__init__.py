"""The ``pscheduler`` command: a host for commands that any package can bring along."""

from __future__ import annotations

from pscheduler_commands.host import main

__all__ = ["main"]
