"""What people see on a terminal: live view, words of events (not of errors: those are where they are raised), plans."""
