"""Wire structs of what the venue lists, and of what other exchanges are about to charge for it."""

from decimal import Decimal

from adapters.hyperliquid.schemas import Exact, Milliseconds, PerpMeta, Wire


class MarginTier(Wire, frozen=True):
    """From `lower_bound` USD of notional on, a position may have this leverage at most."""

    lower_bound: Decimal
    max_leverage: int


class MarginTable(Wire, frozen=True):
    """Tiers from the lowest up."""

    margin_tiers: list[MarginTier]


class Meta(Wire, frozen=True):
    """The universe of perpetuals; collateral token 0 is USDC."""

    universe: list[PerpMeta]
    margin_tables: tuple[tuple[int, MarginTable], ...] = ()
    collateral_token: int = 0


class PerpDex(Wire, frozen=True):
    """A HIP-3 exchange; its place in the list gives its asset ids."""

    name: str


class PredictedRate(Exact, frozen=True):
    """What a venue is about to charge per its own interval."""

    funding_rate: Decimal
    next_funding_time: Milliseconds = 0
    funding_interval_hours: int | None = None


type PredictedFundings = list[tuple[str, list[tuple[str, PredictedRate | None]]]]
"""By coin, then by venue."""
