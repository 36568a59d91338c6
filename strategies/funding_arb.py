"""The one strategy: long where funding is lower, short where it is higher, both legs or none.

It evaluates on a timer of its clock, so it runs unchanged in a backtest. What is held is read from
Nautilus' cache after reconciliation and remembered nowhere else.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.events import OrderEvent, OrderFilled, OrderSubmitted
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

from messages import (
    FillSeen,
    FundingClock,
    OperatorCommand,
    Outcome,
    topics,
)
from messages.loop import on_loop
from risk.in_force import LimitsInForce
from risk.reader import Reader
from risk.reading import Reports
from strategies import feeds
from strategies.ages import PairAges
from strategies.arb_config import FundingArbConfig
from strategies.arranger import Arranger
from strategies.comparison import Comparison
from strategies.desk import AssetDesk
from strategies.dispatcher import Terms
from strategies.evaluation import Circumstances, Evaluation
from strategies.journal import Journal
from strategies.market_reader import MarketReader
from strategies.order_port import OrderPort, VenueTruth, seen, translate
from strategies.pair import PairMachine
from strategies.pair_executor import PairExecutor
from strategies.pair_orders import Done
from strategies.pair_recovery import OrderAnswer
from strategies.pair_trader import PairTrader
from strategies.signals import PairState
from strategies.standing import Standing

NS_PER_SEC = 1_000_000_000


class FundingArbStrategy(Strategy):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Watch every asset on both venues, hold the pairs that are worth it, never one leg."""

    def __init__(
        self,
        config: FundingArbConfig,
        limits: LimitsInForce,
        *,
        journal: Journal | None = None,
        truth: VenueTruth | None = None,
    ) -> None:
        """Judge every pair by the limits in force, those of the gate, before its first leg is sent.

        Intents are kept in `journal`, by default one that ends with the process; `truth` asks the venues themselves.
        """
        super().__init__(config)
        self.cycles_completed = 0
        self._settings, self._limits = config, limits
        self._journal, self._truth = journal or Journal(), truth
        self._reports = Reports()
        self._funding_clock = FundingClock(config.hour_secs)
        pause_ns = round(config.cooldown_secs * NS_PER_SEC)
        self._desks = {
            asset: AssetDesk(asset, config.venues, confirmations=config.confirmations, pause_ns=pause_ns)
            for asset in config.assets
        }
        self._ids = {asset: {v: InstrumentId.from_str(f"{asset}-USD-PERP.{v}") for v in config.venues} for asset in config.assets}
        self._turns = 0
        self._standing = Standing()
        self._ages = PairAges(self._journal.documents("pair_ages"))

    def register(self, trader_id: Any, portfolio: Any, msgbus: Any, cache: Any, clock: Any) -> None:
        """Hear the venues' reports from now on: the first come while clients connect, before any start."""
        super().register(trader_id, portfolio, msgbus, cache, clock)
        settings = self._settings
        self._reader = MarketReader(cache, settings.max_slippage_bps, self._funding_clock, settings.apr_sane_max)
        self._port = OrderPort(
            self,
            self._reader,
            on_done=self._on_done,
            untradable=self._reports.untradable,
            truth=self._truth,
            on_answer=self._take_answer,
        )
        self._snapshots = Reader(cache, self._reports)
        policy = settings.execution.policy(settings.max_slippage_bps)
        self._executor = PairExecutor(self._port, policy, self._journal)
        papers = self._journal.documents("markouts")
        self._arranger = Arranger(cache, self._reader, self._port, settings.execution, papers)
        self._evaluation = Evaluation(
            ids=self._ids,
            rules=settings.rules,
            edge_terms=settings.edge_terms,
            size_terms=settings.size_terms,
            clock=self._funding_clock,
            reader=self._reader,
            reports=self._reports,
            snapshots=self._snapshots,
            limits=self._limits,
            resting=self._arranger.resting,
        )
        self._comparison = Comparison(cache, self.log, self._reports, self._port, self._truth)
        self._trader = PairTrader(
            ids=self._ids,
            log=self.log,
            reader=self._reader,
            reports=self._reports,
            snapshots=self._snapshots,
            limits=self._limits,
            port=self._port,
            executor=self._executor,
            arranger=self._arranger,
            terms=Terms(pair_notional_usd=settings.pair_notional_usd, max_slippage_bps=settings.max_slippage_bps),
        )
        msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self._reports.on_account_health)
        msgbus.subscribe(topic=topics.VENUE_STATUS, handler=self._reports.on_venue_status)
        msgbus.subscribe(topic=topics.FILL_SEEN, handler=self._on_fill_seen)
        msgbus.subscribe(topic=topics.TRADING_STATE, handler=self._standing.on_trading_state)
        msgbus.subscribe(topic=topics.OPERATOR_COMMAND, handler=self._on_operator_command)

    def on_start(self) -> None:
        """Subscribe to everything and start to evaluate; what is already held is adopted by the first evaluations."""
        past = timedelta(seconds=self._settings.history_hours * self._settings.hour_secs)
        for desk in list(self._desks.values()):
            missing = [i for i in self._ids[desk.asset].values() if self.cache.instrument(i) is None]
            if missing:
                self.log.error(f"{desk.asset} is not traded: {', '.join(map(str, missing))} unknown")
                del self._desks[desk.asset]
                continue
            for instrument_id in self._ids[desk.asset].values():
                feeds.subscribe(self, instrument_id)
                feeds.ask_for_the_past(self, instrument_id, past)
        for machine in self._executor.recover():
            self.log.warning(f"{machine.plan.pair_id} was under way when an earlier run ended: finding out what became of it")
        turns = max(1, len(self._desks)) if self._settings.is_staggered else 1
        interval = timedelta(milliseconds=self._settings.evaluation_interval_ms / turns)
        self.clock.set_timer("evaluate", interval=interval, callback=on_loop(self._on_timer))

    def on_stop(self) -> None:
        """Cancel what rests and say what stays open; positions are left as they are."""
        for desk in self._desks.values():
            for instrument_id in self._ids[desk.asset].values():
                if self.cache.orders_open(instrument_id=instrument_id, strategy_id=self.id):
                    self.cancel_all_orders(instrument_id)
        for machine in self._executor.active:
            self.log.error(f"stopped while {machine.plan.pair_id} was under way, {machine.delta} unhedged so far")
        for asset, quantities in self.open_pairs().items():
            self.log.warning(f"stopped with {asset} open: {', '.join(f'{q} on {venue}' for venue, q in quantities.items())}")

    def on_funding_rate(self, update: FundingRateUpdate) -> None:
        """Keep a venue's funding rate for the next evaluation."""
        self._reader.on_funding_rate(update)

    def on_historical_data(self, data: Any) -> None:
        """Take the venues' past funding, which was asked for at the start."""
        if isinstance(data, FundingRateUpdate):
            self._reader.on_past_funding(data)

    def on_order_event(self, event: OrderEvent) -> None:
        """Tell the executor what became of an order, and follow what fills of resting ones are worth."""
        if isinstance(event, OrderFilled):
            self._arranger.on_fill(event)
        elif isinstance(event, OrderSubmitted):
            self._snapshots.note_sent(event.instrument_id.venue.value, event.ts_init)
        translated = translate(event, self.cache)
        if translated is not None:
            self._executor.handle(event.client_order_id.value, translated)

    def _on_fill_seen(self, fill: FillSeen) -> None:
        """Hedge a resting order's fill before the books have it."""
        self._executor.handle(fill.client_order_id, seen(fill))

    def _take_answer(self, answer: OrderAnswer) -> None:
        self._executor.answer(answer)

    # What the outside may ask for and look at.

    def request_finish(self) -> None:
        """Begin nothing new, neither an entry nor an exit; what is under way ends, and legs that do not match are repaired."""
        self._standing.is_finishing = True
        self._executor.wind_up()

    def request_flatten(self) -> None:
        """Close everything, both legs of a pair together, and open nothing any more."""
        if not self._standing.is_flattening:
            self.log.warning("flatten requested: closing all legs, opening nothing any more")
        self._standing.is_finishing = self._standing.is_flattening = True
        self._flatten_now()

    def _flatten_now(self) -> None:
        self._executor.wind_up()
        if self.is_running:
            self._evaluate(list(self._desks.values()))

    @property
    def is_settled(self) -> bool:
        """Whether no order is under way and no leg stands alone: the moment at which stopping leaves nothing half done."""
        holdings = (self._reader.holding(self._ids[desk.asset]) for desk in self._desks.values())
        return not self._executor.active and all(holding.state is not PairState.BROKEN for holding in holdings)

    @property
    def is_flat(self) -> bool:
        """Whether no leg is open and no order is under way."""
        return not self._executor.active and not self.open_pairs()

    def open_pairs(self) -> dict[str, dict[str, Decimal]]:
        """Return the signed positions (base units) by asset and venue of every asset that is not flat."""
        holdings = {asset: self._reader.holding(self._ids[desk.asset]) for asset, desk in self._desks.items()}
        return {
            asset: {venue: quantity for venue, quantity in holding.quantities.items() if quantity}
            for asset, holding in holdings.items()
            if holding.state is not PairState.FLAT
        }

    def _on_timer(self, _event: object) -> None:
        """Evaluate; a clock swallows what its callbacks raise, so it is said here."""
        try:
            self._evaluate(self._turn())
        except Exception as e:
            self.log.exception("an evaluation failed, the next one comes", e)  # noqa: PLE1205 - Nautilus' logger takes it

    def _turn(self) -> list[AssetDesk]:
        """Return whose turn it is: one asset after the other, so that no evaluation holds up the loop."""
        desks = list(self._desks.values())
        if not (desks and self._settings.is_staggered):
            return desks
        self._turns += 1
        return [desks[self._turns % len(desks)]]

    def _evaluate(self, desks: list[AssetDesk]) -> None:
        self._executor.tick()
        self._arranger.tick()
        now_ns = self.clock.timestamp_ns()
        for desk in desks:
            self._confirm(desk)
        for desk in desks:
            if self._standing.flattens:
                self._trader.flatten(desk, now_ns)
            elif desk.state is PairState.BROKEN:
                self._trader.repair(desk, now_ns)
        circumstances = {desk.asset: self._circumstances(desk, now_ns) for desk in desks}
        for asset, signal in self._evaluation.signals(circumstances, now_ns).items():
            if self._desks[asset].is_news(signal):
                self._port.publish(topics.SIGNAL, signal)
            if self._standing.is_acted_on and not self._executor.is_busy(asset):
                self._trader.dispatch(self._desks[asset], signal, now_ns)

    def _confirm(self, desk: AssetDesk) -> None:
        if self._executor.is_busy(desk.asset):
            desk.busy()
        elif desk.observe(self._reader.holding(self._ids[desk.asset])) and desk.holding is not None:
            self.log.info(f"{desk.asset} is {desk.holding.state.value}: {dict(desk.holding.quantities)}")
        self._comparison.compare(self._ids[desk.asset], is_busy=self._executor.is_busy(desk.asset))

    def _circumstances(self, desk: AssetDesk, now_ns: int) -> Circumstances:
        state = PairState.BUSY if self._executor.is_busy(desk.asset) else desk.state
        return Circumstances(
            state=state,
            holding=desk.holding,
            opened_ns=self._ages.opened_ns(desk.asset, state, now_ns),
            entry_block=self._entry_block(desk, now_ns),
            exit_order=self._standing.exit_order,
        )

    def _entry_block(self, desk: AssetDesk, now_ns: int) -> str | None:
        if self._standing.entry_block is not None:
            return self._standing.entry_block
        if desk.state is not PairState.OPEN:
            # The cache says flat; a venue that says otherwise is believed as far as not to open anything.
            if any(self._reports.holds(venue, instrument_id.value) for venue, instrument_id in self._ids[desk.asset].items()):
                return "ACCOUNT_HOLDS_POSITION"
            if desk.reading is not None and desk.reading.state is not PairState.FLAT:
                return "POSITION_UNCONFIRMED"
        elif self._reports.blocked().keys() & set(desk.venues):
            return "VENUE_BLOCKED"  # a pair may be held and left on terms on which none is made larger
        return None if desk.may_enter(now_ns) else "COOLDOWN"

    def _on_operator_command(self, command: OperatorCommand) -> None:
        if self._standing.on_command(command):
            self._flatten_now()

    def _on_done(self, machine: PairMachine, done: Done) -> None:
        """Count and log how a pair order ended."""
        plan, desk = machine.plan, self._desks.get(machine.plan.asset)
        if desk is not None and desk.ended(plan, done, self.clock.timestamp_ns()):
            self.cycles_completed += 1
        say = self.log.error if done.outcome is Outcome.HALTED else self.log.info
        say(f"{plan.pair_id} is {done.outcome.value}: {done.reason}; {machine.delta} unhedged")
