"""Trigger orders, scheduled cancels, limits of open orders, and what the venue shows of books, fills and bars."""

from itertools import pairwise

import pytest
from hyperliquid_floor import HOUR_NS, START_NS, D, engine_of, market, new, shock, stop

from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.hyperliquid import books, rules
from simulators.hyperliquid.account_actions import AccountActions
from simulators.hyperliquid.actions import Malformed
from simulators.hyperliquid.fills import aggregated
from simulators.hyperliquid.identity import Gate, Refused
from simulators.hyperliquid.info import Info
from simulators.hyperliquid.rules import Refusal

START_MS = START_NS // 1_000_000
SEC_NS = 1_000_000_000


def info_of(engine, faults=None):
    return Info(engine, Gate(engine.users), faults or FaultBoard())


def statuses_of(user, oid):
    return [row["status"] for row in user.records if row["order"]["oid"] == oid]


def test_a_stop_waits_for_the_mark_and_then_trades():
    engine, ann, _ = engine_of()
    market(engine, ann, "HYPE", True, 10)
    mark = engine.marks["HYPE"]
    placed = engine.place(ann, stop("HYPE", False, round(mark * D("0.98"), 2), 30, 10, reduce_only=True), START_NS)
    oid = placed.order.oid
    row = ann.record_by_oid[oid]["order"]
    assert (row["isTrigger"], row["orderType"], row["tif"], row["sz"]) == (True, "Stop Market", None, "10.0")
    assert row["triggerCondition"].startswith("Price below ")
    assert engine.markets["HYPE"].book.get(str(oid)) is None
    engine.step(START_NS + SEC_NS)
    assert ann.account.size("HYPE") == 10
    shock(engine, "HYPE", "0.97", START_NS + 2 * SEC_NS)
    assert ann.account.size("HYPE") == 0
    assert statuses_of(ann, oid) == ["open", "triggered", "filled"]


@pytest.mark.parametrize(
    ("is_buy", "tpsl", "factor", "is_hit"),
    [
        (True, "sl", "1.02", False),
        (True, "sl", "0.98", True),
        (False, "sl", "0.98", False),
        (True, "tp", "0.98", False),
        (False, "tp", "1.02", False),
        (False, "tp", "0.98", True),
    ],
)
def test_a_trigger_that_would_fire_at_once_is_refused(is_buy, tpsl, factor, is_hit):
    engine, ann, _ = engine_of()
    price = round(engine.marks["HYPE"] * D(factor), 2)
    outcome = engine.place(ann, stop("HYPE", is_buy, price, 37, 1, tpsl), START_NS)
    if is_hit:
        assert (outcome.text, outcome.status) == ("Invalid TP/SL price.", "badTriggerPxRejected")
    else:
        assert list(ann.open_orders) == [outcome.order.oid]


def test_a_take_profit_limit_order_rests_once_it_has_fired():
    engine, ann, _ = engine_of()
    market(engine, ann, "HYPE", True, 10)
    price = round(engine.marks["HYPE"] * D("1.01"), 2)
    placed = engine.place(ann, stop("HYPE", False, price, 45, 10, "tp", is_market=False, reduce_only=True), START_NS)
    shock(engine, "HYPE", "1.02", START_NS + SEC_NS)
    assert engine.markets["HYPE"].book.get(str(placed.order.oid)) is placed.order.resting
    assert statuses_of(ann, placed.order.oid) == ["open", "triggered", "open"]


def test_a_stop_finds_no_margin_when_it_fires():
    engine, ann, _ = engine_of()
    engine.place(ann, stop("HYPE", True, 39, 45, 5000), START_NS)
    ann.account.leverage["HYPE"] = 10
    ann.account.cash_usd = D(100)
    shock(engine, "HYPE", "1.04", START_NS + SEC_NS)
    assert [row["status"] for row in ann.records] == ["open", "triggered", "perpMarginRejected"]


def test_open_orders_are_limited(monkeypatch):
    monkeypatch.setattr(rules, "OPEN_ORDERS", 3)
    engine, ann, _ = engine_of()
    market(engine, ann, "HYPE", True, 10)
    for _ in range(3):
        assert not isinstance(engine.place(ann, new("HYPE", True, 30, 1), START_NS), Refusal)
    assert engine.place(ann, new("HYPE", True, 30, 1), START_NS).text == "Too many open orders."
    ann.traded_usd = D(5_000_000)
    assert not isinstance(engine.place(ann, new("HYPE", True, 30, 1), START_NS), Refusal)
    ann.traded_usd = D(50_000_000)
    assert isinstance(engine.place(ann, new("HYPE", False, 45, 1, reduce_only=True), START_NS), Refusal)


