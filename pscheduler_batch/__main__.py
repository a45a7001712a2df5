"""``python -m pscheduler_batch`` is ``pscheduler batch``."""

from pscheduler_commands import batch

if __name__ == "__main__":
    batch()
