"""Reads an asset's markets from Nautilus' cache into the plain values that signals and plans are made of."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.identifiers import InstrumentId

from messages import HOURS_PER_YEAR, FundingClock
from risk.reading import asset_of, market_view, net_quantity
from risk.state import MarketView
from strategies.costs import LegMarket
from strategies.dispatcher import Market
from strategies.funding import FundingRate, Published
from strategies.funding_history import FundingHistory
from strategies.holdings import Holding, classify
from strategies.signals import VenueView
from strategies.sizing import ZERO, LegRules, Level, absorbable_usd

NS_PER_SEC = 1_000_000_000

type Sides = tuple[list[Level], list[Level]]


class MarketReader:
    """What is known of the instruments, with the ages of it; remembers what their venues published of funding.

    A rate above `apr_sane_max` (a fraction per year) is shown as it is and enters no history.
    """

    def __init__(self, cache: Any, slippage_bps: Decimal, clock: FundingClock, apr_sane_max: Decimal) -> None:
        self._cache, self._slippage_bps, self._clock, self._apr_sane_max = cache, slippage_bps, clock, apr_sane_max
        self._funding: dict[InstrumentId, FundingRateUpdate] = {}
        self._histories: dict[str, FundingHistory] = {}
        self._sides_at: dict[InstrumentId, tuple[tuple[int, int], Sides]] = {}

    def on_funding_rate(self, update: FundingRateUpdate) -> None:
        """Keep the latest rate of an instrument."""
        self._funding[update.instrument_id] = update
        self.on_past_funding(update)

    def on_past_funding(self, update: FundingRateUpdate) -> None:
        """Take a rate into the asset's history, in whatever order they come; one that cannot be is left out."""
        rate = published(update)
        if rate is not None and self._is_sane(rate.rate):
            self.history(asset_of(update.instrument_id)).observe(rate)

    def history(self, asset: str) -> FundingHistory:
        """Return what both venues have published of an asset."""
        return self._histories.setdefault(asset, FundingHistory(self._clock))

    def _is_sane(self, rate: FundingRate) -> bool:
        return rate.rate.is_finite() and abs(rate.apr) <= self._apr_sane_max

    def market(self, instrument_id: InstrumentId, now_ns: int) -> Market | None:
        """Return an instrument's best prices and rules, None before its first quote."""
        view = market_view(self._cache, instrument_id, now_ns)
        return None if view is None else Market(view, leg_rules(self._cache.instrument(instrument_id)))

    def markets(self, ids: Mapping[str, InstrumentId], now_ns: int) -> dict[str, Market]:
        """Return the markets of all venues; one without any quote is priced at what its position cost."""
        return {
            venue: self.market(instrument_id, now_ns) or self.unquoted(instrument_id, self._last_price(instrument_id))
            for venue, instrument_id in ids.items()
        }

    def holding(self, ids: Mapping[str, InstrumentId]) -> Holding:
        """Return what is held of an asset, all strategies and manual trades together."""
        quantities = {venue: net_quantity(self._cache, instrument_id) for venue, instrument_id in ids.items()}
        return classify(quantities, {venue: self._dust(instrument_id) for venue, instrument_id in ids.items()})

    def _dust(self, instrument_id: InstrumentId) -> Decimal:
        """Return the smallest position (base units) that its venue would let us trade."""
        rules = leg_rules(self._cache.instrument(instrument_id))
        price = self._last_price(instrument_id)
        by_notional = rules.min_notional_usd / price if price else ZERO
        return max(rules.size_step, rules.min_quantity, by_notional)

    def _last_price(self, instrument_id: InstrumentId) -> Decimal:
        """Return the last known price in USD, 0 if there is none."""
        quote = self._cache.quote_tick(instrument_id)
        if quote is not None:
            return quote.bid_price.as_decimal()  # type: ignore[no-any-return]
        positions = self._cache.positions_open(instrument_id=instrument_id)
        return Decimal(str(positions[0].avg_px_open)) if positions else ZERO

    def unquoted(self, instrument_id: InstrumentId, price_usd: Decimal) -> Market:
        """Return an instrument that has no quote yet as if both sides stood at `price_usd`: good to reduce, no more."""
        view = MarketView(
            instrument_id=instrument_id.value,
            asset=asset_of(instrument_id),
            venue=instrument_id.venue.value,
            bid_usd=price_usd,
            ask_usd=price_usd,
            ts_ns=0,
            margin_rate=ZERO,
            taker_fee_rate=ZERO,
        )
        return Market(view, leg_rules(self._cache.instrument(instrument_id)))

    def venue_view(self, instrument_id: InstrumentId, blocked: str | None, now_ns: int) -> VenueView:
        """Return what a decision needs to know of one venue's side of an asset."""
        market = market_view(self._cache, instrument_id, now_ns)
        update = self._funding.get(instrument_id)
        return VenueView(
            funding=None if update is None else self._rate_now(update),
            funding_age_secs=None if update is None else (now_ns - update.ts_init) / NS_PER_SEC,
            market_age_secs=None if market is None else (now_ns - market.ts_ns) / NS_PER_SEC,
            is_market_sane=market is not None and market.is_sane,
            absorbable_usd=self.absorbable_usd(instrument_id),
            blocked=blocked,
        )

    def _rate_now(self, update: FundingRateUpdate) -> FundingRate | None:
        """Return the rate of this moment without the noise of its publication; an insane one as it came, to be refused."""
        rate = funding_rate(update)
        if rate is None or not self._is_sane(rate):
            return rate
        apr = self.history(asset_of(update.instrument_id)).nowcast(update.instrument_id.venue.value)
        return rate if apr is None else FundingRate(apr, Decimal(HOURS_PER_YEAR))

    def leg_market(self, instrument_id: InstrumentId) -> LegMarket | None:
        """Return an instrument's book and the account's fees there, None where a side of the book is empty."""
        bids, asks = self._sides(instrument_id)
        if not (bids and asks):
            return None
        instrument = self._cache.instrument(instrument_id)
        return LegMarket(
            venue=instrument_id.venue.value,
            bids=bids,
            asks=asks,
            maker_fee_rate=Decimal(instrument.maker_fee),
            taker_fee_rate=Decimal(instrument.taker_fee),
        )

    def absorbable_usd(self, instrument_id: InstrumentId) -> Decimal:
        """Return what the thinner side of the book takes; of the best level alone where there is no book."""
        return min(absorbable_usd(levels, self._slippage_bps) for levels in self._sides(instrument_id))

    def _sides(self, instrument_id: InstrumentId) -> Sides:
        book = self._cache.order_book(instrument_id)
        if book is not None and book.best_bid_price() is not None and book.best_ask_price() is not None:
            seen, key = self._sides_at.get(instrument_id), (book.ts_last, book.update_count)
            if seen is None or seen[0] != key:
                seen = self._sides_at[instrument_id] = key, (_levels(book.bids()), _levels(book.asks()))
            return seen[1]
        quote = self._cache.quote_tick(instrument_id)
        if quote is None:
            return [], []
        bid, ask = (quote.bid_price, quote.bid_size), (quote.ask_price, quote.ask_size)
        return [(bid[0].as_decimal(), bid[1].as_decimal())], [(ask[0].as_decimal(), ask[1].as_decimal())]


