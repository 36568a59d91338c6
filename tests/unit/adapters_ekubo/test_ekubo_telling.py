"""What Nautilus is told: fills as they were exchanged, orders an earlier process left open, what is no order for a pool."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.identifiers import AccountId, StrategyId, TraderId
from nautilus_trader.test_kit.stubs.events import TestEventStubs

from adapters.ekubo import commands, constants, parsing, reports
from adapters.ekubo.sending import Attempt, Booking, Fate, Slot, Swap
from adapters.ekubo.telling import OrderEvents
from adapters.ekubo.tokens import Pair, Token

PAIR = Pair(Token("ETH", constants.ETH, 18), Token("USDC", constants.USDC, 6))
INSTRUMENT = parsing.instrument(PAIR, 0)
FACTORY = OrderFactory(TraderId("TEST-001"), StrategyId("S-001"), TestClock())
ACCOUNT = AccountId("EKUBO-001")


def slot(order: Any, *, key: str = "0xa", fate: Fate = Fate.SUCCEEDED, base: int = 10**17, quote: int = 200_000_000) -> Slot:
    is_buy = order.side == OrderSide.BUY
    sold, bought = (quote, base) if is_buy else (base, quote)
    if fate is not Fate.SUCCEEDED:
        sold = bought = 0
    is_executed = fate in (Fate.SUCCEEDED, Fate.REVERTED, Fate.CANCELED)
    return Slot(
        key=key,
        nonce=1,
        swap=Swap(
            client_order_id=order.client_order_id.value,
            strategy_id="S-001",
            instrument_id="ETH-USDC.EKUBO",
            is_buy=is_buy,
            order_quantity=str(order.quantity),
            limit_price=None,
            sell_token=hex((PAIR.quote if is_buy else PAIR.base).address),
            buy_token=hex((PAIR.base if is_buy else PAIR.quote).address),
            sell_amount=sold or 1,
            buy_amount=10**17 if is_buy else 1,
        ),
        attempts=(Attempt(hash=key, body={}, is_cancel=False),),
        begun_ns=1,
        fate=fate,
        executed=key if is_executed else None,
        words="never",
        booking=Booking(sold=sold, bought=bought, fee_fri=2 * 10**17, reason="no", ts_ns=9) if is_executed else None,
    )


class Client:
    """Keeps what would become events, and lets orders hear of their acceptance and fills."""

    account_id = ACCOUNT

    def __init__(self, *orders: Any) -> None:
        self._cache = SimpleNamespace(order={order.client_order_id: order for order in orders}.get)
        self._clock = SimpleNamespace(timestamp_ns=lambda: 7)
        self.told: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def told(*args: Any, **kwargs: Any) -> None:
            self.told.append((name.removeprefix("generate_order_"), kwargs or args))

        return told

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def events(client: Client) -> OrderEvents:
    provider = SimpleNamespace(find=lambda _: INSTRUMENT, pair=lambda _: PAIR)
    return OrderEvents(client, provider, gas=lambda slot: client.told.append(("gas", slot)))


def order(side: OrderSide = OrderSide.SELL, quantity: str = "0.2", *, submitted: bool = True) -> Any:
    made = FACTORY.market(INSTRUMENT.id, side, INSTRUMENT.make_qty(Decimal(quantity)))
    if submitted:
        made.apply(TestEventStubs.order_submitted(made, account_id=ACCOUNT))
    return made


@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
def test_a_fill_counts_what_was_ordered_and_costs_what_was_paid(side):
    base = 10**17 + 1 if side == OrderSide.BUY else 10**17  # exact output may bring a unit more
    fill = reports.filled(slot(order(side), base=base), INSTRUMENT, PAIR)
    assert fill.quantity == Decimal("0.1")
    assert fill.price == Decimal(2000)
    assert len(fill.trade_id.value) == 32


def test_trade_ids_differ_in_the_last_digits_of_hashes():
    assert reports.trade_id("0x1").value.endswith("1")
    assert reports.trade_id(hex(2**251)) != reports.trade_id(hex(2**251 + 1))


def test_gas_is_told_in_strk_and_in_dollars_where_a_price_is_known():
    reverted = slot(order(), fate=Fate.REVERTED)
    gas = reports.gas_paid(reverted, Decimal("0.1"))
    assert (gas.amount_strk, gas.amount_usd, gas.is_reverted, gas.transaction_hash) == (
        Decimal("0.2"),
        Decimal("0.02"),
        True,
        "0xa",
    )
    assert reports.gas_paid(reverted, None).amount_usd is None


def test_balances_are_rounded_down_and_never_locked():
    balance = reports.balance(INSTRUMENT.base_currency, Decimal("1.999999999999999999"))
    assert balance.total.as_decimal() == balance.free.as_decimal() == Decimal("1.99999999")
    assert balance.locked.as_decimal() == 0


def test_an_open_order_of_an_earlier_process_is_filled_once_and_ended():
    known = order()
    client = Client(known)
    events(client).inherited([slot(known)])
    assert client.names == []  # it is ended with all that is known of it
    events(client).orphaned(known, [slot(known, key="0x9", fate=Fate.REFUSED), slot(known)])
    assert client.names == ["accepted", "filled", "canceled"]  # half of it was executed, the rest never will be
    filled = dict(client.told)["filled"]
    assert (filled["last_qty"], filled["last_px"], filled["ts_event"]) == (Decimal("0.1"), Decimal(2000), 9)


def test_a_fill_nautilus_knows_already_is_not_told_again():
    known = order(quantity="0.1")
    known.apply(TestEventStubs.order_accepted(known, account_id=ACCOUNT))
    done = slot(known)
    trade_id = reports.trade_id("0xa")
    known.apply(
        TestEventStubs.order_filled(known, INSTRUMENT, trade_id=trade_id, last_qty=INSTRUMENT.make_qty(0.1), account_id=ACCOUNT)
    )
    client = Client(known)
    events(client).orphaned(known, [done])
    assert client.names == []


@pytest.mark.parametrize("fate", [Fate.REVERTED, Fate.CANCELED, Fate.REPLACED])
def test_an_open_order_of_which_nothing_was_executed_is_rejected_with_the_reason(fate):
    known = order()
    client = Client(known)
    events(client).orphaned(known, [slot(known, fate=fate)])
    assert client.names[-1] == "rejected"
    assert "left open by an earlier process" in client.told[-1][1][3]


def test_an_order_that_was_never_begun_is_rejected():
    known = order()
    client = Client(known)
    events(client).orphaned(known, [])
    assert client.names == ["rejected"]
    assert "before anything was sent" in client.told[0][1][3]


def test_a_fill_of_an_order_nautilus_does_not_know_comes_as_one_from_elsewhere():
    unknown = order()
    client = Client()
    events(client).inherited([slot(unknown), slot(unknown, key="0xb", fate=Fate.REVERTED)])
    assert client.names == ["_send_order_status_report", "_send_fill_report"]
    (report,), (fill,) = (args for _, args in client.told)
    assert (report.quantity, report.filled_qty, report.order_status) == (Decimal("0.1"), 0, OrderStatus.ACCEPTED)
    assert (fill.last_qty, fill.last_px) == (Decimal("0.1"), Decimal(2000))
    assert report.venue_order_id == fill.venue_order_id
    assert report.client_order_id is fill.client_order_id is None


def test_the_last_slice_of_a_filled_order_is_not_told_again_as_another_order():
    known = order()
    known.apply(TestEventStubs.order_accepted(known, account_id=ACCOUNT))
    first, last, half = slot(known), slot(known, key="0xb"), INSTRUMENT.make_qty(0.1)
    for each in (first, last):
        trade_id = reports.trade_id(each.key)
        known.apply(TestEventStubs.order_filled(known, INSTRUMENT, trade_id=trade_id, last_qty=half, account_id=ACCOUNT))
    assert known.is_closed
    client = Client(known)
    events(client).inherited([last])  # it died before it had noted that this was told
    assert client.names == []


def test_an_order_becomes_a_swap_in_smallest_units():
    sell = FACTORY.limit(
        INSTRUMENT.id, OrderSide.SELL, INSTRUMENT.make_qty(0.5), INSTRUMENT.make_price(1999), time_in_force=TimeInForce.IOC
    )
    swap = commands.swap_order(sell, INSTRUMENT, PAIR)
    assert (swap.quantity, swap.granule, swap.limit_price, swap.is_buy) == (5 * 10**17, 10**10, Decimal(1999), False)
    assert (swap.sold, swap.bought) == (PAIR.base, PAIR.quote)
    assert commands.refusal(sell) is None
    market = order(OrderSide.BUY, submitted=False)
    assert commands.refusal(market) is None
    assert commands.swap_order(market, INSTRUMENT, PAIR).limit_price is None


def test_what_a_pool_cannot_do_has_a_word_for_it():
    quantity, price = INSTRUMENT.make_qty(1), INSTRUMENT.make_price(2000)
    resting = FACTORY.limit(INSTRUMENT.id, OrderSide.SELL, quantity, price)
    fill_or_kill = FACTORY.market(INSTRUMENT.id, OrderSide.SELL, quantity, time_in_force=TimeInForce.FOK)
    stop = FACTORY.stop_market(INSTRUMENT.id, OrderSide.SELL, quantity, price)
    reducing = FACTORY.market(INSTRUMENT.id, OrderSide.BUY, quantity, reduce_only=True)
    in_quote = FACTORY.market(INSTRUMENT.id, OrderSide.BUY, quantity, quote_quantity=True)
    words = [commands.refusal(each) for each in (resting, fill_or_kill, stop, reducing, in_quote)]
    assert [word.partition(":")[0].removeprefix("UNSUPPORTED_") for word in words] == [
        "TIME_IN_FORCE",
        "TIME_IN_FORCE",
        "ORDER_TYPE",
        "REDUCE_ONLY",
        "QUOTE_QUANTITY",
    ]
    assert commands.refusal(FACTORY.market(INSTRUMENT.id, OrderSide.SELL, quantity, reduce_only=True)) is None
    assert msgspec.json.decode(msgspec.json.encode(slot(order())), type=Slot).swap.order_quantity == "0.20000000"
