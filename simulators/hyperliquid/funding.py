"""Hourly funding: premium samples of a running hour, the rate they give, and the settled rows."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.market import Market

INTEREST_8H = Decimal("0.0001")
CLAMP_8H = Decimal("0.0005")
CAP_PER_HOUR = Decimal("0.04")
RATE_STEP = Decimal("0.0000000001")


@dataclass(frozen=True, slots=True)
class SettledRate:
    """One hour's rate, settled at `time_ms`; `premium` is the hour's average."""

    time_ms: int
    rate_per_hour: Decimal
    premium: Decimal


def rate_per_hour(premium: Decimal) -> Decimal:
    """Return an hour's rate: an eighth of P + clamp(0.01 % - P, +-0.05 %), at most 4 % either way."""
    rate_8h = premium + min(max(INTEREST_8H - premium, -CLAMP_8H), CLAMP_8H)
    return min(max(rate_8h / 8, -CAP_PER_HOUR), CAP_PER_HOUR).quantize(RATE_STEP)


def premium_of(market: Market) -> Decimal | None:
    """Return (max(impact bid - oracle, 0) - max(oracle - impact ask, 0)) / oracle; None without depth.

    On a dex of others it is (impact bid + impact ask) / 2 / oracle - 1.
    """
    bid, ask, oracle = market.impact_usd(is_buy=False), market.impact_usd(is_buy=True), market.oracle_usd
    if bid is None or ask is None or not oracle:
        return None
    if ":" in market.spec.symbol:
        return (bid + ask) / 2 / oracle - 1
    return (max(bid - oracle, Decimal(0)) - max(oracle - ask, Decimal(0))) / oracle


class CoinFunding:
    """The running hour of one coin and its settled past."""

    def __init__(self) -> None:
        self.settled: list[SettledRate] = []
        self.premium: Decimal | None = None  # the latest sample
        self._sum = Decimal(0)
        self._samples = 0
        self._recorded: Decimal | None = None

    def sample(self, premium: Decimal | None, recorded_rate_per_hour: Decimal | None) -> None:
        """Count one premium; a recorded rate overrides what the premiums say."""
        self.premium = premium
        self._recorded = recorded_rate_per_hour
        if premium is not None:
            self._sum += premium
            self._samples += 1

    @property
    def average_premium(self) -> Decimal:
        """The running hour's average; before its first sample, the last one of the hour before."""
        return self._sum / self._samples if self._samples else self.premium or Decimal(0)

    @property
    def predicted_per_hour(self) -> Decimal:
        """The rate the hour would settle at if it ended now."""
        return rate_per_hour(self.average_premium) if self._recorded is None else self._recorded

    def settle(self, time_ms: int) -> SettledRate:
        """End the running hour and begin the next."""
        settled = SettledRate(time_ms, self.predicted_per_hour, self.average_premium.quantize(RATE_STEP))
        self.settled.append(settled)
        self._sum, self._samples = Decimal(0), 0
        return settled
