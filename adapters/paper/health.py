"""What a simulated venue reports of its account: cash, equity, margin and where each position would be liquidated."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from messages import AccountHealth, PositionHealth

ZERO = Decimal(0)


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """The net position in one instrument; prices are USD per base unit, margin rates fractions of the notional."""

    instrument_id: str
    quantity: Decimal
    entry_price_usd: Decimal
    mark_price_usd: Decimal
    initial_rate: Decimal
    maintenance_rate: Decimal

    @property
    def notional_usd(self) -> Decimal:
        """The position's size at the mark price, never negative."""
        return abs(self.quantity) * self.mark_price_usd

    @property
    def unrealized_pnl_usd(self) -> Decimal:
        """The price PnL since entry."""
        return self.quantity * (self.mark_price_usd - self.entry_price_usd)


def account_health(
    venue: str, cash_usd: Decimal, accrued_funding_usd: Decimal, holdings: Sequence[Holding], ts_event_ns: int
) -> AccountHealth:
    """Return a cross-margined account's report; `cash_usd` is what a flat account could withdraw."""
    initial = sum((held.notional_usd * held.initial_rate for held in holdings), ZERO)
    maintenance = sum((held.notional_usd * held.maintenance_rate for held in holdings), ZERO)
    equity = cash_usd + accrued_funding_usd + sum((held.unrealized_pnl_usd for held in holdings), ZERO)
    return AccountHealth(
        venue=venue,
        equity_usd=equity,
        cash_usd=cash_usd,
        free_collateral_usd=equity - initial,
        initial_margin_usd=initial,
        maintenance_margin_usd=maintenance,
        positions=tuple(
            PositionHealth(
                instrument_id=held.instrument_id,
                quantity=held.quantity,
                entry_price_usd=held.entry_price_usd,
                unrealized_pnl_usd=held.unrealized_pnl_usd,
                liquidation_price_usd=liquidation_price_usd(held, equity - maintenance),
            )
            for held in holdings
        ),
        ts_event_ns=ts_event_ns,
    )


def liquidation_price_usd(held: Holding, margin_available_usd: Decimal) -> Decimal | None:
    """Return the mark price at which the account's equity meets its maintenance margin, all else unchanged.

    `mark - side × available / |quantity| / (1 - side × maintenance rate)`, Hyperliquid's own formula;
    None where no positive price gets there.
    """
    side = 1 if held.quantity > 0 else -1
    distance = margin_available_usd / abs(held.quantity) / (1 - side * held.maintenance_rate)
    price = held.mark_price_usd - side * distance
    return price if price > 0 else None
