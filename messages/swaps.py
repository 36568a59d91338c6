"""What a swap of tokens on a decentralised exchange would bring, and what it would cost in its parts."""

from decimal import Decimal

import msgspec

from messages.trading import Side

SWAP_QUOTE_METADATA = {"message": "SwapQuote"}
"""The metadata by which swap quotes are requested of a Nautilus data client: `DataType(Data, metadata=...)`.

The request names the instrument; its parameters are `side` and either `quantity` (base units) or `max_impact_bps`. The
answer is published as a `SwapQuote` on its topic, and reaches `on_historical_data` as an object that has it as `quote`.
"""


class SwapCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a swap of `notional_usd` is expected to cost: cash in USD, negative when it costs.

    `impact_usd` is what our own size moves the price, `pool_fee_usd` what liquidity providers and `aggregator_fee_usd`
    what the aggregator takes. A part that is not known is None, and then so is the total.
    """

    notional_usd: Decimal
    impact_usd: Decimal | None
    pool_fee_usd: Decimal | None
    aggregator_fee_usd: Decimal | None
    gas_usd: Decimal | None

    @property
    def total_usd(self) -> Decimal | None:
        """The sum of all parts."""
        total = Decimal(0)
        for part in (self.impact_usd, self.pool_fee_usd, self.aggregator_fee_usd, self.gas_usd):
            if part is None:
                return None
            total += part
        return total


class SwapHop(msgspec.Struct, frozen=True, kw_only=True):
    """One hop of a route: `share` is the fraction of what arrives there; tokens by our own codes or by address."""

    exchange: str
    address: str
    sell_token: str
    buy_token: str
    share: Decimal


class SwapQuote(msgspec.Struct, frozen=True, kw_only=True):
    """What a swap would bring now: `side` and `base_quantity` of the instrument's base, for `quote_quantity` of its quote.

    Basis points are positive where they cost us. `impact_bps`: worse executed than a small swap by the same way, fees
    cancel out. `spot_move_bps` (|spot after - spot before| / spot before) and `slippage_bps` (|executed - spot before| /
    spot before: impact and fees) are Nautilus' definitions for decentralised exchanges. `against_mark_bps`: worse executed
    than the mark price of the perpetual beside it. Each is None where it could not be worked out. `told_impact` is the
    venue's own figure, in units it does not agree on: shown, never used. `expiry_ns` is 0 where it is not told.
    """

    venue: str
    instrument_id: str
    side: Side
    base_quantity: Decimal
    quote_quantity: Decimal
    route: tuple[SwapHop, ...]
    gas_strk: Decimal | None
    gas_usd: Decimal | None
    impact_bps: Decimal | None
    spot_move_bps: Decimal | None
    slippage_bps: Decimal | None
    against_mark_bps: Decimal | None
    told_impact: Decimal | None
    cost: SwapCost | None
    expiry_ns: int
    ts_ns: int

    @property
    def price(self) -> Decimal:
        """The price all in but the gas, quote per base."""
        return self.quote_quantity / self.base_quantity
