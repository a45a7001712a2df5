"""
How fast the batch processor is, as ratios to the leanest that does the same; see ``docs/benchmarks.md``.

Run it with ``python -m benchmarks``; nothing of it is installed.
"""
