"""What a user is told: the engine leaves events, the sessions turn them into frames."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a user, its row in the wire's shape.

    `kind` is order, fill, funding, ledger, liquidation or account.
    """

    user: str
    kind: str
    row: dict[str, Any]
