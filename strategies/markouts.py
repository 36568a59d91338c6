"""What fills of our resting orders turn out to be worth: the mid some seconds later against the price we got."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from messages import MakerMarkout, Side

HORIZONS_SECS = (1.0, 5.0, 30.0)
CHARGED_HORIZON_SECS = 5.0  # the one that the choice between resting and taking is made with
_WEIGHT = Decimal("0.1")  # of the latest fill in the running mean
_NS_PER_SEC = 1_000_000_000
_BPS = 10_000


class _Pending(msgspec.Struct, frozen=True):
    instrument_id: str
    side: Side
    price_usd: Decimal
    horizon_secs: float
    due_ns: int


class Memory(msgspec.Struct, frozen=True):
    """A running mean in bps, and how many fills it is made of."""

    mean_bps: Decimal
    count: int


class Markouts:
    """Running means by instrument and horizon; `restore` and `memory` carry them over restarts."""

    def __init__(self) -> None:
        self._pending: list[_Pending] = []
        self._means: dict[tuple[str, float], Memory] = {}

    def on_fill(self, instrument_id: str, side: Side, price_usd: Decimal, now_ns: int) -> None:
        """A resting order of ours was filled."""
        self._pending += [
            _Pending(instrument_id, side, price_usd, secs, now_ns + round(secs * _NS_PER_SEC)) for secs in HORIZONS_SECS
        ]

    def due(self, now_ns: int, mid_usd: Callable[[str], Decimal | None]) -> list[MakerMarkout]:
        """Return the markouts that can be told by now; one without a mid at its time is dropped, never guessed."""
        ripe = [fill for fill in self._pending if fill.due_ns <= now_ns]
        self._pending = [fill for fill in self._pending if fill.due_ns > now_ns]
        told = []
        for fill in ripe:
            mid = mid_usd(fill.instrument_id)
            if mid is not None and fill.price_usd > 0:
                told.append(self._learn(fill, fill.side.sign * (mid - fill.price_usd) / fill.price_usd * _BPS, now_ns))
        return told

    def mean_bps(self, instrument_id: str) -> Decimal | None:
        """Return the running mean at the charged horizon, None before the first fill."""
        known = self._means.get((instrument_id, CHARGED_HORIZON_SECS))
        return None if known is None else known.mean_bps

    def memory(self, instrument_id: str) -> Memory | None:
        """Return what is known at the charged horizon."""
        return self._means.get((instrument_id, CHARGED_HORIZON_SECS))

    def restore(self, instrument_id: str, memory: Memory) -> None:
        """Go on from what an earlier process had learnt."""
        self._means[instrument_id, CHARGED_HORIZON_SECS] = memory

    def _learn(self, fill: _Pending, markout_bps: Decimal, now_ns: int) -> MakerMarkout:
        key = (fill.instrument_id, fill.horizon_secs)
        known = self._means.get(key)
        weight = max(_WEIGHT, Decimal(1) / (1 + (0 if known is None else known.count)))  # a plain mean at first
        before = Decimal(0) if known is None else known.mean_bps
        mean = before + weight * (markout_bps - before)
        self._means[key] = Memory(mean, 1 if known is None else known.count + 1)
        return MakerMarkout(
            venue=fill.instrument_id.rpartition(".")[2],
            instrument_id=fill.instrument_id,
            horizon_secs=fill.horizon_secs,
            markout_bps=markout_bps,
            mean_bps=mean,
            ts_ns=now_ns,
        )
