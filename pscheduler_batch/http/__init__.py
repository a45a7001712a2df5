"""One HTTP client: connections, concurrency limits, timeouts, retries of requests; it knows nothing of pScheduler."""
