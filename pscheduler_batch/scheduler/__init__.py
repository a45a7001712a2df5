"""pScheduler's REST API: find participants, post tasks, wait for runs (states: ``api.py``), fetch results."""
