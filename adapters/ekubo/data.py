"""Ekubo's prices for Nautilus, from quotes: lifecycle, subscriptions, requests; no arithmetic."""

import asyncio
from decimal import Decimal, InvalidOperation
from typing import Any

from nautilus_trader.common.enums import LogColor
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue

from adapters.ekubo import parsing
from adapters.ekubo.api import AvnuApi
from adapters.ekubo.appraisal import Appraiser, Asked
from adapters.ekubo.config import EkuboDataClientConfig
from adapters.ekubo.constants import RPC_SPEC, STRK, VENUE_NAME
from adapters.ekubo.costs import gas_strk
from adapters.ekubo.health import QuoteHealth
from adapters.ekubo.impact import refuse_price, worse_bps
from adapters.ekubo.providers import EkuboInstrumentProvider
from adapters.ekubo.quoting import NoRoute, Quoter, QuoteRefused
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.schemas import Quote
from adapters.ekubo.tokens import Pair, address_of
from adapters.errors import Protocol, RateLimited, VenueError
from messages import SWAP_QUOTE_METADATA, Side, SwapQuote, VenueState, VenueStatus, topics

_SOURCES_SECS = 3600.0
_HEALTH_SECS = 1.0
_NS = 1_000_000_000


class EkuboDataClient(LiveMarketDataClient):  # type: ignore[misc]  # Nautilus has no stubs
    """Quote ticks from small quotes on both sides, polled; swap quotes of any size on request."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        msgbus: Any,
        cache: Any,
        clock: Any,
        api: AvnuApi,
        rpc: StarknetRpc | None,
        provider: EkuboInstrumentProvider,
        config: EkuboDataClientConfig,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE_NAME),
            venue=Venue(VENUE_NAME),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            config=config,
        )
        self._settings, self._provider, self._api, self._rpc = config, provider, api, rpc
        self._strk_usd: Decimal | None = None
        self._health = QuoteHealth(round(config.stale_secs * _NS))
        self._state: tuple[VenueState, str] | None = None
        core = address_of(config.core_address)
        self._quoter = Quoter(
            api,
            chain_id=config.chain_id,
            core=core,
            is_ekubo_only=config.is_ekubo_only,
            is_direct_only=config.is_direct_only,
            taker=None if config.taker_address is None else address_of(config.taker_address),
            now_ns=self._clock.timestamp_ns,
        )
        self._appraiser = Appraiser(
            self._quoter,
            rpc,
            core=core,
            usd_codes=frozenset(config.usd_codes),
            probe_quote=config.probe_quote,
            code_of=provider.code,
            strk_usd=lambda: self._strk_usd,
            now_ns=self._clock.timestamp_ns,
        )

    # Lifecycle

    async def _connect(self) -> None:
        if self._rpc is not None:
            await self._check_node(self._rpc)
        await self._provider.initialize()
        await self._quoter.refresh_sources()
        for instrument in self._provider.list_all():
            self._handle_data(instrument)
        self._tell_state()
        self.create_task(self._poll(), log_msg="poll quotes")
        self.create_task(self._watch_health(), log_msg="watch health")
        self.create_task(self._watch_sources(), log_msg="watch sources")

    async def _check_node(self, rpc: StarknetRpc) -> None:
        if (chain_id := await rpc.chain_id()) != self._settings.chain_id:
            raise ValueError(f"the node is on chain {hex(chain_id)}, not on {hex(self._settings.chain_id)}")
        if not (version := await rpc.spec_version()).startswith(RPC_SPEC):
            self._log.warning(f"the node follows specification {version}, this adapter was written for {RPC_SPEC}")

    async def _disconnect(self) -> None:
        """Nautilus cancels the tasks; there is no connection to close."""

    # Subscriptions

    async def _subscribe_instruments(self, command: Any) -> None:
        """All instruments have been published on connection."""

    async def _subscribe_instrument(self, command: Any) -> None:
        if (instrument := self._instrument(command.instrument_id)) is not None:
            self._handle_data(instrument)

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        if self._instrument(command.instrument_id) is not None:
            self._health.watch(command.instrument_id.symbol.value, self._clock.timestamp_ns())
            await self._poll_pair(command.instrument_id)

    async def _unsubscribe_instruments(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_instrument(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        self._health.forget(command.instrument_id.symbol.value)

    # Requests

    async def _request_instrument(self, request: Any) -> None:
        if (instrument := self._instrument(request.instrument_id)) is not None:
            self._handle_instrument(instrument, request.id, request.start, request.end, request.params)

    async def _request_instruments(self, request: Any) -> None:
        instruments = self._provider.list_all()
        self._handle_instruments(request.venue, instruments, request.id, request.start, request.end, request.params)

    async def _request(self, request: Any) -> None:
        """Answer with one `SwapQuote`, or with none and the reason in the log; it also goes out on its topic."""
        found: list[CustomData] = []
        try:
            quote = await self._swap_quote(request)
        except (VenueError, ValueError) as e:
            self._log.error(f"no swap quote for {request.instrument_id}: {e}")
        else:
            self._msgbus.publish(topic=topics.SWAP_QUOTE, msg=quote)
            found.append(CustomData(request.data_type, parsing.SwapQuoteData(quote)))
        self._handle_data_response(request.data_type, found, request.id, request.start, request.end, request.params)

    async def _swap_quote(self, request: Any) -> SwapQuote:
        if request.data_type.metadata != SWAP_QUOTE_METADATA:
            raise ValueError(f"{request.data_type} is nothing this venue has")
        pair = None if request.instrument_id is None else self._provider.pair(request.instrument_id)
        if pair is None:
            raise ValueError("it is not among the configured pairs")
        return await self._appraiser.quote(pair, _asked(request.params or {}), self._mark(request.instrument_id))

    # Polling

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_secs)
            for symbol in self._health.watched:
                await self._poll_pair(parsing.instrument_id(symbol))

    async def _poll_pair(self, instrument_id: InstrumentId) -> None:
        """Quote a pair on both sides and tell what came of it; a failure is a state of the venue and never the end."""
        pair = self._provider.pair(instrument_id)
        assert pair is not None
        try:
            ask = await self._quoter.sell(pair.quote, pair.base, pair.quote.units(self._settings.probe_quote))
            bid = await self._quoter.sell(pair.base, pair.quote, int(ask.buy_amount))
            self._note_strk_price(ask)
            self._tell(instrument_id, pair, ask, bid)
        except (QuoteRefused, NoRoute, Protocol) as e:
            self._health.failed(pair.symbol, VenueState.DEGRADED, str(e))
        except RateLimited as e:
            self._health.failed(pair.symbol, VenueState.STALE, str(e))
        except VenueError as e:
            self._health.failed(pair.symbol, VenueState.DISCONNECTED, str(e))
        except Exception as e:  # numbers no price can hold, or worse: the other pairs, and the next round, go on
            self._log.exception(f"quote of {pair.symbol} of no use", e)
            self._health.failed(pair.symbol, VenueState.DEGRADED, f"quote of no use: {e!r}")
        self._tell_state()

    def _tell(self, instrument_id: InstrumentId, pair: Pair, ask: Quote, bid: Quote) -> None:
        instrument = self._provider.find(instrument_id)
        tick = parsing.quote_tick(pair, instrument, ask=ask, bid=bid, ts_ns=self._clock.timestamp_ns())
        if tick is None or pair.symbol not in self._health.watched:
            return
        if (objection := self._objection(instrument_id, tick)) is not None:
            self._health.failed(pair.symbol, VenueState.DEGRADED, objection)
            return
        self._health.heard(pair.symbol, tick.ts_event)
        self._handle_data(tick)

    def _objection(self, instrument_id: InstrumentId, tick: Any) -> str | None:
        """Return why a price is not told: a pool, or an answer, that is off the market."""
        mark = self._mark(instrument_id)
        if mark is None:
            return None
        most = self._settings.max_off_bps
        for side, price in ((Side.BUY, tick.ask_price), (Side.SELL, tick.bid_price)):
            off_bps = worse_bps(side, price.as_decimal(), mark)
            if (refusal := refuse_price(off_bps, max_cost_bps=most, max_gain_bps=most)) is not None:
                return refusal.detail
        return None

    def _mark(self, instrument_id: InstrumentId) -> Decimal | None:
        """Return the mark price of the perpetual beside a pair, None where there is none that is fresh."""
        pair = self._provider.pair(instrument_id)
        name = None if pair is None else self._settings.references.get(pair.symbol)
        if name is None or pair is None or pair.quote.code not in self._settings.usd_codes:
            return None
        mark = self._cache.mark_price(InstrumentId.from_str(name))
        oldest_ns = self._clock.timestamp_ns() - round(self._settings.reference_max_age_secs * _NS)
        return None if mark is None or mark.ts_init < oldest_ns else mark.value.as_decimal()

    def _note_strk_price(self, quote: Quote) -> None:
        strk = gas_strk(quote)
        if strk and quote.gas_fees_in_usd and quote.gas_fees_in_usd > 0:
            self._strk_usd = quote.gas_fees_in_usd / strk

    async def _watch_sources(self) -> None:
        """Keep up with what AVNU routes through, and know what STRK is worth where quotes do not say."""
        while True:
            try:
                await self._quoter.refresh_sources()
                self._strk_usd = self._strk_usd or (await self._api.prices_usd([STRK])).get(STRK)
            except VenueError as e:
                self._log.warning(f"sources: {e}")
            await asyncio.sleep(_SOURCES_SECS)

    # Health

    async def _watch_health(self) -> None:
        while True:
            await asyncio.sleep(_HEALTH_SECS)
            self._tell_state()

    def _instrument(self, instrument_id: InstrumentId) -> Any:
        instrument = self._provider.find(instrument_id)
        if instrument is None:
            self._log.error(f"{instrument_id} is not among the configured pairs")
        return instrument

    def _tell_state(self) -> None:
        """Publish how the venue is, where that has changed."""
        told = self._health.verdict(self._clock.timestamp_ns())
        if self._state == told:
            return
        self._state = told
        state, detail = told
        self._log.info(f"public channel: {state}, {detail}", LogColor.BLUE)
        status = VenueStatus(venue=VENUE_NAME, channel="public", state=state, detail=detail, ts_ns=self._clock.timestamp_ns())
        self._msgbus.publish(topic=topics.VENUE_STATUS, msg=status)


def _asked(params: dict[str, Any]) -> Asked:
    """Return what a request's parameters ask for; raises ValueError."""
    try:
        quantity, impact = params.get("quantity"), params.get("max_impact_bps")
        return Asked(
            side=Side(params.get("side", "")),
            base_quantity=None if quantity is None else Decimal(str(quantity)),
            max_impact_bps=None if impact is None else Decimal(str(impact)),
        )
    except InvalidOperation as e:
        raise ValueError(f"no number: quantity {quantity!r}, max_impact_bps {impact!r}") from e
