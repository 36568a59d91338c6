"""What positions and orders in flight amount to in USD: the arithmetic behind `risk.totals`."""

from collections.abc import Iterable
from decimal import Decimal

from risk.state import ZERO, MarketView, PositionView, Snapshot
from risk.totals import Exposure, Net, Totals, VenueTotals


def collateral_rate(market: MarketView, leverage_max: Decimal) -> Decimal:
    """Return the collateral a position binds, as a fraction of its notional."""
    return max(market.margin_rate, 1 / leverage_max)


def exposure(position: PositionView, market: MarketView, leverage_max: Decimal) -> Exposure:
    """Return what one position with its orders in flight amounts to."""
    mid_usd = market.mid_usd
    gross_usd = position.worst_quantity() * mid_usd
    return Exposure(
        venue=market.venue,
        asset=market.asset,
        gross_usd=gross_usd,
        bound_usd=gross_usd * collateral_rate(market, leverage_max),
        maintenance_usd=gross_usd * market.maintenance_rate,
        highest_usd=position.highest_quantity() * mid_usd,
        lowest_usd=position.lowest_quantity() * mid_usd,
    )


def total(exposures: Iterable[Exposure], leverage_max: Decimal, unpriced: tuple[str, ...] = ()) -> Totals:
    """Return the sums over exposures that were valued with `leverage_max`."""
    venues: dict[str, VenueTotals] = {}
    assets: dict[str, Net] = {}
    highest = lowest = gross = bound = ZERO
    for one in exposures:
        venue, net = venues.get(one.venue) or VenueTotals(), assets.get(one.asset) or Net()
        venues[one.venue] = VenueTotals(
            venue.gross_usd + one.gross_usd, venue.bound_usd + one.bound_usd, venue.maintenance_usd + one.maintenance_usd
        )
        assets[one.asset] = Net(net.highest_usd + one.highest_usd, net.lowest_usd + one.lowest_usd)
        highest, lowest = highest + one.highest_usd, lowest + one.lowest_usd
        gross, bound = gross + one.gross_usd, bound + one.bound_usd
    return Totals(
        leverage_max=leverage_max,
        venues=venues,
        assets=assets,
        net=Net(highest, lowest),
        gross_usd=gross,
        bound_usd=bound,
        unpriced=unpriced,
    )


def totals(snapshot: Snapshot, leverage_max: Decimal) -> Totals:
    """Return the sums over a snapshot's positions: those it carries, where they hold for `leverage_max`."""
    known = snapshot.totals
    if known is not None and known.leverage_max == leverage_max:
        return known
    live = [position for position in snapshot.positions.values() if position.is_live]
    priced = [position for position in live if position.instrument_id in snapshot.markets]
    return total(
        (exposure(position, snapshot.markets[position.instrument_id], leverage_max) for position in priced),
        leverage_max,
        tuple(position.instrument_id for position in live if position.instrument_id not in snapshot.markets),
    )
