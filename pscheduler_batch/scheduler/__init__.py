"""pScheduler's REST API (states of runs: ``api.py``): find participants, post tasks, wait for runs, fetch results."""
