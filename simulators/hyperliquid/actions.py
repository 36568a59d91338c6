"""The actions of /exchange as they are signed: field order here is the order that is hashed.

Decoding drops unknown keys, omits absent options and spells numbers and addresses canonically.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_EXPONENT = 15
_CLOID = re.compile(r"0x[0-9a-fA-F]{32}")


class Malformed(Exception):
    """The body does not decode into a request of this API."""


def canonical_number(text: str) -> str:
    """Return a decimal without exponent or trailing zeros; raise ValueError when it is none of a sane size."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is no decimal") from error
    if not number.is_finite() or (number and abs(number.adjusted()) > MAX_EXPONENT):
        raise ValueError(f"{text!r} is no price, size or amount")
    return f"{number.normalize():f}"


def canonical_cloid(text: str) -> str:
    """Return a client order id in lower case; raise ValueError unless it is 0x and 32 hex digits."""
    if not _CLOID.fullmatch(text):
        raise ValueError(f"{text!r} is no client order id")
    return text.lower()


class _Wire(msgspec.Struct, omit_defaults=True):
    pass


class Limit(_Wire):
    """The time in force of a limit order."""

    tif: str


class Trigger(_Wire, rename={"is_market": "isMarket", "trigger_px": "triggerPx"}):
    """A stop or take-profit order."""

    is_market: bool
    trigger_px: str
    tpsl: str

    def __post_init__(self) -> None:
        self.trigger_px = canonical_number(self.trigger_px)


class OrderType(_Wire):
    """Exactly one of both is set."""

    limit: Limit | None = None
    trigger: Trigger | None = None


class OrderWire(_Wire):
    """One order: asset, is buy, price, size, reduce-only, type, client order id."""

    a: int
    b: bool
    p: str
    s: str
    r: bool
    t: OrderType
    c: str | None = None

    def __post_init__(self) -> None:
        self.p, self.s = canonical_number(self.p), canonical_number(self.s)
        if self.c is not None:
            self.c = canonical_cloid(self.c)


class Builder(_Wire):
    """A builder and its fee in tenths of a basis point."""

    b: str
    f: int

    def __post_init__(self) -> None:
        self.b = self.b.lower()


class PlaceOrders(_Wire, tag_field="type", tag="order"):
    """Place a batch of orders."""

    orders: list[OrderWire]
    grouping: str | dict[str, int]
    builder: Builder | None = None


class CancelWire(_Wire):
    """One cancel by asset and order id."""

    a: int
    o: int


class Cancel(_Wire, tag_field="type", tag="cancel"):
    """Cancel by order id."""

    cancels: list[CancelWire]
    f: bool | None = None


class CloidWire(_Wire):
    """One cancel by asset and client order id."""

    asset: int
    cloid: str

    def __post_init__(self) -> None:
        self.cloid = canonical_cloid(self.cloid)


class CancelByCloid(_Wire, tag_field="type", tag="cancelByCloid"):
    """Cancel by client order id."""

    cancels: list[CloidWire]
    f: bool | None = None


class Modify(_Wire, tag_field="type", tag="modify"):
    """Replace one order, named by order id or client order id."""

    oid: int | str
    order: OrderWire
    a: bool | None = None


class ModifyWire(_Wire):
    """One replacement of a batch."""

    oid: int | str
    order: OrderWire


class BatchModify(_Wire, tag_field="type", tag="batchModify"):
    """Replace a batch of orders."""

    modifies: list[ModifyWire]
    a: bool | None = None


class UpdateLeverage(_Wire, tag_field="type", tag="updateLeverage", rename={"is_cross": "isCross"}):
    """Set an asset's leverage and margin mode."""

    asset: int
    is_cross: bool
    leverage: int


class UpdateIsolatedMargin(_Wire, tag_field="type", tag="updateIsolatedMargin", rename={"is_buy": "isBuy"}):
    """Add to an isolated position's margin, in millionths of a USDC."""

    asset: int
    is_buy: bool
    ntli: int


class ScheduleCancel(_Wire, tag_field="type", tag="scheduleCancel"):
    """Cancel everything at a time in Unix milliseconds; None takes it back."""

    time: int | None = None


class Noop(_Wire, tag_field="type", tag="noop"):
    """Use up a nonce."""


class AgentSetAbstraction(_Wire, tag_field="type", tag="agentSetAbstraction"):
    """Set the account mode: i (disabled), u (unified account) or p (portfolio margin)."""

    abstraction: str


class ReserveRequestWeight(_Wire, tag_field="type", tag="reserveRequestWeight"):
    """Buy requests beyond the address's limit."""

    weight: int


L1Action = (
    PlaceOrders
    | Cancel
    | CancelByCloid
    | Modify
    | BatchModify
    | UpdateLeverage
    | UpdateIsolatedMargin
    | ScheduleCancel
    | Noop
    | AgentSetAbstraction
    | ReserveRequestWeight
)


def decode_action(action: Any) -> L1Action:
    """Return a decoded L1 action; raise Malformed when it is none that the venue knows."""
    try:
        decoded: L1Action = msgspec.convert(action, L1Action)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from error
    return decoded
