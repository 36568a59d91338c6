"""The executor's way to the venues: builds Nautilus orders, and says in the pair's own words what became of them."""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, Protocol

import msgspec
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.enums import TimeInForce as NautilusTimeInForce
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from messages import Alert, Command, FillSeen, LegOrder, OperatorCommand, Severity, Side, TimeInForce, topics
from risk.reading import net_quantity
from risk.trading import flatten_tag
from strategies.market_reader import MarketReader
from strategies.pair import PairMachine
from strategies.pair_orders import Accepted, Canceled, Done, Filled, Rejected
from strategies.pair_orders import OrderEvent as PairEvent
from strategies.pair_recovery import OrderAnswer
from strategies.sizing import ZERO


class VenueTruth(Protocol):
    """Asks the venues themselves, past all that is remembered here."""

    def ask_order(self, instrument_id: str, client_order_id: str, question: int, reply: Callable[[OrderAnswer], None]) -> None:
        """Ask what became of an order; `reply` gets the answer, if there is one, with the question's number."""
        ...

    def ask_position(self, instrument_id: str) -> None:
        """Ask for a position and have the cache put right where it differs."""
        ...


class OrderPort:
    """The one place from which perpetual orders leave; `strategy` is the Nautilus strategy that owns them.

    `untradable` names the venues on which nothing can be done or seen now. From an operator's FLATTEN until RESUME
    every order carries the command as a tag, by which the gate lets it reduce even while trading is halted.
    """

    def __init__(
        self,
        strategy: Any,
        reader: MarketReader,
        *,
        on_done: Callable[[PairMachine, Done], None],
        untradable: Callable[[], Collection[str]],
        truth: VenueTruth | None,
        on_answer: Callable[[OrderAnswer], None],
    ) -> None:
        self._strategy, self._reader, self._on_done = strategy, reader, on_done
        self._untradable, self._truth, self._on_answer = untradable, truth, on_answer
        self._tags: list[str] | None = None
        strategy.msgbus.subscribe(topic=topics.OPERATOR_COMMAND, handler=self._on_command)

    def _on_command(self, command: OperatorCommand) -> None:
        if command.command is Command.FLATTEN:
            self._tags = [flatten_tag(command)]
        elif command.command is Command.RESUME:
            self._tags = None

    def now_ns(self) -> int:
        """Return the clock's time."""
        return self._strategy.clock.timestamp_ns()  # type: ignore[no-any-return]

    def best_price_usd(self, instrument_id: str, side: Side) -> Decimal | None:
        """Return the best price a taker gets now, None without a quote."""
        market = self._reader.market(InstrumentId.from_str(instrument_id), self.now_ns())
        return None if market is None else market.best_usd(side)

    def submit(self, order: LegOrder) -> None:
        """Send an order through Nautilus; raise ValueError if it cannot be built."""
        strategy = self._strategy
        instrument = strategy.cache.instrument(InstrumentId.from_str(order.instrument_id))
        built = strategy.order_factory.limit(
            instrument_id=instrument.id,
            order_side=OrderSide.BUY if order.side is Side.BUY else OrderSide.SELL,
            quantity=instrument.make_qty(order.quantity),
            price=instrument.make_price(order.limit_price_usd),
            time_in_force=NautilusTimeInForce.IOC if order.time_in_force is TimeInForce.IOC else NautilusTimeInForce.GTC,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            client_order_id=ClientOrderId(order.client_order_id),
            tags=self._tags,
        )
        strategy.submit_order(built)

    def cancel(self, client_order_id: str) -> None:
        """Cancel an order that is still open."""
        order = self._strategy.cache.order(ClientOrderId(client_order_id))
        if order is not None and not order.is_closed:
            self._strategy.cancel_order(order)

    def cancel_all(self, instrument_id: str) -> None:
        """Cancel whatever rests in an instrument, also what an earlier process left."""
        self._strategy.cancel_all_orders(InstrumentId.from_str(instrument_id))

    def position(self, instrument_id: str) -> Decimal | None:
        """Return the net position (signed, base units), None while its venue is not connected."""
        identity = InstrumentId.from_str(instrument_id)
        return None if identity.venue.value in self._untradable() else net_quantity(self._strategy.cache, identity)

    def query(self, instrument_id: str, client_order_id: str, question: int) -> None:
        """Ask an order's venue what became of it; without anybody to ask nothing is answered."""
        if self._truth is not None:
            self._truth.ask_order(instrument_id, client_order_id, question, self._on_answer)

    def recall(self, client_order_id: str) -> PairEvent | None:
        """Return how an order has ended by Nautilus' own books, None where they have it open or not at all."""
        order = self._strategy.cache.order(ClientOrderId(client_order_id))
        if order is None or not order.is_closed:
            return None
        if order.status in (OrderStatus.REJECTED, OrderStatus.DENIED):
            return Rejected(client_order_id, order.last_event.reason)
        return Canceled(client_order_id, order.filled_qty.as_decimal())

    def publish(self, topic: str, message: msgspec.Struct) -> None:
        """Put a message on the bus; a watcher that fails on it must not keep an order from being followed up."""
        try:
            self._strategy.msgbus.publish(topic=topic, msg=message)
        except Exception as e:
            self._strategy.log.exception(f"a listener failed on {topic}", e)

    def alert(self, severity: Severity, name: str, detail: str) -> None:
        """Tell a person."""
        self.publish(topics.ALERT, Alert(severity=severity, name=name, detail=detail, ts_ns=self.now_ns()))

    def on_done(self, machine: PairMachine, done: Done) -> None:
        """Tell the strategy that a pair order is over."""
        self._on_done(machine, done)


def seen(fill: FillSeen) -> Filled:
    """Return what a fill that has just been seen means for a pair; its order's event, which follows, is the same trade."""
    return Filled(fill.client_order_id, fill.trade_id, fill.quantity, fill.price_usd)


def translate(event: OrderEvent, cache: Any) -> PairEvent | None:
    """Return what an order event means for a pair, None where it means nothing."""
    key = event.client_order_id.value
    match event:
        case OrderFilled():
            return Filled(key, event.trade_id.value, event.last_qty.as_decimal(), event.last_px.as_decimal())
        case OrderAccepted():
            return Accepted(key)
        case OrderCanceled() | OrderExpired():
            order = cache.order(event.client_order_id)
            return Canceled(key, ZERO if order is None else order.filled_qty.as_decimal())
        case OrderRejected() | OrderDenied():
            return Rejected(key, event.reason)
    return None
