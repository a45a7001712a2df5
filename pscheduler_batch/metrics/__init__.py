"""Results in numbers: samples, statistics, one table of names and units, and a headline in words (ADR 53)."""
