"""Rules about what the portfolio would become, orders in flight included: each returns a refusal or None."""

from decimal import Decimal

from risk.margin import free_beside, liquidation_price_usd, survivable_ratio
from risk.outlook import Outlook, VenueOutlook
from risk.totals import Net
from risk.verdict import Refused


def portfolio_priced(outlook: Outlook) -> Refused | None:
    """Refuse while something is held or under way that has no known price: no sum would be true."""
    if outlook.before.unpriced:
        return Refused(reason="POSITION_UNPRICED", detail=f"no best prices of {', '.join(outlook.before.unpriced)}")
    return None


def position_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse a position, in-flight orders included, above the limit per asset and venue."""
    limit = outlook.limits.position_usd_max
    for addition in outlook.additions:
        if addition.reached_usd > limit:
            what = f"{addition.market.instrument_id} would reach {addition.reached_usd:.2f} USD, in-flight orders included"
            return _above("POSITION_LIMIT", what, limit, addition.reached_usd)
    return None


def venue_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse a concentration of notional on one venue above its limit."""
    limit = outlook.limits.venue_usd_max
    for venue, after in outlook.venues.items():
        if after.gross_usd > limit:
            return _above("VENUE_LIMIT", f"{venue} would hold {after.gross_usd:.2f} USD", limit, after.gross_usd)
    return None


def gross_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse a gross notional of everything above its limit."""
    limit = outlook.limits.gross_usd_max
    if outlook.gross_usd > limit:
        return _above("GROSS_LIMIT", f"{outlook.gross_usd:.2f} USD gross", limit, outlook.gross_usd)
    return None


def asset_delta_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse orders that widen the net of an asset beyond its limit.

    What narrows it is let through, a second leg above all; so is a reduction of one leg, which no rule is asked of.
    """
    for asset in outlook.shifts:
        refused = _wider("ASSET_DELTA_LIMIT", asset, *outlook.net(asset), outlook.limits.asset_delta_usd_max)
        if refused is not None:
            return refused
    return None


def total_delta_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse orders that widen the net of all assets together beyond its limit."""
    after = before = outlook.before.net
    for shift in outlook.shifts.values():
        after = after.shifted(*shift)
    return _wider("TOTAL_DELTA_LIMIT", "all assets", before, after, outlook.limits.total_delta_usd_max)


def leverage_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse a gross notional above the allowed multiple of all venues' equity."""
    allowed_usd = outlook.equity_usd * outlook.limits.gross_leverage_max
    if outlook.gross_usd > allowed_usd:
        what = f"{outlook.gross_usd:.2f} USD gross, {allowed_usd:.2f} allowed"
        return _above("LEVERAGE_LIMIT", what, allowed_usd, outlook.gross_usd)
    return None


def margin_sufficient(outlook: Outlook) -> Refused | None:
    """Refuse where a venue's free collateral does not carry its orders after fees and buffer."""
    for venue, after in outlook.venues.items():
        required_usd = after.added_bound_usd * (1 + outlook.limits.margin_buffer_ratio) + after.fees_usd
        available_usd = free_beside(after.account, outlook.before)
        if required_usd > available_usd:
            detail = f"{venue}: {required_usd:.2f} USD needed with fees and buffer, {available_usd:.2f} free"
            return Refused(reason="MARGIN_INSUFFICIENT", detail=detail, limit=available_usd, value=required_usd)
    return None


def allocation_within_limit(outlook: Outlook) -> Refused | None:
    """Refuse to bind more than the allowed share of all venues' equity."""
    allowed_usd = outlook.equity_usd * outlook.limits.allocation_ratio_max
    if outlook.bound_usd > allowed_usd:
        what = f"{outlook.bound_usd:.2f} USD would be bound of {allowed_usd:.2f} allowed"
        return _above("ALLOCATION_LIMIT", what, allowed_usd, outlook.bound_usd)
    return None


def liquidation_distant(outlook: Outlook) -> Refused | None:
    """Refuse where a move of all of a venue's prices against us would liquidate its account too soon.

    All legs are taken to move against us at once: no leg's own liquidation price is nearer than that. The venue's
    word on its maintenance margin counts where it is higher than ours.
    """
    limit = outlook.limits.liquidation_distance_ratio_min
    for venue, after in outlook.venues.items():
        ratio = survivable_ratio(
            equity_usd=after.account.equity_usd, gross_usd=after.gross_usd, maintenance_usd=after.maintenance_usd
        )
        if ratio < limit:
            detail = f"{venue} would be liquidated by a move of {ratio:.4f} against all its positions{_alone(after)}"
            return Refused(reason="LIQUIDATION_NEAR", detail=detail, limit=limit, value=ratio)
    return None


def liquidation_price_distant(outlook: Outlook) -> Refused | None:
    """Refuse to add on a venue that says it would liquidate a position of ours at a price near the market."""
    limit, markets = outlook.limits.liquidation_distance_ratio_min, outlook.snapshot.markets
    for after in outlook.venues.values():
        for instrument_id, price_usd in after.account.liquidation_prices_usd.items():
            market = markets.get(instrument_id)
            if market is None or not market.is_sane:
                continue
            mid_usd = market.mid_usd
            if abs(price_usd - mid_usd) < mid_usd * limit:
                detail = f"{instrument_id} would be liquidated at {price_usd}, the market is at {mid_usd}"
                value = abs(price_usd / mid_usd - 1)
                return Refused(reason="LIQUIDATION_PRICE_NEAR", detail=detail, limit=limit, value=value)
    return None


def _alone(after: VenueOutlook) -> str:
    """Say at which price the first leg ordered would be liquidated if it moved alone."""
    addition = after.additions[0]
    size = addition.reached_usd / addition.price_usd
    price_usd = liquidation_price_usd(
        price_usd=addition.price_usd,
        quantity=size if addition.up_usd >= addition.down_usd else -size,
        available_usd=after.account.equity_usd - after.maintenance_usd,
        maintenance_rate=addition.market.maintenance_rate,
    )
    return "" if price_usd is None else f", {addition.market.instrument_id} alone at {price_usd:.6g}"


def _above(reason: str, what: str, limit_usd: Decimal, value_usd: Decimal) -> Refused:
    return Refused(reason=reason, detail=what, limit=limit_usd, value=value_usd)


def _wider(reason: str, what: str, before: Net, after: Net, limit_usd: Decimal) -> Refused | None:
    worst_usd = after.worst_usd
    if worst_usd > limit_usd and worst_usd > before.worst_usd:
        return _above(reason, f"{what}: net could reach {worst_usd:.2f} USD", limit_usd, worst_usd)
    return None
