"""The modes of ``pscheduler batch``, one module each; ``run.py`` hands the options on to ``processor.py``."""
