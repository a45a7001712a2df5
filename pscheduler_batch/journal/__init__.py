"""The journal: ``journal.py`` writes it, ``history.py`` has its format and version, and reads it to resume a batch."""
