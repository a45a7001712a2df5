"""The journal: record what has happened on disk, and recover it to resume a batch."""
