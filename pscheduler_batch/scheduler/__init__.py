"""pScheduler's REST API: find participants, post tasks, wait for runs (states: ``run_states.py``), fetch results."""
