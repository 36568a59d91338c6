"""What the rules answer."""

from decimal import Decimal

import msgspec


class Approved(msgspec.Struct, frozen=True):
    """No rule objects."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A rule objects: its name in capitals, words for a person, what is allowed and what was asked for."""

    reason: str
    detail: str
    limit: Decimal | None = None
    value: Decimal | None = None


type Verdict = Approved | Refused
