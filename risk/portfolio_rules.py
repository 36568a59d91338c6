"""Rules about what the portfolio would become, orders in flight included: each returns a refusal or None."""

from decimal import Decimal

from risk.case import Case
from risk.margin import free_beside, liquidation_price_usd, survivable_ratio
from risk.state import ZERO
from risk.totals import Net
from risk.verdict import Refused


def portfolio_priced(case: Case) -> Refused | None:
    """Refuse while something is held or under way that has no known price: no sum would be true."""
    if case.before.unpriced:
        return Refused(reason="POSITION_UNPRICED", detail=f"no best prices of {', '.join(case.before.unpriced)}")
    return None


def position_within_limit(case: Case) -> Refused | None:
    """Refuse a position, in-flight orders included, above the limit per asset and venue."""
    for addition in case.additions:
        if addition.reached_usd > case.limits.position_usd_max:
            what = f"{addition.market.instrument_id} would reach {addition.reached_usd:.2f} USD, in-flight orders included"
            return _above("POSITION_LIMIT", what, case.limits.position_usd_max, addition.reached_usd)
    return None


def venue_within_limit(case: Case) -> Refused | None:
    """Refuse a concentration of notional on one venue above its limit."""
    for venue in case.venues:
        gross_usd = case.before.venue(venue).gross_usd + sum((addition.gross_usd for addition in case.at(venue)), ZERO)
        if gross_usd > case.limits.venue_usd_max:
            return _above("VENUE_LIMIT", f"{venue} would hold {gross_usd:.2f} USD", case.limits.venue_usd_max, gross_usd)
    return None


def gross_within_limit(case: Case) -> Refused | None:
    """Refuse a gross notional of everything above its limit."""
    if case.gross_usd > case.limits.gross_usd_max:
        return _above("GROSS_LIMIT", f"{case.gross_usd:.2f} USD gross", case.limits.gross_usd_max, case.gross_usd)
    return None


def asset_delta_within_limit(case: Case) -> Refused | None:
    """Refuse orders that widen the net of an asset beyond its limit; what narrows it is let through, a second leg above all."""
    for asset, shift in case.shifts.items():
        before = case.before.asset(asset)
        refused = _wider("ASSET_DELTA_LIMIT", asset, before, before.shifted(*shift), case.limits.asset_delta_usd_max)
        if refused is not None:
            return refused
    return None


def total_delta_within_limit(case: Case) -> Refused | None:
    """Refuse orders that widen the net of all assets together beyond its limit."""
    up = sum((shift[0] for shift in case.shifts.values()), ZERO)
    down = sum((shift[1] for shift in case.shifts.values()), ZERO)
    before = case.before.net
    return _wider("TOTAL_DELTA_LIMIT", "all assets", before, before.shifted(up, down), case.limits.total_delta_usd_max)


def leverage_within_limit(case: Case) -> Refused | None:
    """Refuse a gross notional above the allowed multiple of all venues' equity."""
    allowed_usd = case.equity_usd * case.limits.gross_leverage_max
    if case.gross_usd > allowed_usd:
        return _above("LEVERAGE_LIMIT", f"{case.gross_usd:.2f} USD gross, {allowed_usd:.2f} allowed", allowed_usd, case.gross_usd)
    return None


def margin_sufficient(case: Case) -> Refused | None:
    """Refuse where a venue's free collateral does not carry its orders after fees and buffer."""
    for venue in case.venues:
        added = case.at(venue)
        bound_usd = sum((addition.bound_usd for addition in added), ZERO)
        fees_usd = sum((addition.fees_usd for addition in added), ZERO)
        required_usd = bound_usd * (1 + case.limits.margin_buffer_ratio) + fees_usd
        available_usd = free_beside(case.snapshot.accounts[venue], case.before)
        if required_usd > available_usd:
            detail = f"{venue}: {required_usd:.2f} USD needed with fees and buffer, {available_usd:.2f} free"
            return Refused(reason="MARGIN_INSUFFICIENT", detail=detail, limit=available_usd, value=required_usd)
    return None


def allocation_within_limit(case: Case) -> Refused | None:
    """Refuse to bind more than the allowed share of all venues' equity."""
    allowed_usd = case.equity_usd * case.limits.allocation_ratio_max
    bound_usd = case.before.bound_usd + sum((addition.bound_usd for addition in case.additions), ZERO)
    if bound_usd > allowed_usd:
        return _above(
            "ALLOCATION_LIMIT", f"{bound_usd:.2f} USD would be bound, {allowed_usd:.2f} allowed", allowed_usd, bound_usd
        )
    return None


def liquidation_distant(case: Case) -> Refused | None:
    """Refuse where a move of all of a venue's prices against us would liquidate its account too soon.

    All legs are taken to move against us at once, which no leg's own liquidation price is nearer than; the
    venue's word on its maintenance margin counts where it is higher than ours.
    """
    limit = case.limits.liquidation_distance_ratio_min
    for venue in case.venues:
        account, before, added = case.snapshot.accounts[venue], case.before.venue(venue), case.at(venue)
        ratio = survivable_ratio(
            equity_usd=account.equity_usd,
            gross_usd=before.gross_usd + sum((addition.gross_usd for addition in added), ZERO),
            maintenance_usd=max(before.maintenance_usd, account.maintenance_margin_usd)
            + sum((addition.maintenance_usd for addition in added), ZERO),
        )
        if ratio < limit:
            detail = f"{venue} would be liquidated by a move of {ratio:.4f} against all its positions{_alone(case, venue)}"
            return Refused(reason="LIQUIDATION_NEAR", detail=detail, limit=limit, value=ratio)
    return None


def liquidation_price_distant(case: Case) -> Refused | None:
    """Refuse to add on a venue that says it would liquidate a position of ours at a price near the market."""
    limit = case.limits.liquidation_distance_ratio_min
    for venue in case.venues:
        for instrument_id, price_usd in case.snapshot.accounts[venue].liquidation_prices_usd.items():
            market = case.snapshot.markets.get(instrument_id)
            if market is None or not market.is_sane:
                continue
            mid_usd = market.mid_usd
            distance = abs(price_usd / mid_usd - 1)
            if distance < limit:
                detail = f"{instrument_id} would be liquidated at {price_usd}, the market is at {mid_usd}"
                return Refused(reason="LIQUIDATION_NEAR", detail=detail, limit=limit, value=distance)
    return None


def _alone(case: Case, venue: str) -> str:
    """Say at which price the first leg ordered would be liquidated if it moved alone."""
    addition, account = case.at(venue)[0], case.snapshot.accounts[venue]
    held = max(case.before.venue(venue).maintenance_usd, account.maintenance_margin_usd)
    size = addition.reached_usd / addition.price_usd
    price_usd = liquidation_price_usd(
        price_usd=addition.price_usd,
        quantity=size if addition.up_usd >= addition.down_usd else -size,
        available_usd=account.equity_usd - held - addition.maintenance_usd,
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
