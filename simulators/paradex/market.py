"""One market of the venue: the shared book and prices, its funding, and what it publishes."""

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal

from simulators.market import Market
from simulators.matching import Book, Order, SelfTrade, Taken, Trade
from simulators.paradex.constants import PerpTerms
from simulators.paradex.funding import HALF_LIFE_HOURS, FundingIndex, FundingTerms, premium_rate
from simulators.paradex.history import FundingHistory
from simulators.paradex.records import ZERO, Bbo, BookUpdate, FundingSample, SummaryView, TradeRecord
from simulators.paradex.rpi import house_quotes, take_best
from simulators.paradex.views import Levels, PublishedBook
from simulators.tape import Tape, TapeClock

DEPTH = 60
SAMPLE_SECS = 5.0  # of a real hour; compressed with it, but not below the shortest
SHORTEST_SAMPLE_SECS = 0.25
FIRST_BOOK_SEQ = 7_687_000_000
POST_ONLY_HALF_LIFE_HOURS = Decimal(30) / 3600  # of the funding average while the system is post-only
KEPT_SUMMARIES = 2_000


@dataclass(frozen=True, slots=True)
class BookChange:
    """The levels of a book that changed, and its best prices when they moved."""

    update: BookUpdate
    bbo: Bbo | None


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
        self.rpi = Book()
        self.api, self.interactive = PublishedBook(self.symbol), PublishedBook(self.symbol)
        self.summaries: deque[SummaryView] = deque(maxlen=KEPT_SUMMARIES)
        self.trade_types: dict[int, str] = {}  # by print, where it is not FILL
        self.bbo_widening = ZERO
        self.price_shock = ZERO
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

    def step(self, now_ns: int, system_state: str = "ok") -> list[Trade]:
        """Move prices, book and funding to `now_ns` and return the trades of the step.

        Unless the system is ok the book stands still and only the outside price moves; in maintenance
        funding pauses too.
        """
        point = self._tape.at(self._clock.hours(now_ns), self.terms.asset)
        oracle_usd = point.oracle_usd * (1 + self.price_shock)
        trades: list[Trade] = []
        if system_state == "ok":
            trades = self.core.step(now_ns, oracle_usd, point.paradex_premium)
            trades += self._requote_rpi(now_ns)
        else:
            self.core.oracle_usd = oracle_usd.quantize(self.core.spec.mark_step)
        if system_state == "maintenance":
            self.funding.pause(now_ns)
            return trades
        spot, half_life = self.core.oracle_usd, POST_ONLY_HALF_LIFE_HOURS if system_state == "post_only" else HALF_LIFE_HOURS
        premium = premium_rate(self.core.impact_usd(is_buy=False), self.core.impact_usd(is_buy=True), spot)
        self.funding.advance(
            now_ns, self._clock.funding.hour_secs, spot, premium, point.paradex_rate_8h, half_life_hours=half_life
        )
        return trades

    def change_terms(self, terms: PerpTerms) -> None:
        """Trade by other increments, limits and funding parameters from now on."""
        self.terms = terms
        self.core.spec = terms.market_spec()
        self.set_period_hours(self.funding.terms.period_hours)

    def take(self, order: Order, rule: SelfTrade, *, retail: bool) -> Taken:
        """Execute an order against the book; a retail order meets the retail price improvement too."""
        return take_best(order, (self.core.book, self.rpi), rule) if retail else self.core.book.take(order, rule)

    def book_of(self, instruction: str) -> Book:
        """Return the book in which orders of an instruction rest."""
        return self.rpi if instruction == "RPI" else self.core.book

    def reset_index(self) -> Decimal:
        """Let the funding index start again at zero; return what it was."""
        was, self.funding.index = self.funding.index, ZERO
        return was

    def _requote_rpi(self, now_ns: int) -> list[Trade]:
        trades = self.rpi.set_house(*house_quotes(self.core.book, self.terms.tick))
        self.core.record(trades, now_ns)
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
        return self.take_sample(now_ns) if now_ns >= self._next_sample_ns else None

    def take_sample(self, now_ns: int) -> FundingSample:
        """Return and remember a sample."""
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
            kind = self.trade_types.pop(entry.id, "FILL")
            trade = (entry.taker_is_buy, entry.size, entry.price, entry.time_ms)
            new.append(TradeRecord(ident, self.symbol, *trade, self.seq, kind))
        self._last_print = self.core.prints[-1].id if self.core.prints else 0
        self.trades.extend(reversed(new))
        return new[::-1]

    def changes(self, now_ms: int) -> tuple[BookChange, BookChange]:
        """Return what changed in the book and in the interactive book since the last call; both have one number."""
        self.seq += 1
        self.book_ms = now_ms
        bids, asks = self._levels(is_buy=True), self._levels(is_buy=False)
        api = self._change(self.api, bids, asks)
        merged_bids, merged_asks = self._interactive_levels(bids, is_buy=True), self._interactive_levels(asks, is_buy=False)
        return api, self._change(self.interactive, merged_bids, merged_asks)

    def _change(self, book: PublishedBook, bids: Levels, asks: Levels) -> BookChange:
        update, moved = book.advance(bids, asks, self.seq, self.book_ms)
        return BookChange(update, self._widened(book.bbo()) if moved else None)

    def snapshot(self, depth: int = DEPTH, *, interactive: bool = False) -> BookUpdate:
        """Return the published book as of the last change."""
        return self._published(interactive).snapshot(depth)

    def bbo(self, *, interactive: bool = False) -> Bbo:
        """Return the published best prices."""
        return self._widened(self._published(interactive).bbo())

    def _published(self, interactive: bool) -> PublishedBook:
        return self.interactive if interactive else self.api

    def _widened(self, bbo: Bbo) -> Bbo:
        """Return best prices as far apart as a fault wants them."""
        if not self.bbo_widening or bbo.bid is None or bbo.ask is None:
            return bbo
        bid, ask = bbo.bid * (1 - self.bbo_widening), bbo.ask * (1 + self.bbo_widening)
        return replace(bbo, bid=self.core.round_price(bid, up=False), ask=self.core.round_price(ask, up=True))

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

    def _levels(self, is_buy: bool) -> Levels:
        return {price: size for price, size, _ in self.core.book.levels(is_buy, DEPTH)}

    def _interactive_levels(self, levels: Levels, is_buy: bool) -> Levels:
        """Return the book with the retail price improvement in it, but for what would cross the other side."""
        extra = {
            price: size for price, size, _ in self.rpi.levels(is_buy, DEPTH) if not self.core.book.would_cross(is_buy, price)
        }
        if not extra:
            return levels
        merged = {price: levels.get(price, ZERO) + extra.get(price, ZERO) for price in levels.keys() | extra.keys()}
        return dict(sorted(merged.items(), reverse=is_buy)[:DEPTH])

    def _funding_terms(self, period_hours: int) -> FundingTerms:
        terms = self.terms
        return FundingTerms(terms.interest_rate, terms.clamp_rate, terms.max_funding_rate, Decimal(1), period_hours)
