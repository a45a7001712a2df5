"""The journal: ``journal.py`` records on disk what happens, ``history.py`` reads it to resume a batch."""
