"""What a venue says of a market beyond prices: open interest, and the funding it is about to charge."""

from decimal import Decimal

import msgspec


class OpenInterest(msgspec.Struct, frozen=True, kw_only=True):
    """The open contracts of a market, one side counted; `quantity` is in base units."""

    venue: str
    instrument_id: str
    quantity: float
    ts_ns: int


class PredictedFunding(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange `source` is about to charge for this asset, as `venue` passes it on.

    `rate_per_hour` is the published rate divided by the source's own `period_hours`, so that rates
    of several exchanges stand on one footing. `next_funding_ns` is 0 where it is not told.
    """

    venue: str
    source: str
    instrument_id: str
    rate_per_hour: Decimal
    period_hours: int
    next_funding_ns: int
    ts_ns: int