def funding_rate(update: FundingRateUpdate) -> FundingRate | None:
    """Return a published rate with its own period, None where the period is not told: it is never guessed."""
    if not update.interval:
        return None
    # A rate read back from Nautilus' catalog is text.
    return FundingRate(Decimal(str(update.rate)), Decimal(update.interval) / 60)


def published(update: FundingRateUpdate) -> Published | None:
    """Return a published rate as the funding history takes it, None where its period is not told."""
    rate = funding_rate(update)
    if rate is None:
        return None
    venue, settles_ns = update.instrument_id.venue.value, update.next_funding_ns
    return Published(venue=venue, rate=rate, ts_ns=update.ts_event, settles_ns=None if settles_ns is None else int(settles_ns))


def leg_rules(instrument: Any) -> LegRules:
    """Return what a venue accepts for an instrument."""
    minimum, notional = instrument.min_quantity, instrument.min_notional
    return LegRules(
        size_step=instrument.size_increment.as_decimal(),
        min_quantity=ZERO if minimum is None else minimum.as_decimal(),
        min_notional_usd=ZERO if notional is None else notional.as_decimal(),
        price_step=instrument.price_increment.as_decimal(),
    )


def _levels(levels: Any) -> list[Level]:
    return [(level.price.as_decimal(), Decimal(str(level.size()))) for level in levels]
