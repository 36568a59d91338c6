"""Sums over a portfolio in USD, as the rules compare them with limits."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from risk.limits import Limits

ZERO = Decimal(0)


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument at the middle of its market, whichever of its orders in flight fill.

    `gross_usd` is the largest notional it can reach, `bound_usd` the collateral that binds and
    `maintenance_usd` what keeps it from liquidation; the signed position can come to lie anywhere from
    `lowest_usd` to `highest_usd`.
    """

    venue: str
    asset: str
    gross_usd: Decimal
    bound_usd: Decimal
    maintenance_usd: Decimal
    highest_usd: Decimal
    lowest_usd: Decimal


class VenueTotals(msgspec.Struct, frozen=True):
    """The sums over one venue."""

    gross_usd: Decimal = ZERO
    bound_usd: Decimal = ZERO
    maintenance_usd: Decimal = ZERO


class Net(msgspec.Struct, frozen=True):
    """The signed sum of several positions: the ends of where orders in flight can take it."""

    highest_usd: Decimal = ZERO
    lowest_usd: Decimal = ZERO

    @property
    def worst_usd(self) -> Decimal:
        """The greatest distance from zero."""
        return max(self.highest_usd, -self.lowest_usd)

    def shifted(self, up_usd: Decimal, down_usd: Decimal) -> "Net":
        """Return it with ends moved outwards, both by amounts of at least 0."""
        return Net(self.highest_usd + up_usd, self.lowest_usd - down_usd)


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over a portfolio, valid for one `leverage_max`; `unpriced` names positions without a known market."""

    leverage_max: Decimal
    venues: Mapping[str, VenueTotals]
    assets: Mapping[str, Net]
    net: Net
    gross_usd: Decimal
    bound_usd: Decimal
    unpriced: tuple[str, ...] = ()

    def venue(self, name: str) -> VenueTotals:
        """Return the sums over a venue, which may hold nothing."""
        return self.venues.get(name) or VenueTotals()

    def asset(self, name: str) -> Net:
        """Return the net of an asset, which may not be held."""
        return self.assets.get(name) or Net()


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What every portfolio rule lets an order add in one instrument, valid while totals, accounts and limits are these.

    `usd` is the notional and `worst` the largest size (unsigned) its position can reach already; the position's own
    limit depends on the price and is left to the moment. `accounts_ns` is the time of the oldest account report.
    """

    limits: Limits
    worst: Decimal
    usd: Decimal
    accounts_ns: int
    data_age_ns: int
    account_age_ns: int
    deviation: Decimal
    index_deviation: Decimal
    slippage: Decimal
    liquidation_prices_usd: Mapping[str, Decimal]
