"""What may never happen, in numbers: the limits every rule reads, with their units in their names."""

from decimal import Decimal
from math import isfinite

import msgspec

_RATIOS = ("allocation_ratio_max", "margin_buffer_ratio")


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of the whole node.

    `position_usd_max`: notional of one asset on one venue, in-flight orders included.
    `allocation_ratio_max`: share of the equity of all venues that positions may bind as collateral.
    `leverage_max`: a position binds at least notional / leverage, even where the venue asks for less.
    `margin_buffer_ratio`: how much more than initial margin and fees has to be free, as a ratio.
    `price_deviation_bps_max`: an order's price against the middle of the other venue.
    `data_age_secs_max`, `account_age_secs_max`: wall seconds after which quotes and account reports are stale.
    """

    position_usd_max: Decimal = Decimal(10_000)
    allocation_ratio_max: Decimal = Decimal("0.8")
    leverage_max: Decimal = Decimal(3)
    margin_buffer_ratio: Decimal = Decimal("0.1")
    price_deviation_bps_max: Decimal = Decimal(100)
    data_age_secs_max: float = 30.0
    account_age_secs_max: float = 60.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            is_ratio = name in _RATIOS
            is_usable = isfinite(value) and (value > 0 or (is_ratio and value == 0))
            if not is_usable:
                raise ValueError(f"{name} must be a positive number, was {value}")
            if is_ratio and value > 1:
                raise ValueError(f"{name} is a ratio and must not exceed 1, was {value}")
