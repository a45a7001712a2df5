"""Tasks and runs of the embedded server: when each is scheduled, started and finished."""
