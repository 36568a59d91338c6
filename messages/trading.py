"""What the strategy decides, what the executor sends and how each leg fares."""

from decimal import Decimal
from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What a signal asks for."""

    ENTER = "ENTER"
    HOLD = "HOLD"
    RESIZE = "RESIZE"
    EXIT = "EXIT"


class Side(StrEnum):
    """The side of an order, ours, never the counterparty's."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what the order adds to a signed position."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderKind(StrEnum):
    """Order types the pair executor uses."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    GTC = "GTC"
    IOC = "IOC"


class Intent(StrEnum):
    """What a pair order is for."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"


class LegState(StrEnum):
    """Where one leg order stands; IN_DOUBT means the venue's answer is not known."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    IN_DOUBT = "IN_DOUBT"


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What holding a pair of `notional_usd` per leg for `horizon_hours` funding hours is expected to bring, in its parts.

    All parts are cash in USD, positive when received: fees, slippage, impact and gas are negative. Each is the
    sum over the whole round trip, four fills. `funding_error_usd` is one standard error of the forecast;
    `break_even_hours` is None where the costs are never earned back.
    """

    notional_usd: Decimal
    horizon_hours: Decimal
    funding_usd: Decimal
    fees_usd: Decimal
    slippage_usd: Decimal  # half spreads and the walk of the live books at this size
    impact_usd: Decimal  # what our own size moves, funding of a thin venue included
    basis_usd: Decimal  # expected convergence of the two venues' prices to their recent mean
    gas_usd: Decimal
    funding_error_usd: Decimal
    break_even_hours: Decimal | None

    @property
    def cost_usd(self) -> Decimal:
        """All parts but the funding: negative when it costs."""
        return self.fees_usd + self.slippage_usd + self.impact_usd + self.basis_usd + self.gas_usd

    @property
    def net_usd(self) -> Decimal:
        """The sum of all parts."""
        return self.funding_usd + self.cost_usd


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about one asset.

    `spread_apr` is the short venue's funding less the long venue's, a fraction per year;
    `absorbable_usd` is what both books take inside the slippage limit; `edge` is None where it was not
    worked out (the plain threshold rule needs none); `target_usd` is the notional per leg that ENTER and
    RESIZE ask for.
    """

    action: Action
    asset: str
    long_venue: str
    short_venue: str
    spread_apr: Decimal
    absorbable_usd: Decimal
    reason: str
    ts_ns: int
    edge: Edge | None = None
    target_usd: Decimal | None = None


class LegOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a pair; `quantity` is in base units, `limit_price_usd` in USD per base unit."""

    venue: str
    instrument_id: str
    client_order_id: str
    side: Side
    quantity: Decimal
    kind: OrderKind
    limit_price_usd: Decimal | None
    time_in_force: TimeInForce
    reduce_only: bool
    post_only: bool = False


class PairOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Two leg orders that belong together, in the order in which they are sent."""

    pair_id: str
    asset: str
    intent: Intent
    legs: tuple[LegOrder, ...]
    ts_ns: int


class LegUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """How one leg order stands; `average_price_usd` is None until something filled."""

    pair_id: str
    venue: str
    instrument_id: str
    client_order_id: str
    state: LegState
    side: Side
    filled_quantity: Decimal
    average_price_usd: Decimal | None
    reason: str
    ts_ns: int


class Outcome(StrEnum):
    """How a pair order ended; HALTED: the legs do not match and no attempt is left, a person has to look."""

    HEDGED = "HEDGED"
    FLAT = "FLAT"
    HALTED = "HALTED"


class PairResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a pair order ended.

    `unhedged_quantity` is the signed sum of both legs in base units, `naked_usd_secs` the unhedged notional
    times the wall seconds it stood. `is_clean` tells that it ended as asked without completing, trimming or
    doubt: what a canary counts. `leg_gap_ms` is the longest that the second leg's order left after the first's
    (after the fill it hedges, where the first one rested), None where there were no two.
    """

    pair_id: str
    asset: str
    intent: Intent
    outcome: Outcome
    is_clean: bool
    unhedged_quantity: Decimal
    naked_usd_secs: Decimal
    reason: str
    ts_ns: int
    leg_gap_ms: Decimal | None = None


class FillSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of a resting order of ours as its venue tells it, before any bookkeeping of it.

    The order's own event follows with the same `trade_id`; this one comes a millisecond or two sooner, for whoever
    has to hedge it.
    """

    client_order_id: str
    trade_id: str
    quantity: Decimal
    price_usd: Decimal


class MakerMarkout(msgspec.Struct, frozen=True, kw_only=True):
    """How the mid stood `horizon_secs` after a fill of an order of ours that had rested.

    `markout_bps` is the mid less our price on the side we took, positive when it went our way; `mean_bps` is
    the running mean that the choice between resting and taking is made with.
    """

    venue: str
    instrument_id: str
    horizon_secs: float
    markout_bps: Decimal
    mean_bps: Decimal
    ts_ns: int


class RiskRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal by a risk rule: which rule, what was allowed and what was asked for."""

    scope: str  # the pair or order refused: an asset or a client order id
    reason: str
    detail: str
    limit: Decimal | None
    value: Decimal | None
    ts_ns: int
