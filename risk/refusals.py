"""Tells a new refusal from the same one again, so that a retry is counted but not logged."""


class RefusalNews:
    """Remembers of each subject, an asset or an instrument, what it was refused for since it last passed."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def is_new(self, subject: str, reason: str) -> bool:
        """Return whether a refusal is to be logged, and remember it."""
        known = self._known.setdefault(subject, set())
        if reason in known:
            return False
        known.add(reason)
        return True

    def passed(self, subject: str) -> None:
        """Forget what stood in a subject's way: the next refusal is news."""
        self._known.pop(subject, None)
