"""What both settlement modules share: positions as they were before a fill, prices, and booking funding to cash."""

from collections.abc import Iterable
from decimal import Decimal

from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OrderSide, PositionAdjustmentType
from nautilus_trader.model.events import OrderFilled, PositionAdjusted
from nautilus_trader.model.identifiers import InstrumentId, PositionId
from nautilus_trader.model.objects import Money

from messages import FundingPayment, topics

ZERO = Decimal(0)
FIRST = 10  # bus priority: funding is settled before anyone reacts to the rate or the fill that caused it


class HeldPositions:
    """The signed quantity of each position of a venue, moved by fills: Nautilus' cache is a fill ahead when asked."""

    def __init__(self) -> None:
        self._held: dict[InstrumentId, dict[PositionId, Decimal]] = {}

    def load(self, exchange: SimulatedExchange) -> None:
        """Start from what the cache holds open, as after a restart."""
        for position in exchange.cache.positions_open(venue=exchange.id):
            self._held.setdefault(position.instrument_id, {})[position.id] = position.signed_decimal_qty()

    def of(self, instrument_id: InstrumentId) -> dict[PositionId, Decimal]:
        """Return the open positions in an instrument, signed base units."""
        return {key: held for key, held in self._held.get(instrument_id, {}).items() if held}

    def apply(self, fill: OrderFilled) -> None:
        """Move the filled position."""
        held = self._held.setdefault(fill.instrument_id, {})
        held[fill.position_id] = held.get(fill.position_id, ZERO) + signed_quantity(fill)


def signed_quantity(fill: OrderFilled) -> Decimal:
    """Return a fill's quantity in base units, negative for a sale."""
    quantity: Decimal = fill.last_qty.as_decimal()
    return quantity if fill.order_side == OrderSide.BUY else -quantity


def spot_price_usd(exchange: SimulatedExchange, instrument_id: InstrumentId) -> Decimal | None:
    """Return the price funding is charged on: the oracle (index) price, else the mark, else the book's middle."""
    cache = exchange.cache
    update = cache.index_price(instrument_id) or cache.mark_price(instrument_id)
    if update is not None:
        return Decimal(str(update.value))
    book = exchange.get_book(instrument_id)
    middle = None if book is None else book.midpoint()
    return None if middle is None else Decimal(str(cache.instrument(instrument_id).make_price(middle)))


class FundingDesk:
    """Book funding on a simulated account: cash, the position's realised PnL and one `FundingPayment`.

    `cache.update_position` is not called on purpose: with Redis behind the cache it would store the
    last fill twice and the next start would find the cache corrupt.
    """

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    def book(
        self,
        instrument_id: InstrumentId,
        shares: Iterable[tuple[PositionId, Decimal]],
        *,
        payment_id: str,
        rate_per_hour: Decimal | None,
        quantity: Decimal,
        ts_event_ns: int,
        ts_now_ns: int,
    ) -> None:
        """Book each position's share in USD (positive: received) and publish their sum once."""
        currency = self._exchange.cache.instrument(instrument_id).get_settlement_currency()
        total = ZERO
        for position_id, share_usd in shares:
            amount = Money.from_decimal(share_usd, currency)
            self._adjust_position(position_id, amount, payment_id, ts_event_ns, ts_now_ns)
            self._exchange.adjust_account(amount)
            total += amount.as_decimal()
        payment = FundingPayment(
            venue=self._exchange.id.value,
            instrument_id=str(instrument_id),
            payment_id=payment_id,
            amount_usd=total,
            rate_per_hour=rate_per_hour,
            position_quantity=quantity,
            ts_event_ns=ts_event_ns,
        )
        self._exchange.msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=payment)

    def _adjust_position(self, position_id: PositionId, amount: Money, reason: str, ts_event_ns: int, ts_now_ns: int) -> None:
        position = self._exchange.cache.position(position_id)
        if position is None:
            return
        event = PositionAdjusted(
            position.trader_id,
            position.strategy_id,
            position.instrument_id,
            position.id,
            position.account_id,
            PositionAdjustmentType.FUNDING,
            None,
            amount,
            f"funding:{reason}",
            UUID4(),
            ts_event_ns,
            ts_now_ns,
        )
        position.apply_adjustment(event)
