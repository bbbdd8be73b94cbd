"""Waiting for what comes by itself."""

import time

# Only a defect takes so long, however slow the machine.
PATIENCE_SECONDS = 120


def poll(condition, what):
    """Waits until a condition holds; returns what it gave."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
