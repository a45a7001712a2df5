"""What people see on a terminal: the live view, the words of events, plans, differences and tables."""
