"""Continuous funding: premium of the book, clamp, averaging, and the index through which money moves.

Rates inside are fractions per 8 hours, as the market's parameters are; a market with another period
publishes rate and premium for that period. The index is in USDC per base unit; a position of signed
size s receives -s * (index now - index then).
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

NS_PER_SEC = 1_000_000_000
PAUSE_SECS = 30  # a longer gap between two samples moves no index
HALF_LIFE_HOURS = Decimal("0.5")
INDEX_QUANTUM = Decimal("0.00000000000001")
PREMIUM_QUANTUM = Decimal("0.00000000000000001")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """A market's funding parameters; the rates are fractions per 8 hours."""

    interest_rate: Decimal = Decimal("0.0001")
    clamp_rate: Decimal = Decimal("0.0005")
    max_rate: Decimal = Decimal("0.02")
    multiplier: Decimal = Decimal(1)
    period_hours: int = 8


def premium_rate(impact_bid: Decimal | None, impact_ask: Decimal | None, spot: Decimal) -> Decimal:
    """Return how far the book's impact prices are above (or below, negative) the spot, as a fraction."""
    above = max(impact_bid - spot, ZERO) if impact_bid is not None else ZERO
    below = max(spot - impact_ask, ZERO) if impact_ask is not None else ZERO
    return (above - below) / spot


def raw_rate(premium: Decimal, terms: FundingTerms) -> Decimal:
    """Return the rate per 8 hours before averaging: the premium, pulled towards interest, capped."""
    pull = _clip(terms.interest_rate - premium, terms.clamp_rate)
    return _clip(terms.multiplier * (premium + pull), terms.max_rate)


def rate_8h_text(rate_8h: Decimal) -> Decimal:
    """Return the rate cut, not rounded, to the 8 decimals the venue shows."""
    return rate_8h.quantize(Decimal("0.00000001"), ROUND_DOWN)


def accrued_usd(signed_size: Decimal, index: Decimal, since: Decimal) -> Decimal:
    """Return what a position received (negative: paid) while the index moved from `since` to `index`."""
    return -signed_size * (index - since)


def _clip(value: Decimal, bound: Decimal) -> Decimal:
    return min(max(value, -bound), bound)


@dataclass(slots=True)
class FundingIndex:
    """The running state of one market; `rate_8h` is the averaged rate, `premium_usd` per funding period."""

    terms: FundingTerms
    index: Decimal
    rate_8h: Decimal = ZERO
    impact_premium: Decimal = ZERO
    premium_usd: Decimal = ZERO
    updated_ns: int = 0

    @property
    def rate(self) -> Decimal:
        """The published rate, a fraction per funding period."""
        return (self.rate_8h * self.terms.period_hours / 8).quantize(INDEX_QUANTUM, ROUND_HALF_EVEN)

    def advance(
        self,
        now_ns: int,
        hour_secs: float,
        spot: Decimal,
        premium: Decimal,
        recorded_rate_8h: Decimal | None = None,
        *,
        half_life_hours: Decimal = HALF_LIFE_HOURS,
    ) -> None:
        """Move the index by the premium that held until now, then take in the new premium.

        `hour_secs` are the wall seconds to a funding hour. A recorded rate replaces the computed one,
        which is averaged with a half-life in funding hours.
        """
        gap_secs = Decimal(now_ns - self.updated_ns) / NS_PER_SEC if self.updated_ns else ZERO
        moving_secs = gap_secs if gap_secs <= PAUSE_SECS else ZERO
        period_secs = self.terms.period_hours * Decimal(str(hour_secs))
        self.index = (self.index + self.premium_usd * moving_secs / period_secs).quantize(INDEX_QUANTUM, ROUND_HALF_EVEN)
        self.impact_premium = premium
        raw = raw_rate(premium, self.terms)
        self.rate_8h = (
            recorded_rate_8h if recorded_rate_8h is not None else self._averaged(raw, gap_secs, hour_secs, half_life_hours)
        )
        self.premium_usd = (self.rate * spot).quantize(PREMIUM_QUANTUM, ROUND_HALF_EVEN)
        self.updated_ns = now_ns

    def pause(self, now_ns: int) -> None:
        """Let time pass that moves no index."""
        self.updated_ns = now_ns

    def _averaged(self, raw: Decimal, gap_secs: Decimal, hour_secs: float, half_life_hours: Decimal) -> Decimal:
        if not self.updated_ns:
            return raw
        half_lives = float(gap_secs / (half_life_hours * Decimal(str(hour_secs))))
        weight = Decimal(repr(1 - 2**-half_lives))
        return self.rate_8h + (raw - self.rate_8h) * weight
