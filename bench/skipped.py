"""What cannot be measured here, and why."""


class Skipped(Exception):
    """A row is left out; the message is the reason, for people."""
