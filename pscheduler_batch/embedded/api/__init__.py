"""pScheduler's REST API, as the embedded server serves it."""
