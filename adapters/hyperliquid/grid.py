"""The venue's price grid; pure."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from adapters.hyperliquid.constants import MAX_SIGNIFICANT_FIGURES, PERP_MAX_DECIMALS


def round_price(price: Decimal, sz_decimals: int, *, up: bool) -> Decimal:
    """Return the nearest price the venue takes, not below (`up`) or not above `price`.

    Such a price has at most 5 significant figures and 6 - `sz_decimals` decimals; whole numbers are
    always allowed. A positive price may round down to zero, which the caller must not send.
    """
    if price == 0:
        return Decimal(0)
    significant = MAX_SIGNIFICANT_FIGURES - 1 - price.adjusted()
    decimals = max(0, min(PERP_MAX_DECIMALS - sz_decimals, significant))
    return price.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_CEILING if up else ROUND_FLOOR)


def bounded_price(best: Decimal, sz_decimals: int, *, is_buy: bool, slippage_bps: int) -> Decimal:
    """Return the limit of a market order: `best` moved against us by the slippage, then on the grid.

    Rounded away from the market: at five figures the grid may be coarser than the slippage.
    """
    factor = 1 + Decimal(slippage_bps if is_buy else -slippage_bps) / 10_000
    return round_price(best * factor, sz_decimals, up=is_buy)
