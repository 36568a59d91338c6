"""Feeds the circuit breakers from accounts, orders and pairs, and keeps them over restarts."""

from datetime import timedelta
from decimal import Decimal

import msgspec
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.events import OrderAccepted, OrderFilled, OrderRejected

from actors.documents import Documents, keep
from messages import AccountHealth, Alert, Command, OperatorCommand, PairResult, Severity, StateRequest, TradingState, topics
from messages.loop import on_loop
from risk.breakers import (
    EquityRounds,
    Memory,
    Tripped,
    is_worth_keeping,
    on_accept,
    on_equity,
    on_pair_result,
    on_reject,
    on_time,
    resumed,
)
from risk.in_force import LimitsInForce

_KEY = "memory"
UNREADABLE = "journal"  # the source of the halt over a memory that cannot be read
_ALERTS = {
    "daily_loss": "DailyLossLimit",
    "drawdown": "DrawdownLimit",
    "rejects": "OrderRejectsHigh",
    "stranded": "LegsStranded",
    UNREADABLE: "BreakersUnreadable",
}


class Breakers(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Ask for a stricter trading state while a breaker is open; what opens is on the disk before it is asked.

    `venues` are those whose equity is added up. A breaker that waits for a person closes on RESUME alone.
    """

    def __init__(self, limits: LimitsInForce, documents: Documents, venues: tuple[str, ...]) -> None:
        super().__init__(ActorConfig(component_id="BREAKERS"))
        self._limits, self._documents = limits, documents
        self._memory = self._kept = Memory()
        self._rounds = EquityRounds(venues)

    @property
    def memory(self) -> Memory:
        """What the breakers remember."""
        return self._memory

    def listen(self) -> None:
        """Open again what was open at the end of the last run, before the first order, and hear all from now on."""
        kept = self._documents.get(_KEY)
        if kept is not None:
            self._memory = self._kept = self._decode(kept)
        for name in self._memory.tripped:
            self._request(name)
        self.msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self._on_health)
        self.msgbus.subscribe(topic=topics.PAIR_RESULT, handler=self._on_result)
        self.msgbus.subscribe(topic=topics.OPERATOR_COMMAND, handler=self._on_command)
        self.msgbus.subscribe(topic="events.order.*", handler=self._on_order_event)

    def on_start(self) -> None:
        """Look once a second whether a cool-down is over."""
        self.clock.set_timer("cool-down", timedelta(seconds=1), callback=on_loop(self._on_timer))

    def on_stop(self) -> None:
        """Go on counting: orders still end and accounts still report."""

    def _decode(self, kept: bytes) -> Memory:
        try:
            return msgspec.json.decode(kept, type=Memory)
        except msgspec.DecodeError as e:
            words = f"what the breakers remembered cannot be read: {e}"
            halt = Tripped(state=TradingState.HALTED, reason=words, since_ns=self.clock.timestamp_ns(), until_ns=None)
            return Memory(tripped={UNREADABLE: halt})

    def _on_health(self, health: AccountHealth) -> None:
        equity_usd = self._rounds.report(health.venue, Decimal(health.equity_usd))
        if equity_usd is not None:
            self._take(on_equity(self._memory, equity_usd, self._limits.current, self.clock.timestamp_ns()))

    def _on_order_event(self, event: object) -> None:
        if isinstance(event, OrderRejected):
            if not event.due_post_only:  # the market moved, nothing is broken
                venue, now_ns = event.instrument_id.venue.value, self.clock.timestamp_ns()
                self._take(on_reject(self._memory, venue, self._limits.current, now_ns))
        elif isinstance(event, (OrderAccepted, OrderFilled)):
            self._take(on_accept(self._memory, event.instrument_id.venue.value))

    def _on_result(self, result: PairResult) -> None:
        self._take(on_pair_result(self._memory, result, self._limits.current, self.clock.timestamp_ns()))

    def _on_command(self, command: OperatorCommand) -> None:
        if command.command is Command.RESUME:
            self._take(resumed(self._memory))

    def _on_timer(self, _event: object) -> None:
        self._take(on_time(self._memory, self.clock.timestamp_ns()))

    def _take(self, memory: Memory) -> None:
        """Put what is remembered in place: first on the disk, then in force."""
        if memory is self._memory:
            return
        before, self._memory = self._memory, memory
        if is_worth_keeping(self._kept, memory):
            keep(self, self._documents, _KEY, msgspec.json.encode(memory))
            self._kept = memory
        for name in {*before.tripped, *memory.tripped}:
            if before.tripped.get(name) != memory.tripped.get(name):
                self._request(name)

    def _request(self, name: str) -> None:
        now_ns, tripped = self.clock.timestamp_ns(), self._memory.tripped.get(name)
        state = TradingState.RUNNING if tripped is None else tripped.state
        reason = "closed" if tripped is None else tripped.reason
        until_ns = None if tripped is None else tripped.until_ns
        self.log.warning(f"breaker {name}: {state.value}, {reason}")
        request = StateRequest(state=state, source=name, reason=reason, until_ns=until_ns, ts_ns=now_ns)
        self.msgbus.publish(topic=topics.STATE_REQUEST, msg=request)
        if tripped is not None:
            severity = Severity.CRITICAL if until_ns is None else Severity.WARNING
            alert = Alert(severity=severity, name=_ALERTS[name], detail=reason, ts_ns=now_ns)
            self.msgbus.publish(topic=topics.ALERT, msg=alert)
