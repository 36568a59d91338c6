"""What the actors here need of a journal: a place where small values survive a crash."""

from typing import Any, Protocol

from messages import Alert, Severity, topics


class Documents(Protocol):
    """Small values by key; what `put` was given is on the disk when it returns."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value in place of an older one."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, None where there is none."""
        ...


def keep(actor: Any, documents: Documents, key: str, value: bytes) -> None:
    """Put a value on the disk; where that fails it is told, for what follows from the value must come into force all the same.

    `actor` is the Nautilus actor whose bus, clock and log are used. A disk that fails must neither lose a halt nor
    keep those who listen after this actor from hearing what has happened.
    """
    try:
        documents.put(key, value)
    except RuntimeError as e:
        detail = f"what {actor.id} remembers is in force, but will not outlive this process: {e}"
        actor.log.error(detail)
        alert = Alert(severity=Severity.CRITICAL, name="JournalFailed", detail=detail, ts_ns=actor.clock.timestamp_ns())
        actor.msgbus.publish(topic=topics.ALERT, msg=alert)
