"""A pScheduler server on loopback (decision 18)."""
