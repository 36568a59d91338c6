"""From decisions to pair orders: plans entries, sizes, exits and repairs, has them judged, and starts them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from nautilus_trader.model.identifiers import InstrumentId

from messages import Action, RiskRefused, Signal, topics
from risk.checks import Refused
from risk.in_force import LimitsInForce
from risk.reader import Reader
from risk.reading import Reports
from risk.refusals import RefusalNews
from strategies.arranger import Arranger
from strategies.desk import AssetDesk
from strategies.dispatcher import Terms, pair_id, plan_close, plan_open, plan_resize, repaired_size
from strategies.holdings import Holding
from strategies.market_reader import MarketReader
from strategies.order_port import OrderPort
from strategies.pair_executor import PairExecutor
from strategies.signals import PairState


class PairTrader:
    """Starts pair orders for the strategy; every plan that adds to a position is judged by the limits in force."""

    def __init__(
        self,
        *,
        ids: Mapping[str, Mapping[str, InstrumentId]],
        log: Any,
        reader: MarketReader,
        reports: Reports,
        snapshots: Reader,
        limits: LimitsInForce,
        port: OrderPort,
        executor: PairExecutor,
        arranger: Arranger,
        terms: Terms,
    ) -> None:
        self._ids, self._log = ids, log
        self._reader, self._reports, self._limits = reader, reports, limits
        self._port, self._executor, self._arranger, self._terms = port, executor, arranger, terms
        self._snapshots, self._refusals = snapshots, RefusalNews()
        self._sequence = 0

    def dispatch(self, desk: AssetDesk, signal: Signal, now_ns: int) -> None:
        """Do what a signal asks for, unless a pause forbids it or there is nothing to be done."""
        if signal.action is Action.ENTER:
            self._enter(desk, signal, now_ns)
        elif signal.action is Action.RESIZE and desk.holding is not None and desk.may_enter(now_ns):
            self._resize(desk, desk.holding, signal, now_ns)
        elif signal.action is Action.EXIT and desk.holding is not None and self._can_close(desk, now_ns):
            self._close(desk, desk.holding, "C", now_ns)

    def _can_close(self, desk: AssetDesk, now_ns: int) -> bool:
        """Whether both legs can be closed now: both or none, so an exit waits for a venue that takes no orders."""
        return desk.may_close(now_ns) and not self._reports.untradable().keys() & set(desk.venues)

    def _enter(self, desk: AssetDesk, signal: Signal, now_ns: int) -> None:
        markets = self._reader.markets(self._ids[desk.asset], now_ns)
        limits = self._limits.current
        seen = self._snapshots.snapshot(now_ns, instrument_ids=self._ids[desk.asset].values(), limits=limits)
        identity = self._next_pair_id(desk.asset, "O", now_ns)
        plan = plan_open(identity, signal, markets, snapshot=seen, limits=limits, terms=self._terms)
        if isinstance(plan, Refused):
            self._refused(desk, plan, now_ns)
            return
        self._refusals.passed(desk.asset)
        self._log.info(f"entering {plan.pair_id}: {signal.reason}, spread {signal.spread_apr:.4f} per year")
        self._executor.start(self._arranger.arrange(plan))

    def _resize(self, desk: AssetDesk, holding: Holding, signal: Signal, now_ns: int) -> None:
        """Let an open pair grow or shrink to what the signal asks for; it pauses where there is nothing to be done."""
        if holding.state is not PairState.OPEN or not self._can_close(desk, now_ns):
            return
        limits = self._limits.current
        plan = plan_resize(
            self._next_pair_id(desk.asset, "S", now_ns),
            signal,
            holding.quantities,
            self._reader.markets(self._ids[desk.asset], now_ns),
            snapshot=self._snapshots.snapshot(now_ns, instrument_ids=self._ids[desk.asset].values(), limits=limits),
            limits=limits,
            terms=self._terms,
        )
        if plan is None or isinstance(plan, Refused):
            self._refused(desk, plan, now_ns)
            return
        self._log.info(f"resizing {plan.pair_id}: {signal.reason}, to {signal.target_usd} USD")
        self._executor.start(self._arranger.arrange(plan))

    def _refused(self, desk: AssetDesk, refusal: Refused | None, now_ns: int) -> None:
        desk.pause(now_ns)
        if refusal is None:
            return
        if self._refusals.is_new(desk.asset, refusal.reason):
            self._log.warning(f"{desk.asset} not entered: {refusal.reason} {refusal.detail}")
        message = RiskRefused(
            scope=desk.asset, reason=refusal.reason, detail=refusal.detail, limit=refusal.limit, value=refusal.value, ts_ns=now_ns
        )
        self._port.publish(topics.RISK_REFUSED, message)

    def repair(self, desk: AssetDesk, now_ns: int) -> None:
        """Reduce a leg that stands alone or is larger than the other, once its venue can be traded on."""
        holding, blocked = desk.broken(now_ns), self._reports.untradable()
        if holding is None or self._executor.is_busy(desk.asset):
            return
        size = repaired_size(holding.quantities)
        if any(abs(quantity) > size and venue in blocked for venue, quantity in holding.quantities.items()):
            return
        self._log.error(f"{desk.asset} is not hedged, reducing to {size}: {dict(holding.quantities)}")
        self._close(desk, holding, "R", now_ns, is_urgent=True)

    def flatten(self, desk: AssetDesk, now_ns: int) -> None:
        """Close whatever an asset holds, in spite of everything but a venue that takes no orders."""
        holding = self._reader.holding(self._ids[desk.asset])
        is_due = desk.may_close(now_ns) and not self._executor.is_busy(desk.asset)
        if not is_due or holding.state is PairState.FLAT:
            return
        blocked = self._reports.untradable()
        if any(quantity and venue in blocked for venue, quantity in holding.quantities.items()):
            # Both legs or none: with one venue away, the other is touched only where the legs do not match.
            if desk.state is PairState.BROKEN:
                self.repair(desk, now_ns)
        else:
            self._close(desk, msgspec.structs.replace(holding, state=PairState.OPEN), "C", now_ns, is_urgent=True)

    def _close(self, desk: AssetDesk, holding: Holding, letter: str, now_ns: int, *, is_urgent: bool = False) -> None:
        identity = self._next_pair_id(desk.asset, letter, now_ns)
        desk.is_leaving = desk.is_leaving or letter == "C"
        markets = self._reader.markets(self._ids[desk.asset], now_ns)
        plan = plan_close(identity, desk.asset, holding.quantities, markets, state=holding.state)
        # A leg alone, or a person in a hurry, waits for no resting order.
        self._executor.start(plan if is_urgent else self._arranger.arrange(plan))

    def _next_pair_id(self, asset: str, letter: str, now_ns: int) -> str:
        self._sequence += 1
        return pair_id(asset, letter, self._sequence, now_ns)
