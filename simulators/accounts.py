"""A margin account in exact decimals: cash, signed positions, leverage, realised and open profit.

A position carries its exact entry cost rather than a rounded average, so cash plus open profit is
conserved to the last digit: whatever a rounded release takes out of the cost it puts into cash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)


@dataclass(slots=True)
class Position:
    """A signed position in base units (long positive) and what it cost in USD (short negative)."""

    size: Decimal = ZERO
    cost_usd: Decimal = ZERO

    @property
    def entry_usd(self) -> Decimal:
        """The average entry price, 0 when flat."""
        return self.cost_usd / self.size if self.size else ZERO

    def unrealized_usd(self, mark_usd: Decimal) -> Decimal:
        """The price profit of closing at `mark_usd`."""
        return self.size * mark_usd - self.cost_usd


@dataclass(frozen=True, slots=True)
class FillEffect:
    """What one fill did: `realized_usd` is price profit only, `fee_usd` positive when paid."""

    size_before: Decimal
    size_after: Decimal
    realized_usd: Decimal
    fee_usd: Decimal


@dataclass(slots=True)
class Account:
    """One user's money and positions on one venue, keyed by the venue's market name."""

    cash_usd: Decimal = ZERO
    default_leverage: int = 20
    cash_quantum_usd: Decimal = Decimal("0.000001")
    positions: dict[str, Position] = field(default_factory=dict)
    leverage: dict[str, int] = field(default_factory=dict)

    def size(self, market: str) -> Decimal:
        """Return the signed position, 0 when flat."""
        position = self.positions.get(market)
        return position.size if position else ZERO

    def apply_fill(self, market: str, is_buy: bool, size: Decimal, price: Decimal, fee_usd: Decimal = ZERO) -> FillEffect:
        """Book one execution: realise the profit of what it closes, carry the rest, charge the fee.

        `fee_usd` is a signed cost (negative: a rebate). Realised profit is rounded to the cash
        quantum; the remainder stays in the position's cost.
        """
        position = self.positions.setdefault(market, Position())
        signed = size if is_buy else -size
        before = position.size
        closing = min(size, abs(before)) if before * signed < 0 else ZERO
        realized = self._close(position, closing, price) if closing else ZERO
        opening = signed - (closing if is_buy else -closing)
        position.size += opening
        position.cost_usd += opening * price
        self.cash_usd += realized - fee_usd
        if not position.size:
            del self.positions[market]
        return FillEffect(before, before + signed, realized, fee_usd)

    def unrealized_usd(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return the open price profit of all positions at `marks`."""
        return sum((position.unrealized_usd(marks[market]) for market, position in self.positions.items()), ZERO)

    def equity_usd(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return cash plus open price profit."""
        return self.cash_usd + self.unrealized_usd(marks)

    def initial_margin_usd(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return the sum over positions of notional at mark / leverage."""
        return sum((abs(p.size) * marks[m] / self.leverage_of(m) for m, p in self.positions.items()), ZERO)

    def leverage_of(self, market: str) -> int:
        """Return the leverage set for a market."""
        return self.leverage.get(market, self.default_leverage)

    def _close(self, position: Position, closing: Decimal, price: Decimal) -> Decimal:
        direction = 1 if position.size > 0 else -1
        whole = closing == abs(position.size)
        released = position.cost_usd if whole else position.cost_usd * closing / abs(position.size)
        realized = closing * direction * price - released
        if not whole:
            realized = realized.quantize(self.cash_quantum_usd, ROUND_HALF_EVEN)
        position.cost_usd -= closing * direction * price - realized
        position.size -= closing * direction
        return realized
