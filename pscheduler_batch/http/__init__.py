"""One HTTP client: connections, concurrency limits, timeouts, retries (``retry.py``); knows nothing of pScheduler."""
