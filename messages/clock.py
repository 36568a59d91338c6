"""The funding clock: how long a funding hour lasts on the wall clock."""

from decimal import Decimal

import msgspec

NS_PER_SEC = 1_000_000_000


class FundingClock(msgspec.Struct, frozen=True):
    """Convert between wall time and funding hours.

    A real venue has 3,600 wall seconds to the funding hour; a simulator may compress it for a
    demonstration. Rates stay per hour and horizons count hours through this clock, while freshness,
    tokens, nonces and Paradex' 30 s index pause stay wall seconds.
    """

    hour_secs: float = 3600.0

    def __post_init__(self) -> None:
        if not self.hour_secs > 0:
            raise ValueError(f"hour_secs must be positive, was {self.hour_secs}")

    @property
    def hour_ns(self) -> int:
        """The length of a funding hour in wall nanoseconds."""
        return round(self.hour_secs * NS_PER_SEC)

    @property
    def is_compressed(self) -> bool:
        """Whether a funding hour is shorter (or longer) than a real hour."""
        return self.hour_secs != 3600.0

    def hours(self, wall_ns: int) -> Decimal:
        """Return how many funding hours pass in `wall_ns` nanoseconds."""
        return Decimal(wall_ns) / Decimal(self.hour_ns)

    def wall_ns(self, hours: float) -> int:
        """Return the wall nanoseconds that `hours` funding hours take."""
        return round(hours * self.hour_ns)

    def hour_start_ns(self, now_ns: int) -> int:
        """Return when the funding hour that contains `now_ns` began; hours are aligned to the epoch."""
        return now_ns - now_ns % self.hour_ns

    def next_hour_ns(self, now_ns: int) -> int:
        """Return the first funding-hour boundary after `now_ns`."""
        return self.hour_start_ns(now_ns) + self.hour_ns
