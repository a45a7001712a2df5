"""Everything known before a task is submitted: iterations, checks and the timeline."""
