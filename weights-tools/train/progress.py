"""How far a long run is, on stderr."""
import sys
import time


def duration(seconds):
    """1:02:03, 2:03."""
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Progress:
    """A line that is rewritten while someone looks: how many of `total`, what the caller says,
    and when it will be done."""

    def __init__(self, what, total, done=0):
        self.what, self.total, self.done, self.began = what, total, done, time.monotonic()
        self.before, self.shown = done, 0.0

    def left(self):
        """Seconds that are left at the speed so far."""
        made = self.done - self.before
        return (time.monotonic() - self.began) / made * (self.total - self.done) if made else 0.0

    def step(self, note=""):
        self.done += 1
        now = time.monotonic()
        if sys.stderr.isatty() and (now - self.shown > 0.5 or self.done == self.total):
            self.shown = now
            end = "\n" if self.done == self.total else ""
            sys.stderr.write(f"\r{self.done}/{self.total} {self.what}, {note}{', ' if note else ''}"
                             f"{duration(self.left())} left\x1b[K{end}")
            sys.stderr.flush()
