"""The public funding index of each market: published raw, watched for restarts."""

from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.model.instruments import CryptoPerpetual

from adapters.paradex.constants import PARADEX
from adapters.paradex.funding import IndexSample, IndexStep, IndexWatch
from adapters.paradex.parsing import nanos
from adapters.paradex.schemas import FundingData
from adapters.paradex.status import StatusBoard
from messages import FundingClock, FundingIndex, VenueState

_ZERO = Decimal(0)


class FundingFeed:
    """Turns funding samples into `FundingIndex` messages, one per sample that is news."""

    def __init__(self, publish: Callable[[FundingIndex], None], board: StatusBoard, clock: FundingClock) -> None:
        self._publish, self._board, self._clock = publish, board, clock
        self._watches: dict[str, IndexWatch] = {}
        self._restarted: set[str] = set()

    def take(self, data: FundingData, perpetual: CryptoPerpetual) -> None:
        """Take a sample; one without an index, or older than the last, says nothing."""
        if data.funding_index is None:
            return
        period_hours = data.funding_period_hours or int(perpetual.info["funding_period_hours"])
        step = self._judge(data, period_hours, data.funding_index)
        if step is IndexStep.OLD:
            return
        self._report(data, step)
        self._publish(
            FundingIndex(
                venue=PARADEX,
                instrument_id=perpetual.id.value,
                index_usd=data.funding_index,
                premium_usd=data.funding_premium,
                rate=data.funding_rate,
                period_hours=period_hours,
                is_reset=step is IndexStep.RESET,
                ts_event_ns=nanos(data.created_at),
            )
        )

    def _judge(self, data: FundingData, period_hours: int, index_usd: Decimal) -> IndexStep:
        premium, rate = data.funding_premium or _ZERO, data.funding_rate or _ZERO
        watch = self._watches.setdefault(data.market, IndexWatch(self._clock))
        sample = IndexSample(
            at_ns=nanos(data.created_at), index_usd=index_usd, premium_usd=premium, period_hours=Decimal(period_hours)
        )
        return watch.take(sample, premium / rate if rate else _ZERO)

    def _report(self, data: FundingData, step: IndexStep) -> None:
        if step is IndexStep.RESET:
            self._restarted.add(data.market)
            words = f"the funding index of {data.market} starts again at {data.funding_index}"
            self._board.report("funding", VenueState.DEGRADED, words)
        elif data.market in self._restarted:
            self._restarted.discard(data.market)
            if not self._restarted:
                self._board.report("funding", VenueState.OK)
