"""``python -m pscheduler_batch`` is ``pscheduler batch``."""

from pscheduler_batch.cli.batch import main

if __name__ == "__main__":
    main()
