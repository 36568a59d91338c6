"""What may never happen, in numbers: the limits every rule reads, with their units in their names."""

from decimal import Decimal
from math import isfinite

import msgspec

from risk.canary import CanaryTerms

_RATIOS = ("allocation_ratio_max", "margin_buffer_ratio", "liquidation_distance_ratio_min", "drawdown_ratio_max")
_ORDERED = (
    ("position_usd_max", "venue_usd_max"),
    ("venue_usd_max", "gross_usd_max"),
    ("asset_delta_usd_max", "total_delta_usd_max"),
)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of the whole node; `_usd` are notionals, orders in flight included, `_secs` wall seconds.

    Sizes: `position_usd_max` one asset on one venue, `venue_usd_max` all assets on one venue, `gross_usd_max`
    everything. `asset_delta_usd_max` the net of one asset over both venues while any order in flight may fill or
    not, so at least one clip of a pair; `total_delta_usd_max` the same over all assets.
    Collateral: `allocation_ratio_max` share of the equity of all venues that positions may bind; `leverage_max` a
    position binds at least notional / leverage, even where the venue asks for less; `gross_leverage_max` gross
    notional over the equity of all venues; `margin_buffer_ratio` how much more than initial margin and fees has to
    be free; `liquidation_distance_ratio_min` the move of all prices of a venue against us, as a fraction, that its
    account has to survive.
    Prices, in basis points: `price_deviation_bps_max` from the middle of the other venue, `index_deviation_bps_max`
    from the venue's index, `slippage_bps_max` beyond the best price of the market.
    Pace: `orders_per_minute_max` orders to one venue; `data_age_secs_max`, `account_age_secs_max` the age at which
    quotes and account reports are stale.
    Breakers: `daily_loss_usd_max` since midnight UTC, `drawdown_ratio_max` of the highest equity seen,
    `consecutive_rejects_max` orders refused by a venue in a row, `consecutive_stranded_max` pairs in a row that
    ended with a leg alone, `breaker_cooldown_secs` how long a breaker stays open that needs no person.
    `canary` holds `position_usd_max` down until enough cycles were clean.
    """

    position_usd_max: Decimal = Decimal(10_000)
    venue_usd_max: Decimal = Decimal(40_000)
    gross_usd_max: Decimal = Decimal(80_000)
    asset_delta_usd_max: Decimal = Decimal(10_000)
    total_delta_usd_max: Decimal = Decimal(20_000)
    allocation_ratio_max: Decimal = Decimal("0.8")
    leverage_max: Decimal = Decimal(3)
    gross_leverage_max: Decimal = Decimal(2)
    margin_buffer_ratio: Decimal = Decimal("0.1")
    liquidation_distance_ratio_min: Decimal = Decimal("0.15")
    price_deviation_bps_max: Decimal = Decimal(100)
    index_deviation_bps_max: Decimal = Decimal(200)
    slippage_bps_max: Decimal = Decimal(50)
    orders_per_minute_max: int = 60
    data_age_secs_max: float = 30.0
    account_age_secs_max: float = 60.0
    daily_loss_usd_max: Decimal = Decimal(500)
    drawdown_ratio_max: Decimal = Decimal("0.1")
    consecutive_rejects_max: int = 5
    consecutive_stranded_max: int = 2
    breaker_cooldown_secs: float = 900.0
    canary: CanaryTerms = CanaryTerms()

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, CanaryTerms):
                continue  # it has checked itself
            is_ratio = name in _RATIOS
            is_usable = isfinite(value) and (value > 0 or (is_ratio and value == 0))
            if not is_usable:
                raise ValueError(f"{name} must be a positive number, was {value}")
            if is_ratio and value > 1:
                raise ValueError(f"{name} is a ratio and must not exceed 1, was {value}")
        for lower, upper in _ORDERED:
            if getattr(self, lower) > getattr(self, upper):
                raise ValueError(f"{lower} {getattr(self, lower)} must not exceed {upper} {getattr(self, upper)}")
