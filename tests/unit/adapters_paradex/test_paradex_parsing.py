import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.enums import AggressorSide, BookAction, OrderSide, OrderStatus, RecordFlag, TimeInForce
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity

from adapters.paradex import commands, parsing, reports
from adapters.paradex.http import ParadexHttp
from adapters.paradex.providers import ParadexInstrumentProvider
from adapters.paradex.schemas import Bbo, Book, Fill, FundingData, Market, MarketSummary, Order, Position, Trade, decode
from adapters.paradex.signing import Signer
from adapters.transport import HttpResponse

D = Decimal
ACCOUNT = AccountId("PARADEX-1")
MARKET = {
    "symbol": "BTC-USD-PERP", "base_currency": "BTC", "quote_currency": "USD", "settlement_currency": "USDC",
    "asset_kind": "PERP",
    "order_size_increment": "0.00001", "price_tick_size": "0.1", "min_notional": "10", "max_order_size": "50",
    "price_bands_width": "0.05", "funding_period_hours": 8, "clamp_rate": "",
    "delta1_cross_margin_params": {"imf_base": "0.02", "imf_shift": "0", "imf_factor": "0", "mmf_factor": "0.5"},
}  # fmt: skip
SIGNER = Signer("PRIVATE_SN_POTC_SEPOLIA", "0x129c", "0x543b6cf6c91817a87174aaea4fb370ac1c694e864d7740d728f8344d53e815")


def market(**changes) -> Market:
    return decode(Market, json.dumps(MARKET | changes).encode())


@pytest.fixture(scope="module")
def perpetual():
    return parsing.instrument(market(), 1)


@pytest.fixture
def orders() -> OrderFactory:
    return OrderFactory(trader_id=TraderId("TEST-001"), strategy_id=StrategyId("DESK-001"), clock=TestClock())


def test_an_instrument_has_the_markets_rules(perpetual):
    assert str(perpetual.id) == "BTC-USD-PERP.PARADEX"
    assert (perpetual.price_precision, perpetual.size_precision) == (1, 5)
    assert (perpetual.price_increment, perpetual.size_increment) == (Price.from_str("0.1"), Quantity.from_str("0.00001"))
    assert (perpetual.margin_init, perpetual.margin_maint) == (D("0.02"), D("0.01"))
    assert (perpetual.maker_fee, perpetual.taker_fee) == (D("0.00003"), D("0.00045"))
    assert (perpetual.min_notional.as_decimal(), perpetual.max_quantity.as_decimal()) == (10, 50)
    assert perpetual.info["funding_period_hours"] == 8
    assert perpetual.info["price_bands_width"] == "0.05"
    assert [str(code) for code in (perpetual.quote_currency, perpetual.settlement_currency)] == ["USDC", "USDC"]


def test_whole_number_steps_and_a_markets_own_fees():
    config = {"api_fee": {"maker_fee": {"fee": "-0.00001"}, "taker_fee": {"fee": "0.0004"}}}
    names = {"symbol": "HYPE-USD-PERP", "base_currency": "HYPE"}
    found = parsing.instrument(market(**names, order_size_increment="10", price_tick_size="0.0010", fee_config=config), 1)
    assert (found.price_precision, found.size_precision, found.size_increment) == (3, 0, Quantity.from_int(10))
    assert (found.maker_fee, found.taker_fee) == (D("-0.00001"), D("0.0004"))
    assert str(found.base_currency) == "HYPE"


def test_symbols():
    assert parsing.market_symbol("BTC") == parsing.market_symbol("BTC-USD-PERP") == "BTC-USD-PERP"


def test_a_one_sided_quote_is_no_quote(perpetual):
    bbo = Bbo(
        market="BTC-USD-PERP",
        bid_e8=8_342_270_000_000,
        bid_size_e8=15_000,
        ask_e8=8_345_290_000_000,
        ask_size_e8=31_000,
        last_updated_at=5,
    )
    quote = parsing.quote(bbo, perpetual, 9)
    assert (str(quote.bid_price), str(quote.ask_size), quote.ts_event, quote.ts_init) == ("83422.7", "0.00031", 5_000_000, 9)
    assert parsing.quote(Bbo(market="BTC-USD-PERP", bid_e8=10**8, bid_size_e8=10**8), perpetual, 9) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(min_value=1, max_value=10**15), st.integers(min_value=0, max_value=10**13))
