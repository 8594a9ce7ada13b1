"""What the tools refuse, and how they say it."""

EXIT_OUTPUT = 1  # the result cannot be written
EXIT_USAGE = 2  # the command line is wrong
EXIT_INPUT = 3  # the input cannot be opened or read at all
EXIT_WEIGHTS = 6  # the input is damaged, or not weights of a known network


class Refusal(Exception):
    """One sentence about what is wrong, without the file's name, and the exit code it deserves."""

    def __init__(self, sentence, code=EXIT_WEIGHTS):
        super().__init__(sentence)
        self.code = code


def shown(value, limit=80):
    """Text from a file made safe for a terminal: printable, one line, at most `limit` long."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def listed(items, limit=3):
    """'a, b, c, ...' from the first `limit` items."""
    items = list(items)
    return ", ".join(shown(i, 160) for i in items[:limit]) + (", ..." if len(items) > limit else "")
