"""What the actors here need of a journal: a place where small values survive a crash."""

from typing import Protocol


class Documents(Protocol):
    """Small values by key; what `put` was given is on the disk when it returns."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value in place of an older one."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, None where there is none."""
        ...