def test_a_quote_is_exact_on_the_grid_and_rounded_to_it_elsewhere(perpetual, price_e8, size_e8):
    bbo = Bbo(market="BTC-USD-PERP", bid_e8=price_e8, bid_size_e8=size_e8, ask_e8=price_e8, ask_size_e8=size_e8)
    quote = parsing.quote(bbo, perpetual, 9)
    price, size = D(price_e8).scaleb(-8), D(size_e8).scaleb(-8)
    for told, true, step in ((quote.bid_price, price, D("0.1")), (quote.ask_size, size, D("0.00001"))):
        assert told.as_decimal() % step == 0
        assert abs(told.as_decimal() - true) <= step / 2
        if true % step == 0:
            assert told.as_decimal() == true


def test_a_book_snapshot_clears_first_and_marks_its_last(perpetual):
    book = Book(
        market="BTC-USD-PERP", seq_no=4, last_updated_at=1, is_snapshot=True, bids=[(99.9, 1.0), (99.8, 2.0)], asks=[(100.1, 3.0)]
    )
    deltas = parsing.book_snapshot(book, perpetual, 9).deltas
    assert [delta.action for delta in deltas] == [BookAction.CLEAR] + [BookAction.ADD] * 3
    assert [bool(delta.flags & RecordFlag.F_LAST) for delta in deltas] == [False, False, False, True]
    assert all(delta.flags & RecordFlag.F_SNAPSHOT for delta in deltas)
    assert deltas[3].order.side == OrderSide.SELL


def test_funding_keeps_the_markets_own_period(perpetual):
    data = FundingData(market="BTC-USD-PERP", funding_rate=D("0.0003"), funding_period_hours=4, created_at=7)
    update = parsing.funding_rate(data, perpetual, 9)
    assert (update.rate, update.interval, update.next_funding_ns) == (D("0.0003"), 240, None)
    old = FundingData(market="BTC-USD-PERP", funding_rate=D("0.0003"), funding_period_hours=0)
    assert parsing.funding_rate(old, perpetual, 9).interval == 480
    assert parsing.funding_rate(FundingData(market="BTC-USD-PERP"), perpetual, 9) is None


def test_mark_index_and_trades(perpetual):
    summary = MarketSummary(symbol="BTC-USD-PERP", mark_price=D("62822.62432928"), underlying_price=D("62831.8"), created_at=3)
    assert str(parsing.mark_price(summary, perpetual, 9).value) == "62822.6"
    assert str(parsing.index_price(summary, perpetual, 9).value) == "62831.8"
    assert parsing.mark_price(MarketSummary(symbol="BTC-USD-PERP"), perpetual, 9) is None
    assert parsing.index_price(MarketSummary(symbol="BTC-USD-PERP"), perpetual, 9) is None
    trade = Trade(id="1718154353750201703989430001", market="BTC-USD-PERP", side="SELL", size=D("0.1"), price=D(5), created_at=3)
    tick = parsing.trade_tick(trade, perpetual, 9)
    assert (tick.aggressor_side, str(tick.trade_id)) == (AggressorSide.SELLER, "1718154353750201703989430001")


def wire(status: str, remaining: str, **fields) -> Order:
    fields = {"type": "LIMIT", "price": D(100)} | fields
    return Order(id="v-1", market="BTC-USD-PERP", side="SELL", size=D(1), remaining_size=D(remaining), status=status, **fields)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (wire("NEW", "1"), OrderStatus.SUBMITTED),
        (wire("OPEN", "1"), OrderStatus.ACCEPTED),
        (wire("OPEN", "0.4"), OrderStatus.PARTIALLY_FILLED),
        (wire("CLOSED", "0.4"), OrderStatus.CANCELED),
        (wire("CLOSED", "0"), OrderStatus.FILLED),
    ],
)
def test_order_reports(perpetual, order, expected):
    report = reports.order_report(order, perpetual, ACCOUNT, 9)
    assert report.order_status == expected
    assert report.filled_qty.as_decimal() == 1 - order.remaining_size
    assert report.client_order_id is None


def test_a_fill_report_carries_the_fee(perpetual):
    fill = Fill(
        id="f-1", market="BTC-USD-PERP", order_id="v-1", client_id="c-1", side="BUY", liquidity="MAKER",
        price=D(100), size=D("0.5"), fee=D("-0.01"), fill_type="LIQUIDATION", created_at=4,
    )  # fmt: skip
    report = reports.fill_report(fill, perpetual, ACCOUNT, 9)
    assert (report.commission.as_decimal(), report.client_order_id.value) == (D("-0.01"), "c-1")
    position = Position(market="BTC-USD-PERP", size=D("-0.5"), average_entry_price=D("64839.96053748"))
    held = reports.position_report(position, perpetual, ACCOUNT, 9)
    assert (held.signed_decimal_qty, held.avg_px_open) == (D("-0.5"), D("64839.96053748"))
    assert reports.flat_report(perpetual, ACCOUNT, 9).signed_decimal_qty == 0


