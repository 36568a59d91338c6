import base64
import json
import struct
from dataclasses import replace
from decimal import Decimal

import pytest

from simulators.paradex import sbe
from simulators.paradex.margin import account_view
from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import Bbo, BookUpdate, ComparedRate, ModifyState

NULL = -(2**63)


def recorded(path):
    rows = map(json.loads, path.read_text().splitlines())
    return [base64.b64decode(row["b64"]) for row in rows if row["opcode"] == "binary"]


def number(raw):
    return None if raw == NULL else Decimal(raw).scaleb(-8)


def read_book(frame):
    ts, seq, kind = struct.unpack_from("<qqB", frame, 8)
    at, sides = 8 + struct.unpack_from("<H", frame)[0], []
    for _ in range(2):
        width, count = struct.unpack_from("<HH", frame, at)
        rows = [struct.unpack_from("<qq", frame, at + 4 + width * i) for i in range(count)]
        sides.append(tuple((number(price), number(size)) for price, size in rows))
        at += 4 + width * count
    return BookUpdate("BTC-USD-PERP", seq, kind == 0, *sides, ts // 1000)


def test_recorded_bbo_frames_are_rebuilt_byte_for_byte(shared_data):
    frames = recorded(shared_data / "raw/paradex/sbe_bbo_btc_2026-10-08.jsonl")
    assert len(frames) == 52
    for frame in frames:
        ts, seq, *numbers = struct.unpack_from("<6q", frame, 8)
        assert sbe.bbo(Bbo("BTC-USD-PERP", seq, *map(number, numbers), ts // 1000), 1) == frame


def test_recorded_book_frames_are_rebuilt_byte_for_byte(shared_data):
    frames = recorded(shared_data / "raw/paradex/sbe_book_deltas_btc_2026-10-08.jsonl")
    assert len(frames) == 33
    for frame in frames:
        assert sbe.book(read_book(frame), 1) == frame


@pytest.fixture(scope="module")
def decode():
    from paradex_py.api.sbe import decode_frame

    return decode_frame


@pytest.mark.parametrize("version", sbe.VERSIONS)
def test_paradex_py_decodes_every_public_template(desk, decode, version):
    market: ParadexMarket = desk.exchange.markets["BTC-USD-PERP"]
    for _ in range(20):
        desk.step()
    sample = market.sample(desk.now_ns)
    summary, book, bbo, trade = market.summary(desk.exchange.now_ms), market.snapshot(), market.bbo(), market.trades[-1]

    channel, decoded = decode(sbe.bbo(bbo, version))
    assert (channel, Decimal(decoded.bid_price), Decimal(decoded.ask_size)) == ("bbo.BTC-USD-PERP", bbo.bid, bbo.ask_size)
    _, decoded = decode(sbe.book(book, version))
    assert decoded.pkg_type == "SNAPSHOT"
    assert [(Decimal(p), Decimal(s)) for p, s in decoded.bids] == list(book.bids)
    _, decoded = decode(sbe.trade(trade, version))
    assert (Decimal(decoded.price), decoded.side) == (trade.price, "BUY" if trade.is_buy else "SELL")
    assert decoded.trade_id_str == (trade.id if version >= 2 else None)
    _, decoded = decode(sbe.summary(summary, version))
    assert Decimal(decoded.mark_price) == summary.mark_price
    assert decoded.mark_iv is None
    assert (decoded.funding_rate_precise is None) == (version == 0)
    _, decoded = decode(sbe.funding(sample, 5, version))
    assert Decimal(decoded.funding_index) == round(sample.index, 8)
    assert decoded.funding_period_hours == 8
    assert (decoded.impact_premium_rate is None) == (version == 0)
    rate = ComparedRate("BTC-USD-PERP", "HYPERLIQUID", Decimal("-0.000012345678"), 7)
    channel, decoded = decode(sbe.funding_comparison(rate, version))
    assert (channel, decoded.source, decoded.market) == ("funding_rate_comparison", "SOURCE_HYPERLIQUID", "BTC-USD-PERP")
    assert Decimal(decoded.hourly_funding_rate) == rate.rate_per_hour
    for kind in ("RPI", "LIQUIDATION"):
        assert decode(sbe.trade(replace(trade, trade_type=kind), version))[1].trade_type == kind
    assert decode(sbe.heartbeat(1, 2, version)) == (None, None)


@pytest.mark.parametrize("version", sbe.VERSIONS)
def test_paradex_py_decodes_every_private_template(desk, decode, version):
    order = desk.order(type="MARKET", side="SELL", size="0.02", client_id="c-1")
    fill = desk.trader.fills[-1]

    _, decoded = decode(sbe.order(replace(order, modify=ModifyState("9", "REJECTED", "no")), 11, 12_000, version))
    assert (decoded.order_id, decoded.client_order_id, decoded.status) == (order.id, "c-1", "CLOSED")
    assert (decoded.price, decoded.stp, decoded.side) == (None, "EXPIRE_TAKER", "SELL")
    assert decoded.account == order.account
    assert (decoded.request_info or {}).get("status") == ("REJECTED" if version >= 2 else None)
    _, decoded = decode(sbe.fill(fill, 12, version))
    assert (decoded.fill_id, decoded.liquidity, Decimal(decoded.fee)) == (fill.id, "TAKER", fill.fee)
    assert decoded.fee_currency == ("USDC" if version >= 2 else None)
    for kind in ("FILL", "RPI", "LIQUIDATION"):
        assert decode(sbe.fill(replace(fill, fill_type=kind), 12, version))[1].fill_type == kind
    view = desk.exchange.publisher.position_view(desk.trader, "BTC-USD-PERP")
    _, decoded = decode(sbe.position(view, 13, version))
    assert (decoded.side, Decimal(decoded.size), decoded.status) == ("SHORT", Decimal("-0.02"), "OPEN")
    assert (Decimal(decoded.mark_price), Decimal(decoded.liquidation_price)) == (view.mark_price, view.liquidation_price)
    account = account_view(desk.trader, desk.exchange.markets, 5)
    _, decoded = decode(sbe.account(account, 14, version))
    assert Decimal(decoded.account_value) == account.account_value
    assert (decoded.settlement_asset, decoded.status) == ("USDC", "ACTIVE")
    for status, shown in (("LIQUIDATION", "LIQUIDATION"), ("RESYNC", None)):
        assert decode(sbe.account(replace(account, status=status), 14, version))[1].status == shown
