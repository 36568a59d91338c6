"""Paradex' funding arithmetic: a funding index that grows by the second, realised when a position is touched.

    premium(t)  = funding rate(t) × spot price / USDC price      USDC per base unit and funding period
    index(t)    = index(t-1) + premium(t-1) × Δt / period        Δt = 0 after a gap of more than 30 s
    accrued(t)  = -signed size × (index(t) - cached index) × USDC price

Rates and premiums are quoted per funding period (8 h by default), never per sample: adding up rows
instead of integrating them overstates funding by period / sample distance.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from messages import FundingClock

MAX_GAP_NS = 30 * 1_000_000_000  # wall time: the venue's own pause, not compressed by a simulator's clock
ONE = Decimal(1)
REAL_TIME = FundingClock()


def premium_usd(rate_per_period: Decimal, spot_price_usd: Decimal, usdc_price_usd: Decimal = ONE) -> Decimal:
    """Return the funding premium in USDC per base unit and funding period."""
    return rate_per_period * spot_price_usd / usdc_price_usd


def index_step_usd(
    premium: Decimal,
    elapsed_ns: int,
    period_hours: Decimal,
    clock: FundingClock = REAL_TIME,
    max_gap_ns: int | None = MAX_GAP_NS,
) -> Decimal:
    """Return by how much the index grows in `elapsed_ns` of wall time at a constant `premium`, USDC per base unit.

    A gap longer than `max_gap_ns` counts nothing: the venue does not fund what it did not see. None
    says that `premium` is known for the whole span. Raises ValueError for a period that is not
    positive (old rows say 0: use the market's period) and for time running backwards.
    """
    if period_hours <= 0:
        raise ValueError(f"a funding period must be positive, was {period_hours} h")
    if elapsed_ns < 0:
        raise ValueError(f"the funding index cannot run backwards, elapsed_ns was {elapsed_ns}")
    if max_gap_ns is not None and elapsed_ns > max_gap_ns:
        return Decimal(0)
    return premium * elapsed_ns / (period_hours * clock.hour_ns)


def accrued_usd(
    signed_quantity: Decimal, index_usd: Decimal, cached_index_usd: Decimal, usdc_price_usd: Decimal = ONE
) -> Decimal:
    """Return the funding accrued since `cached_index_usd`, USD, positive when it will be received."""
    return -signed_quantity * (index_usd - cached_index_usd) * usdc_price_usd


class Realisation(StrEnum):
    """How much of the accrued funding a partial reduction turns into cash; the venue's own texts differ."""

    WHOLE = "WHOLE"  # the funding page: all of it, on the whole previous size
    PRO_RATA = "PRO_RATA"  # the release notes: the share of the position that is closed


class AccruingPosition(msgspec.Struct, frozen=True):
    """A signed position in base units and the index at which its funding was last realised."""

    quantity: Decimal
    cached_index_usd: Decimal

    def accrued_usd(self, index_usd: Decimal, usdc_price_usd: Decimal = ONE) -> Decimal:
        """Return what has accrued but is not cash yet."""
        return accrued_usd(self.quantity, index_usd, self.cached_index_usd, usdc_price_usd)

    def touch(
        self,
        change: Decimal,
        index_usd: Decimal,
        usdc_price_usd: Decimal = ONE,
        realisation: Realisation = Realisation.WHOLE,
    ) -> tuple[Decimal, "AccruingPosition"]:
        """Trade `change` base units: return the cash realised and the new position.

        A position that grows, turns or ends realises all of its funding; only a partial reduction can
        leave a part accrued, whose cached index then stays.
        """
        accrued, left = self.accrued_usd(index_usd, usdc_price_usd), self.quantity + change
        is_reduction = change * self.quantity < 0 and left * self.quantity > 0
        if realisation is Realisation.PRO_RATA and is_reduction:
            return accrued * -change / self.quantity, AccruingPosition(left, self.cached_index_usd)
        return accrued, AccruingPosition(left, index_usd)


class IndexSample(msgspec.Struct, frozen=True, kw_only=True):
    """A published state of a market's funding; `at_ns` is the venue's time."""

    at_ns: int
    index_usd: Decimal
    premium_usd: Decimal  # USDC per base unit and period
    period_hours: Decimal


class IndexStep(StrEnum):
    """How a sample follows the one before it."""

    FIRST = "FIRST"
    MOVED = "MOVED"  # as far as premiums allow
    PAUSED = "PAUSED"  # over a gap in which the venue funded nothing
    RESET = "RESET"  # it continues nothing: differences across it mean nothing
    OLD = "OLD"  # not younger than the one before: to be ignored


_PREMIUM_SLACK = 10  # how much the premium may have exceeded, in between, the larger of its two ends
_FLOOR_RATE = Decimal("0.0005")  # per period: what may always accrue, however small the two premiums
_ROUNDING_USD = Decimal("1e-6")
_TOLERANCE_USD = Decimal(1)  # between an accrual by index and the venue's own figure of seconds before


class IndexWatch:
    """Follows one market's published index and says when it does not go on from where it was.

    An index moves by premium × time. A step beyond ten times the larger premium (and beyond what a
    rate of 0.05 % a period brings at `price_usd`) is not funding: the venue has started another count.
    """

    def __init__(self, clock: FundingClock = REAL_TIME) -> None:
        self._clock = clock
        self._last: IndexSample | None = None

    def take(self, sample: IndexSample, price_usd: Decimal) -> IndexStep:
        """Take the next sample and judge it; `price_usd` is the market's price, 0 where unknown."""
        last = self._last
        if last is None:
            self._last = sample
            return IndexStep.FIRST
        if sample.at_ns <= last.at_ns:
            return IndexStep.OLD
        self._last = sample
        change = abs(sample.index_usd - last.index_usd)
        if change > self._largest_step_usd(last, sample, price_usd):
            return IndexStep.RESET
        is_gap = sample.at_ns - last.at_ns > MAX_GAP_NS
        return IndexStep.PAUSED if is_gap and change <= _ROUNDING_USD else IndexStep.MOVED

    def _largest_step_usd(self, last: IndexSample, sample: IndexSample, price_usd: Decimal) -> Decimal:
        premium = max(abs(last.premium_usd), abs(sample.premium_usd)) * _PREMIUM_SLACK
        largest = max(premium, abs(price_usd) * _FLOOR_RATE)
        step = index_step_usd(largest, sample.at_ns - last.at_ns, sample.period_hours, self._clock, max_gap_ns=None)
        return step + _ROUNDING_USD


class AccrualLine:
    """What one position has accrued by the index since its funding was last realised.

    Until a reset of the index the line is `-size × (index - cached index)`. What had accrued before a
    reset is kept, and the line goes on from the new count. A reset nobody saw shows in the venue's own
    figure being far away: then that figure is where the line goes on from.
    """

    def __init__(self) -> None:
        self._position = AccruingPosition(Decimal(0), Decimal(0))
        self._kept_usd = Decimal(0)
        self._from_usd = Decimal(0)
        self._index_usd: Decimal | None = None
        self._index_ns = 0
        self._is_restarted = False

    def on_position(self, position: AccruingPosition, at_ns: int) -> None:
        """Take the venue's position as of `at_ns`; one that was touched starts another line."""
        if position == self._position:
            return
        self._position, self._kept_usd, self._from_usd = position, Decimal(0), position.cached_index_usd
        self._is_restarted = False
        if self._index_usd is not None and at_ns > self._index_ns:  # the touch is younger than the last sample
            self._index_usd, self._index_ns = position.cached_index_usd, at_ns

    def check(self, told_usd: Decimal) -> bool:
        """Compare with the venue's own, slightly older figure; return whether the two can be the same."""
        by_index = self.accrued_usd
        if by_index is None or self._is_restarted:
            return True  # after a reset the venue's figure may be a difference across it
        if abs(by_index - told_usd) <= max(_TOLERANCE_USD, abs(told_usd) / 2):
            return True
        self._kept_usd, self._from_usd = told_usd, self._index_usd or Decimal(0)
        return False

    def on_index(self, index_usd: Decimal, at_ns: int, *, is_reset: bool) -> None:
        """Take the index of `at_ns`; one older than what is known says nothing."""
        if at_ns < self._index_ns:
            return
        if is_reset:
            self._kept_usd = self.accrued_usd or Decimal(0)
            self._from_usd, self._is_restarted = index_usd, True
        self._index_usd, self._index_ns = index_usd, at_ns

    @property
    def index_usd(self) -> Decimal | None:
        """The latest index, None before the first."""
        return self._index_usd

    @property
    def accrued_usd(self) -> Decimal | None:
        """What has accrued, positive when it will be received; None before the first index."""
        if self._index_usd is None:
            return None
        return self._kept_usd + accrued_usd(self._position.quantity, self._index_usd, self._from_usd)
