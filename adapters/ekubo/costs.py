"""What a swap is expected to cost in USD, part by part; pure.

A pool takes its fee from what goes in, then the size moves the price, then the aggregator takes its fee from what comes out:
out = in (1 - pool) (1 - impact) (1 - aggregator) x spot. Each part is reckoned on what the one before it left, so that
they add up to what is lost.
"""

from collections.abc import Sequence
from decimal import Decimal

from adapters.ekubo.constants import BPS, FRI_PER_STRK
from adapters.ekubo.pools import Q128
from adapters.ekubo.schemas import Number, Quote, Route
from messages import SwapCost


def estimate(
    *,
    notional_usd: Decimal,
    impact_bps: Decimal | None,
    pool_fee: Decimal | None,
    aggregator_fee: Decimal | None,
    gas_usd: Decimal | None,
) -> SwapCost:
    """Return the parts; fees are fractions, `gas_usd` is positive here. A part that is not known is None."""
    paid_in = notional_usd * (1 - (pool_fee or 0))
    impact = None if impact_bps is None else max(impact_bps, Decimal(0)) / BPS
    came_out = paid_in * (1 - (impact or 0))
    return SwapCost(
        notional_usd=notional_usd,
        impact_usd=None if impact is None else -paid_in * impact,
        pool_fee_usd=None if pool_fee is None else -notional_usd * pool_fee,
        aggregator_fee_usd=None if aggregator_fee is None else -came_out * aggregator_fee,
        gas_usd=None if gas_usd is None else -gas_usd,
    )


def pool_fee(routes: Sequence[Route]) -> Decimal | None:
    """Return the share of the input that the pools of a route take, None where one of them does not tell its fee."""
    kept = Decimal(0)
    for route in routes:
        fee = _own_fee(route)
        behind = pool_fee(route.routes) if route.routes else Decimal(0)
        if fee is None or behind is None:
            return None
        kept += route.percent * (1 - fee) * (1 - behind)
    whole = sum((route.percent for route in routes), Decimal(0))
    return 1 - kept / whole if whole else None


def aggregator_fee(quote: Quote) -> Decimal | None:
    """Return the share the aggregator takes, by its own rate; None where it does not tell it. Its amounts are not believed."""
    if quote.fee is None or quote.fee.avnu_fees_bps is None:
        return None
    return (quote.fee.avnu_fees_bps + (quote.fee.integrator_fees_bps or 0)) / BPS


def gas_strk(quote: Quote) -> Decimal | None:
    """Return the gas of a quote in STRK."""
    return None if quote.gas_fees is None else Decimal(quote.gas_fees) / FRI_PER_STRK


def gas_usd(quote: Quote, strk_usd: Decimal | None) -> Decimal | None:
    """Return the gas of a quote in USD, by its own figure or else by a price of STRK."""
    if quote.gas_fees_in_usd is not None:
        return quote.gas_fees_in_usd
    strk = gas_strk(quote)
    return None if strk is None or strk_usd is None else strk * strk_usd


def _own_fee(route: Route) -> Decimal | None:
    try:
        return Decimal(Number.parse((route.route_info or {}).get("fee"))) / Q128
    except ValueError:
        return None
