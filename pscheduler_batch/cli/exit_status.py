"""
The exit statuses of the commands (ADR 17).

Wrong usage is 2, from click; a batch ended by a signal exits with 130 or 143.
"""

SUCCEEDED = 0
FAILED = 1
RUN_FAILED = 3
