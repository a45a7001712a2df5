"""pScheduler's REST API: find participants, post tasks, wait for runs, fetch results."""
