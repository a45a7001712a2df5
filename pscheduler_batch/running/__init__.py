"""The job loop: submit every iteration, in order or in parallel, until it has a result, and again on ``--retries``."""
