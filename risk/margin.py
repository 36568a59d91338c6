"""Collateral arithmetic: what a position binds, what is free, how far liquidation is, and the largest notional that fits."""

from collections.abc import Mapping
from decimal import Decimal

from risk.exposure import collateral_rate, totals
from risk.limits import Limits
from risk.state import ZERO, MarketView, Snapshot, VenueAccount
from risk.totals import Totals

BPS = Decimal("0.0001")
UNBOUNDED = Decimal("Infinity")

type Rates = tuple[Decimal, Decimal, Decimal]  # initial margin, maintenance margin, taker fee, of the notional


def equity_usd(snapshot: Snapshot) -> Decimal:
    """Return the equity of all venue accounts together."""
    return sum((account.equity_usd for account in snapshot.accounts.values()), ZERO)


def bound_usd(snapshot: Snapshot, limits: Limits) -> Decimal:
    """Return the collateral that positions and in-flight orders bind on all venues."""
    return totals(snapshot, limits.leverage_max).bound_usd


def margin_rate(market: MarketView, limits: Limits) -> Decimal:
    """Return the collateral a position binds, as a fraction of its notional."""
    return collateral_rate(market, limits.leverage_max)


def free_usd(snapshot: Snapshot, limits: Limits, venue: str) -> Decimal:
    """Return what is free for new positions on a venue."""
    return free_beside(snapshot.accounts[venue], totals(snapshot, limits.leverage_max))


def free_beside(account: VenueAccount, held: Totals) -> Decimal:
    """Return what is free beside what is held: the lesser of the venue's own word and our count.

    A report is older than the last fill, so its free collateral alone would be spent twice.
    """
    return min(account.free_collateral_usd, account.equity_usd - held.venue(account.venue).bound_usd)


def survivable_ratio(*, equity_usd: Decimal, gross_usd: Decimal, maintenance_usd: Decimal) -> Decimal:
    """Return the move of all prices against all positions (a fraction) at which an account is liquidated.

    equity - move * gross = maintenance * (1 + move): every position loses, and the maintenance margin grows as a
    short's does. Without positions no move liquidates: 1 is returned, the whole price. It is 0 or less when the
    account is below its maintenance margin already.
    """
    if not gross_usd:
        return Decimal(1)
    return (equity_usd - maintenance_usd) / (gross_usd + maintenance_usd)


def liquidation_price_usd(
    *, price_usd: Decimal, quantity: Decimal, available_usd: Decimal, maintenance_rate: Decimal
) -> Decimal | None:
    """Return the price at which one position's move alone liquidates a cross-margin account, None when none does.

    price - side * available / |quantity| / (1 - side * rate), where `available_usd` is the account's equity less
    the maintenance margin of all its positions. Both venues follow it: Hyperliquid with half the initial margin at
    the tier's greatest leverage as rate, Paradex with the market's maintenance fraction plus the taker fee.
    """
    if not quantity:
        return None
    side = 1 if quantity > 0 else -1
    price = price_usd - side * available_usd / abs(quantity) / (1 - side * maintenance_rate)
    return price if price > 0 else None


def affordable_usd(snapshot: Snapshot, limits: Limits, market: MarketView) -> Decimal:
    """Return the notional that a venue's free collateral carries after fees and buffer, at least 0."""
    rate = margin_rate(market, limits) * (1 + limits.margin_buffer_ratio) + market.taker_fee_rate
    return max(ZERO, free_usd(snapshot, limits, market.venue) / rate)


def allocatable_usd(snapshot: Snapshot, limits: Limits, markets: tuple[MarketView, ...]) -> Decimal:
    """Return the notional per leg that all limits but the free margin still allow in `markets`, at least 0.

    `markets` are the legs, one on each venue. Prices of orders may be as far from the middle as the slippage
    limit lets them.
    """
    held = totals(snapshot, limits.leverage_max)
    rooms = [portfolio_room_usd(held, snapshot.accounts, limits, *(rates(market) for market in markets))]
    for market in markets:
        highest_usd = market.ask_usd * (1 + limits.slippage_bps_max * BPS)
        reached_usd = snapshot.position(market.instrument_id).worst_quantity() * highest_usd
        rooms.append(limits.position_usd_max - reached_usd)
        rooms.append(_survival_room_usd(snapshot.accounts[market.venue], held, limits, rates(market)))
        rooms.append(limits.venue_usd_max - held.venue(market.venue).gross_usd)
    return max(ZERO, min(rooms))


def rates(market: MarketView) -> Rates:
    """Return what a position in a market costs, as fractions of its notional."""
    return market.margin_rate, market.maintenance_rate, market.taker_fee_rate


def portfolio_room_usd(held: Totals, accounts: Mapping[str, VenueAccount], limits: Limits, *legs: Rates) -> Decimal:
    """Return the notional per leg that the limits on everything together still allow; below 0 when they are exceeded."""
    equity = sum((account.equity_usd for account in accounts.values()), ZERO)
    bound_rate = sum((max(leg[0], 1 / limits.leverage_max) for leg in legs), ZERO)
    gross_usd_max = min(limits.gross_usd_max, equity * limits.gross_leverage_max)
    return min(
        (equity * limits.allocation_ratio_max - held.bound_usd) / bound_rate,
        (gross_usd_max - held.gross_usd) / len(legs),
    )


def venue_room_usd(account: VenueAccount, held: Totals, limits: Limits, leg: Rates) -> Decimal:
    """Return the notional that the limits on one venue and its free margin still allow; below 0 when they are exceeded."""
    needed_rate = max(leg[0], 1 / limits.leverage_max) * (1 + limits.margin_buffer_ratio) + leg[2]
    return min(
        limits.venue_usd_max - held.venue(account.venue).gross_usd,
        free_beside(account, held) / needed_rate,
        _survival_room_usd(account, held, limits, leg),
    )


def _survival_room_usd(account: VenueAccount, held: Totals, limits: Limits, leg: Rates) -> Decimal:
    """Return the notional that leaves an account the distance to liquidation that `limits` ask for."""
    distance, at_venue = limits.liquidation_distance_ratio_min, held.venue(account.venue)
    maintenance_usd = max(at_venue.maintenance_usd, account.maintenance_margin_usd)
    spare_usd = account.equity_usd - maintenance_usd - distance * (at_venue.gross_usd + maintenance_usd)
    per_usd = distance + leg[1] * (1 + distance)
    if not per_usd:
        return UNBOUNDED if spare_usd >= 0 else -UNBOUNDED
    return spare_usd / per_usd
