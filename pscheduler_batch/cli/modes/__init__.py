"""The modes of ``pscheduler batch``, one module each; ``execute`` of a module returns the exit status."""
