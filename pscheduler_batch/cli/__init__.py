"""What is typed: the three commands, their options, and which room does what was asked for."""