def test_requests_are_what_the_wire_wants(perpetual, orders):
    limit = orders.limit(
        perpetual.id,
        OrderSide.BUY,
        perpetual.make_qty(D("0.12")),
        perpetual.make_price(D("62000.5")),
        post_only=True,
        reduce_only=True,
    )
    body = commands.create_request(limit, SIGNER, 1_759_500_000_000, 5000)
    assert body["client_id"] == limit.client_order_id.value
    assert (body["price"], body["size"], body["instruction"], body["flags"]) == (
        "62000.5",
        "0.12",
        "POST_ONLY",
        ["REDUCE_ONLY"],
    )
    assert (body["signature_timestamp"], body["recv_window"]) == (1_759_500_000_000, 5000)
    market_order = orders.market(perpetual.id, OrderSide.SELL, perpetual.make_qty(D("0.1")), time_in_force=TimeInForce.IOC)
    body = commands.create_request(market_order, SIGNER, 1, 5000)
    assert (body["type"], body["instruction"], body["side"]) == ("MARKET", "GTC", "SELL")
    assert {"price", "flags"}.isdisjoint(body)


def test_cancels_name_our_id_only_where_the_venue_knows_it(perpetual, orders):
    order = orders.limit(perpetual.id, OrderSide.BUY, perpetual.make_qty(D(1)), perpetual.make_price(D(5)))
    tracked = commands.tracked(order)
    assert (tracked.is_accepted, tracked.is_immediate, tracked.price) == (False, False, D(5))
    with pytest.raises(ValueError, match="no venue order id"):
        commands.modify_request(tracked, SIGNER, 1, D(2), D(6))
    tracked.order_id = "17"
    assert commands.cancel_request(tracked) == {"id": "17"}
    tracked.is_sent_here = True
    assert commands.cancel_request(tracked) == {"client_id": order.client_order_id.value, "market": "BTC-USD-PERP"}
    body = commands.modify_request(tracked, SIGNER, 1, D(2), D(6))
    assert (body["id"], body["size"], body["price"], body["type"]) == ("17", "2", "6", "LIMIT")


def test_what_the_venue_cannot_do_is_denied(perpetual, orders):
    quantity, price = perpetual.make_qty(D(1)), perpetual.make_price(D(5))
    assert commands.unsupported(orders.limit(perpetual.id, OrderSide.BUY, quantity, price)) is None
    assert "TIME_IN_FORCE" in commands.unsupported(
        orders.limit(perpetual.id, OrderSide.BUY, quantity, price, time_in_force=TimeInForce.FOK)
    )
    assert "ORDER_TYPE" in commands.unsupported(orders.stop_market(perpetual.id, OrderSide.BUY, quantity, price))
    assert "QUOTE" in commands.unsupported(orders.market(perpetual.id, OrderSide.BUY, quantity, quote_quantity=True))
    long = orders.market(perpetual.id, OrderSide.BUY, quantity, client_order_id=ClientOrderId("x" * 65))
    assert "TOO_LONG" in commands.unsupported(long)


class Markets:
    async def request(self, method, url, **kwargs) -> HttpResponse:
        rows = [MARKET, MARKET | {"symbol": "ETH-USD-PERP", "base_currency": "ETH"}]
        return HttpResponse(200, {}, json.dumps({"results": rows}).encode())


async def test_a_provider_loads_what_is_wanted_and_takes_own_fees():
    provider = ParadexInstrumentProvider(ParadexHttp(Markets(), "http://venue"), ("ETH",), lambda: 5)
    await provider.initialize()
    assert provider.symbols == ("ETH-USD-PERP",)
    assert provider.perpetual("BTC-USD-PERP") is None
    provider.apply_fees(D(0), D("0.0002"))
    assert provider.perpetual("ETH-USD-PERP").taker_fee == D("0.0002")
    missing = ParadexInstrumentProvider(ParadexHttp(Markets(), "http://venue"), ("DOGE",), lambda: 5)
    with pytest.raises(ValueError, match="does not list DOGE-USD-PERP"):
        await missing.load_all_async()
