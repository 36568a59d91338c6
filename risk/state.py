"""What the rules look at: accounts, positions, markets and the orders in question, as plain values."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from messages import Side, TradingState
from risk.totals import Room, Totals

NS_PER_SEC = 1_000_000_000
ZERO = Decimal(0)


class VenueAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One venue account as last reported at `ts_ns`.

    `liquidation_prices_usd` holds, by instrument id, the venue's own word on the positions it can liquidate.
    """

    venue: str
    equity_usd: Decimal
    free_collateral_usd: Decimal
    ts_ns: int
    maintenance_margin_usd: Decimal = ZERO
    liquidation_prices_usd: Mapping[str, Decimal] = {}


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """The net position in one instrument and the unfilled quantity of our orders there, in base units.

    `working_buy` and `working_sell` are orders that may increase the position, `working_reducing`
    those that may only reduce it.
    """

    instrument_id: str
    quantity: Decimal = ZERO
    working_buy: Decimal = ZERO
    working_sell: Decimal = ZERO
    working_reducing: Decimal = ZERO

    def worst_quantity(self, bought: Decimal = ZERO, sold: Decimal = ZERO) -> Decimal:
        """Return the largest size (unsigned) the position can reach, in whatever order its orders fill.

        A long position is no room for sells: a reducing order may have closed it before they fill.
        """
        longest = max(self.quantity, ZERO) + self.working_buy + bought
        shortest = max(-self.quantity, ZERO) + self.working_sell + sold
        return max(longest, shortest)

    def highest_quantity(self) -> Decimal:
        """Return the highest signed position that its orders can lead to: reducing ones go no further than zero."""
        closed = self.quantity if self.quantity >= 0 else min(self.quantity + self.working_reducing, ZERO)
        return closed + self.working_buy

    def lowest_quantity(self) -> Decimal:
        """Return the lowest signed position that its orders can lead to."""
        closed = self.quantity if self.quantity <= 0 else max(self.quantity - self.working_reducing, ZERO)
        return closed - self.working_sell

    def working_plain(self, side: Side) -> Decimal:
        """Return the unfilled quantity of the orders on `side` that no venue keeps from going through zero."""
        return self.working_buy if side is Side.BUY else self.working_sell

    @property
    def is_live(self) -> bool:
        """Whether anything is held or under way."""
        return bool(self.quantity or self.working_buy or self.working_sell or self.working_reducing)


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's best prices (USD), when they were last renewed, and what a position costs.

    `margin_rate` is the venue's initial margin, `maintenance_rate` what it liquidates below, and
    `taker_fee_rate` its taker fee, all fractions of the notional. `index_usd` is the venue's index (oracle)
    price of `index_ts_ns`, None where it is not known.
    """

    instrument_id: str
    asset: str
    venue: str
    bid_usd: Decimal
    ask_usd: Decimal
    ts_ns: int
    margin_rate: Decimal
    taker_fee_rate: Decimal
    maintenance_rate: Decimal = ZERO
    index_usd: Decimal | None = None
    index_ts_ns: int = 0

    @property
    def mid_usd(self) -> Decimal:
        """The middle of the best prices."""
        return (self.bid_usd + self.ask_usd) / 2

    @property
    def is_sane(self) -> bool:
        """Whether the best prices are positive and not crossed."""
        return 0 < self.bid_usd < self.ask_usd


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True):
    """An order somebody wants to send.

    `price_usd` is None for a market order; `is_flatten` tells that it carries the operator's flatten command.
    """

    instrument_id: str
    venue: str
    side: Side
    quantity: Decimal
    price_usd: Decimal | None
    reduce_only: bool
    is_flatten: bool = False


class TradeIntent(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that are judged together: the legs of a pair, or a single order; `scope` names them."""

    scope: str
    orders: tuple[OrderIntent, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known at `now_ns`; what is missing from a mapping is not known.

    `accounts` is keyed by venue and must hold every venue whose equity counts; `blocked` says of a
    venue why it cannot be traded on; `sent` counts the orders sent to a venue within the last minute; the
    other mappings are keyed by instrument id. `state` is the trading state in force. `totals` may carry sums
    over `positions` that were worked out before, at prices not much older than these, and `rooms` what they
    leave room for.
    """

    accounts: Mapping[str, VenueAccount]
    positions: Mapping[str, PositionView]
    markets: Mapping[str, MarketView]
    blocked: Mapping[str, str]
    now_ns: int
    state: TradingState = TradingState.RUNNING
    sent: Mapping[str, int] = {}
    totals: Totals | None = None
    rooms: Mapping[str, Room] = {}

    def position(self, instrument_id: str) -> PositionView:
        """Return the position in an instrument; one that is not listed is flat."""
        return self.positions.get(instrument_id) or PositionView(instrument_id=instrument_id)

    def age_secs(self, ts_ns: int) -> float:
        """Return how old something of `ts_ns` is, in wall seconds."""
        return (self.now_ns - ts_ns) / NS_PER_SEC
