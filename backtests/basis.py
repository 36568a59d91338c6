"""Model Paradex' price where none was recorded: Hyperliquid's price and a basis that wanders around the recorded mean."""

import random
import statistics
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

PERSISTENCE = 0.8  # of the basis from hour to hour: an assumption, the recording is too short to estimate it


class BasisModel(msgspec.Struct, frozen=True):
    """Paradex over Hyperliquid in basis points: mean, spread around it and the range it is kept in."""

    mean_bps: float
    deviation_bps: float
    low_bps: float
    high_bps: float

    is_fitted: bool = False

    def describe(self) -> str:
        """Say in one line what the model assumes."""
        origin = "fitted to the hours recorded on both venues" if self.is_fitted else "assumed"
        return (
            f"{origin}, mean {self.mean_bps:+.1f} bps, standard deviation {self.deviation_bps:.1f} bps, "
            f"kept within {self.low_bps:+.1f} .. {self.high_bps:+.1f} bps, hourly persistence {PERSISTENCE}"
        )


ASSUMED = BasisModel(-2.0, 2.0, -8.0, 5.0)


def fitted(recorded_bps: Sequence[Decimal]) -> BasisModel:
    """Return the model with the mean, deviation and range of a recording of at least two hours."""
    values = [float(value) for value in recorded_bps]
    return BasisModel(statistics.fmean(values), statistics.stdev(values), min(values), max(values), True)


def path_bps(model: BasisModel, seed: str) -> Iterator[Decimal]:
    """Yield an endless hourly basis path, the same for the same seed."""
    rng = random.Random(seed)
    shock = model.deviation_bps * (1 - PERSISTENCE**2) ** 0.5
    value = rng.gauss(model.mean_bps, model.deviation_bps)
    while True:
        value = min(max(value, model.low_bps), model.high_bps)
        yield Decimal(f"{value:.4f}")
        value = model.mean_bps + PERSISTENCE * (value - model.mean_bps) + rng.gauss(0.0, shock)
