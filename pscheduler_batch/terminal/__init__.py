"""What is drawn on a terminal: progress, plans, differences and tables."""
