"""
Benchmarks of the batch processor, as ratios to the leanest program that does the same; see ``docs/benchmarks.md``.

Run them with ``python -m benchmarks``; they are not installed.
"""
