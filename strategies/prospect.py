"""One pair in one direction as it stands now: what any size of it is expected to cost and to bring."""

from decimal import Decimal

import msgspec

from messages import Edge, Side
from strategies.costs import LegMarket, Resting, Starknet, TooThin, basis_fraction, edge, expected_basis_usd, round_trip
from strategies.forecast import Forecast

ZERO = Decimal(0)


class EdgeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How far ahead an edge looks and what it counts; `_hours` are funding hours."""

    horizon_hours: Decimal
    impact_hours: Decimal
    starknet: Starknet = Starknet()


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """The two books of a pair, the forecast of its differential and the mean of its basis (fractions; None: unknown).

    With `resting`, one of its legs would be brought about by a resting order.
    """

    long: LegMarket
    short: LegMarket
    forecast: Forecast
    basis_mean: Decimal | None
    resting: Resting | None = None

    @property
    def mid_usd(self) -> Decimal:
        """What lies between both venues' middles."""
        return (self.long.mid_usd + self.short.mid_usd) / 2

    def edge(self, notional_usd: Decimal, terms: EdgeTerms, *, is_open: bool = False) -> Edge | TooThin:
        """Return the edge of a pair of `notional_usd` per leg: one to enter, or one that `is_open` already."""
        if notional_usd <= 0:
            return TooThin(self.long.venue, Side.BUY, ZERO)
        quantity = notional_usd / self.mid_usd
        trip = round_trip(self.long, self.short, quantity, impact_hours=terms.impact_hours, is_open=is_open, resting=self.resting)
        if isinstance(trip, TooThin):
            return trip
        return edge(
            trip,
            self.forecast,
            horizon_hours=terms.horizon_hours,
            basis_usd=expected_basis_usd(basis_fraction(self.long, self.short), self.basis_mean, trip.notional_usd),
            gas_usd=terms.starknet.cost_usd(trip.notional_usd),
        )
