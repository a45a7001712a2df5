"""The commands: their options, and what each mode of ``pscheduler batch`` does."""
