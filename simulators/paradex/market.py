"""One market of the venue: the shared book and prices, its funding, and what it publishes."""

from collections import deque
from decimal import Decimal

from simulators.market import Market
from simulators.matching import Trade
from simulators.paradex.constants import PerpTerms
from simulators.paradex.funding import FundingIndex, FundingTerms, premium_rate
from simulators.paradex.history import FundingHistory
from simulators.paradex.records import Bbo, BookUpdate, FundingSample, Level, SummaryView, TradeRecord
from simulators.tape import Tape, TapeClock

DEPTH = 60
SAMPLE_SECS = 5.0  # of a real hour; compressed with it, but not below the shortest
SHORTEST_SAMPLE_SECS = 0.25
FIRST_BOOK_SEQ = 7_687_000_000


class ParadexMarket:
    """A market that lives by the tape; users trade on `core.book`."""

    def __init__(self, terms: PerpTerms, tape: Tape, clock: TapeClock, seed: int, period_hours: int) -> None:
        self.terms = terms
        self.symbol = terms.symbol
        self.core = Market(terms.market_spec(), seed)
        self.funding = FundingIndex(self._funding_terms(period_hours), terms.first_index)
        self.seq = FIRST_BOOK_SEQ
        self.trades: deque[TradeRecord] = deque(maxlen=5_000)
        self.sample_ns = round(max(SAMPLE_SECS * clock.funding.hour_secs / 3600, SHORTEST_SAMPLE_SECS) * 1e9)
        self.history = FundingHistory(self.symbol, terms.asset, tape, clock, self.sample_ns // 1_000_000)
        self._tape, self._clock = tape, clock
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._best: tuple[Level | None, Level | None] = (None, None)
        self._next_sample_ns = 0
        self._last_print = 0
        self.book_ms = 0

    @property
    def mark_usd(self) -> Decimal:
        """The mark price."""
        return self.core.mark_usd

    def set_period_hours(self, hours: int) -> None:
        """Change the funding period; the index goes on."""
        self.funding.terms = self._funding_terms(hours)

    def step(self, now_ns: int) -> list[Trade]:
        """Move prices, book and funding to `now_ns` and return the trades of the step."""
        point = self._tape.at(self._clock.hours(now_ns), self.terms.asset)
        trades = self.core.step(now_ns, point.oracle_usd, point.paradex_premium)
        spot = self.core.oracle_usd
        premium = premium_rate(self.core.impact_usd(is_buy=False), self.core.impact_usd(is_buy=True), spot)
        self.funding.advance(now_ns, self._clock.funding.hour_secs, spot, premium, point.paradex_rate_8h)
        return trades

    def sample(self, now_ns: int) -> FundingSample:
        """Return funding as of the last step."""
        state = self.funding
        hours = state.terms.period_hours
        return FundingSample(
            self.symbol, state.index, state.premium_usd, state.rate, hours, state.impact_premium, now_ns // 1_000_000
        )

    def due_sample(self, now_ns: int) -> FundingSample | None:
        """Return and remember a sample when one is due."""
        if now_ns < self._next_sample_ns:
            return None
        sample = self.sample(now_ns)
        if not self.history.samples:
            self.history.begin(sample, self.funding.terms)
        self.history.samples.append(sample)
        self._next_sample_ns = now_ns + self.sample_ns
        return sample

    def new_trades(self) -> list[TradeRecord]:
        """Return the prints since the last call, oldest first."""
        new = []
        for entry in reversed(self.core.prints):
            if entry.id <= self._last_print:
                break
            ident = f"{entry.time_ms}{entry.id:015d}"
            new.append(TradeRecord(ident, self.symbol, entry.taker_is_buy, entry.size, entry.price, entry.time_ms, self.seq))
        self._last_print = self.core.prints[-1].id if self.core.prints else 0
        self.trades.extend(reversed(new))
        return new[::-1]

    def changes(self, now_ms: int) -> tuple[BookUpdate, Bbo | None]:
        """Return the levels that changed since the last call and, when they moved, the best prices."""
        bids, asks = self._levels(is_buy=True), self._levels(is_buy=False)
        added = frozenset((bids.keys() - self._bids.keys()) | (asks.keys() - self._asks.keys()))
        bid_changes, ask_changes = _differences(self._bids, bids), _differences(self._asks, asks)
        self._bids, self._asks = bids, asks
        self.seq += 1
        self.book_ms = now_ms
        best = (next(iter(bids.items()), None), next(iter(asks.items()), None))
        moved, self._best = best != self._best, best
        update = BookUpdate(self.symbol, self.seq, False, bid_changes, ask_changes, now_ms, added)
        return update, self.bbo() if moved else None

    def snapshot(self, depth: int = DEPTH) -> BookUpdate:
        """Return the published book as of the last change."""
        bids, asks = tuple(self._bids.items())[:depth], tuple(self._asks.items())[:depth]
        return BookUpdate(self.symbol, self.seq, True, bids, asks, self.book_ms)

    def bbo(self) -> Bbo:
        """Return the published best prices."""
        (bid, bid_size), (ask, ask_size) = (best or (None, None) for best in self._best)
        return Bbo(self.symbol, self.seq, bid, bid_size, ask, ask_size, self.book_ms)

    def summary(self, now_ms: int) -> SummaryView:
        """Return the ticker."""
        core, bbo = self.core, self.bbo()
        change = core.last_usd / core.previous_day_usd - 1 if core.previous_day_usd else Decimal(0)
        return SummaryView(
            market=self.symbol,
            seq=self.seq,
            mark_price=core.mark_usd,
            index_price=core.oracle_usd,
            last_price=core.last_usd,
            bid=bbo.bid,
            bid_size=bbo.bid_size,
            ask=bbo.ask,
            ask_size=bbo.ask_size,
            volume_24h_usd=core.volume_usd,
            total_volume_usd=core.volume_usd,
            open_interest=core.open_interest,
            funding_rate=self.funding.rate,
            price_change_24h=change.quantize(Decimal("0.000001")),
            time_ms=now_ms,
        )

    def _levels(self, is_buy: bool) -> dict[Decimal, Decimal]:
        return {price: size for price, size, _ in self.core.book.levels(is_buy, DEPTH)}

    def _funding_terms(self, period_hours: int) -> FundingTerms:
        terms = self.terms
        return FundingTerms(terms.interest_rate, terms.clamp_rate, terms.max_funding_rate, Decimal(1), period_hours)


def _differences(old: dict[Decimal, Decimal], new: dict[Decimal, Decimal]) -> tuple[Level, ...]:
    changed = [(price, size) for price, size in new.items() if old.get(price) != size]
    return (*changed, *((price, Decimal(0)) for price in old if price not in new))