def test_cancels_are_scheduled_with_enough_volume_and_ten_times_a_day():
    engine, ann, _ = engine_of()
    actions = AccountActions(engine, Gate(engine.users))
    with pytest.raises(Refused, match=r"enough volume traded. Required: \$1000000. Traded: \$0.00."):
        actions.schedule_cancel(ann, START_MS + 6000, START_MS)
    ann.schedule_volume_usd = 0
    with pytest.raises(Refused, match="at least 5 seconds"):
        actions.schedule_cancel(ann, START_MS + 4999, START_MS)
    for number in range(10):
        now_ms = START_MS + number * 6000
        actions.schedule_cancel(ann, now_ms + 5000, now_ms)
        engine.step((now_ms + 5000) * 1_000_000)
        assert ann.cancel_at_ms is None
    with pytest.raises(Refused, match="today"):
        actions.schedule_cancel(ann, START_MS + 80_000, START_MS + 70_000)
    actions.schedule_cancel(ann, None, START_MS + 70_000)


def test_fills_of_one_order_at_one_time_are_told_as_one():
    engine, ann, _ = engine_of()
    market(engine, ann, "HYPE", True, 600)
    assert len(ann.fills) > 2
    (whole,) = aggregated(ann.fills)
    assert D(whole["sz"]) == 600
    assert D(whole["fee"]) == sum(D(fill["fee"]) for fill in ann.fills)
    notional = sum(D(fill["sz"]) * D(fill["px"]) for fill in ann.fills)
    assert D(whole["px"]) == pytest.approx(notional / 600, abs=D("1e-8"))
    market(engine, ann, "HYPE", False, 1, now_ns=START_NS + SEC_NS)
    assert [fill["side"] for fill in aggregated(ann.fills)] == ["B", "A"]
    request = {"type": "userFills", "user": ann.address}
    info = info_of(engine)
    assert len(info.answer({**request, "aggregateByTime": True}, START_NS)) == 2
    assert len(info.answer(request, START_NS)) == len(ann.fills)


@pytest.mark.parametrize(("figures", "mantissa", "step"), [(5, None, 1), (5, 2, 2), (5, 5, 5), (4, None, 10), (3, None, 100)])
def test_a_book_is_aggregated_away_from_the_middle(figures, mantissa, step):
    engine, _, _ = engine_of()
    place = engine.markets["BTC"]
    shown = books.book("BTC", place, 0, figures=figures, mantissa=mantissa)
    whole = books.book("BTC", place, 0)
    assert "spread" not in whole
    for side, sign in ((0, 1), (1, -1)):
        prices = [D(level["px"]) for level in shown["levels"][side]]
        assert all(price % step == 0 for price in prices)
        assert prices == sorted(set(prices), reverse=sign > 0)
        best = D(whole["levels"][side][0]["px"])
        assert 0 <= sign * (best - prices[0]) < step
    assert D(shown["spread"]) == D(shown["levels"][1][0]["px"]) - D(shown["levels"][0][0]["px"])
    if figures == 3:
        total = [sum(D(level["sz"]) for level in book["levels"][0]) for book in (shown, whole)]
        assert total[0] == total[1]


@pytest.mark.parametrize(("figures", "mantissa"), [(6, None), (1, None), (4, 2), (None, 5), (5, 3), ("5", None)])
def test_a_book_of_other_figures_is_malformed(figures, mantissa):
    engine, _, _ = engine_of()
    with pytest.raises(Malformed):
        info_of(engine).answer({"type": "l2Book", "coin": "BTC", "nSigFigs": figures, "mantissa": mantissa}, START_NS)


def test_bars_reach_back_before_the_start_and_join_without_a_gap():
    engine, _, _ = engine_of()
    for step in range(40):
        engine.step(START_NS + step * HOUR_NS // 2)
    info = info_of(engine)
    request = {"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1m", "startTime": 0, "endTime": START_MS + 10**6}}
    bars = info.answer(request, START_NS)
    assert len(bars) > 1400
    assert [bar["t"] for bar in bars] == sorted({bar["t"] for bar in bars})
    past = [bar for bar in bars if bar["t"] < START_MS - 60_000]
    assert {later["t"] - bar["t"] for bar, later in pairwise(past)} == {60_000}
    for bar in bars:
        assert D(bar["l"]) <= min(D(bar["o"]), D(bar["c"])) <= max(D(bar["o"]), D(bar["c"])) <= D(bar["h"])
    assert info.answer(request, START_NS) == bars
    hours = info.answer({"type": "candleSnapshot", "req": {**request["req"], "interval": "1h"}}, START_NS)
    assert 24 <= len(hours) <= 26
    latest = {"coin": "BTC", "interval": "1h", "startTime": START_MS - 7_200_000}
    day = info.answer({"type": "candleSnapshot", "req": latest}, START_NS)
    assert len(day) <= 3


def test_a_partly_filled_order_stalls_out_of_the_book_on_demand():
    faults = FaultBoard()
    engine, ann, _ = engine_of(faults=faults)
    faults.inject(Fault(kind=FaultKind.PARTIAL_FILL, path="HYPE", reason="0.5"))
    placed = engine.place(ann, new("HYPE", True, 40, 10), START_NS)
    assert placed.filled == 5
    for step in range(1, 20):
        engine.step(START_NS + step * SEC_NS // 5)
    assert ann.account.size("HYPE") == 5
    assert placed.order.remaining == 5
    engine.cancel(placed.order, START_NS)
    assert statuses_of(ann, placed.order.oid) == ["open", "canceled"]
    ioc = market(engine, ann, "HYPE", True, 10)
    assert ioc.filled == 10  # the fault has struck once
