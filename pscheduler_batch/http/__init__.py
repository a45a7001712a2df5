"""One HTTP client: connections, concurrency limits, timeouts and retries; it knows nothing of pScheduler."""
