"""Saves a training's state so that a run which was stopped goes on as if it had not been."""
import os
import signal

import torch


def save(path, state):
    """Writes `state`, anything that torch.save takes; the file appears when it is complete."""
    part = path + ".part"
    torch.save(state, part)
    os.replace(part, path)


def load(path):
    """The state saved at `path`, None where there is none."""
    return torch.load(path, map_location="cpu") if os.path.exists(path) else None


class Stop:
    """Whether SIGINT or SIGTERM has come: a training looks between two steps and saves."""

    def __init__(self):
        self.wanted = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number, _frame):
        self.wanted = True
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once
