"""An account without a node: what rests, what is held, cancel and close; what every venue offers to people's commands."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec


class RestingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order in the book; `client_id` is ours as the venue spells it, None on an order that a program did not name."""

    market: str
    order_id: str
    client_id: str | None
    is_buy: bool
    quantity: Decimal
    price_usd: Decimal | None


class OpenPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position in base units, long positive, and what a unit is worth about now."""

    market: str
    asset: str
    quantity: Decimal
    price_usd: Decimal


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of an account; equity and free collateral in USD."""

    equity_usd: Decimal
    free_collateral_usd: Decimal
    orders: tuple[RestingOrder, ...]
    positions: tuple[OpenPosition, ...]

    @property
    def is_flat(self) -> bool:
        """Whether nothing rests and nothing is held."""
        return not self.orders and not self.positions


class AccountByHand(Protocol):
    """One venue account over HTTP alone; every method raises `VenueError` where the venue does not do it."""

    @property
    def venue(self) -> str:
        """The venue's name."""
        ...

    async def look(self) -> Look:
        """Read orders, positions and equity."""
        ...

    async def cancel(self, orders: Sequence[RestingOrder]) -> None:
        """Ask for these orders to be cancelled; one that is gone already is no error."""
        ...

    async def cancel_all(self) -> None:
        """Ask for every order of the account to be cancelled."""
        ...

    async def close(self, position: OpenPosition, slippage_bps: int) -> str:
        """Send one reduce-only IOC order for the whole position, at most `slippage_bps` from the market; return it in words."""
        ...
