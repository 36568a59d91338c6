"""The perpetuals of both venues as a backtest trades them: the ids, steps, fees and margins the live providers load."""

from decimal import Decimal

import msgspec
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

HYPERLIQUID = Venue("HYPERLIQUID")
PARADEX = Venue("PARADEX")
VENUES = (HYPERLIQUID, PARADEX)
NAMES = {"HYPERLIQUID": "Hyperliquid", "PARADEX": "Paradex"}
MIN_NOTIONAL_USD = Decimal(10)
MAINTENANCE_SHARE = Decimal("0.5")  # of the initial margin at the highest leverage, on both venues


class Steps(msgspec.Struct, frozen=True):
    """An asset's price tick (USD), size step (base units) and initial margin (fraction of the notional)."""

    tick: str
    step: str
    margin: str


class Fees(msgspec.Struct, frozen=True):
    """Fractions of the notional."""

    maker: Decimal
    taker: Decimal


FEES = {
    HYPERLIQUID: Fees(Decimal("0.00015"), Decimal("0.00045")),
    PARADEX: Fees(Decimal("0.00003"), Decimal("0.00045")),
}
# Hyperliquid: szDecimals gives the step, at most 6 - szDecimals price decimals (and five significant figures).
STEPS = {
    HYPERLIQUID: {
        "BTC": Steps("0.1", "0.00001", "0.025"),
        "ETH": Steps("0.01", "0.0001", "0.04"),
        "SOL": Steps("0.0001", "0.01", "0.05"),
        "HYPE": Steps("0.0001", "0.01", "0.1"),
    },
    PARADEX: {
        "BTC": Steps("0.1", "0.00001", "0.02"),
        "ETH": Steps("0.01", "0.0001", "0.02"),
        "SOL": Steps("0.001", "0.01", "0.02"),
        "HYPE": Steps("0.001", "0.01", "0.1"),
    },
}
ASSETS = tuple(STEPS[HYPERLIQUID])


def instrument_id(asset: str, venue: Venue) -> InstrumentId:
    """Return the id both the live adapters and the backtest use."""
    return InstrumentId(Symbol(f"{asset}-USD-PERP"), venue)


def perpetual(asset: str, venue: Venue) -> CryptoPerpetual:
    """Return the asset's perpetual on a venue; raise KeyError for an asset without known steps."""
    steps, fees = STEPS[venue][asset], FEES[venue]
    tick, step = Price.from_str(steps.tick), Quantity.from_str(steps.step)
    identity = instrument_id(asset, venue)
    return CryptoPerpetual(
        instrument_id=identity,
        raw_symbol=Symbol(asset if venue == HYPERLIQUID else identity.symbol.value),
        base_currency=Currency.from_str(asset),
        quote_currency=USDC,
        settlement_currency=USDC,
        is_inverse=False,
        price_precision=tick.precision,
        size_precision=step.precision,
        price_increment=tick,
        size_increment=step,
        min_quantity=step,
        min_notional=Money(MIN_NOTIONAL_USD, USDC),
        margin_init=Decimal(steps.margin),
        margin_maint=Decimal(steps.margin) * MAINTENANCE_SHARE,
        maker_fee=fees.maker,
        taker_fee=fees.taker,
        ts_event=0,
        ts_init=0,
    )
