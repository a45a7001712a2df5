"""What people see on a terminal: the live view, the words of events (not of errors), plans, differences and tables."""
