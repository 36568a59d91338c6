"""Orders, money and funding of the simulated venue, without any wire."""

import pytest
from hyperliquid_floor import HOUR_NS, START_NS, D, engine_of, market, money, new
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.hyperliquid.engine import Placed
from simulators.hyperliquid.funding import CoinFunding, rate_per_hour
from simulators.hyperliquid.rules import Refusal
from simulators.hyperliquid.universe import ASSET_IDS, UNIVERSE
from simulators.replay import ReplayRow, ReplayTape
from simulators.tape import scenario

moves = st.lists(
    st.tuples(
        st.sampled_from(["BTC", "HYPE"]),
        st.booleans(),
        st.integers(-8, 8),
        st.integers(1, 30),
        st.sampled_from(["Gtc", "Ioc", "Alo"]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_cash_is_what_the_fills_and_payments_say(rows):
    engine, ann, bob = engine_of(scenario("demo", 1))
    for number, (name, is_buy, ticks, lots, tif, reduce_only, is_ann) in enumerate(rows):
        now_ns = START_NS + number * HOUR_NS // 3
        engine.step(now_ns)
        place = engine.markets[name]
        price = place.round_price(place.mid_usd, up=False) + ticks * UNIVERSE[ASSET_IDS[name]].tick(place.mid_usd)
        size = D(lots) / (1000 if name == "BTC" else 1)
        engine.place(ann if is_ann else bob, new(name, is_buy, price, size, tif, reduce_only), now_ns)
    for user in (ann, bob):
        assert user.account.cash_usd == money(user)
        position = {name: D(0) for name in ("BTC", "HYPE")}
        for fill in user.fills:
            assert D(fill["startPosition"]) == position[fill["coin"]]
            position[fill["coin"]] += D(fill["sz"]) if fill["side"] == "B" else -D(fill["sz"])
        assert all(user.account.size(name) == size for name, size in position.items())
        for item in user.open_orders.values():
            assert engine.markets[item.coin].book.get(item.resting.id) is item.resting
            assert not item.reduce_only or item.remaining <= abs(user.account.size(item.coin))


def test_users_trade_with_each_other_at_the_makers_price_and_pay_their_own_fees():
    engine, ann, bob = engine_of()
    bid, ask = engine.markets["BTC"].book.best_bid, engine.markets["BTC"].book.best_ask
    inside = bid + 1
    assert inside < ask
    resting = engine.place(ann, new("BTC", True, inside, "0.01", "Alo"), START_NS)
    assert isinstance(resting, Placed)
    taken = engine.place(bob, new("BTC", False, inside, "0.01"), START_NS)
    assert isinstance(taken, Placed)
    assert (taken.filled, taken.average_price) == (D("0.01"), inside)
    notional = inside * D("0.01")
    assert D(20_000) - ann.account.cash_usd == pytest.approx(notional * D("0.00015"), abs=D("0.000001"))
    assert D(20_000) - bob.account.cash_usd == pytest.approx(notional * D("0.00045"), abs=D("0.000001"))
    assert ann.fills[0]["tid"] == bob.fills[0]["tid"]
    assert (ann.fills[0]["crossed"], bob.fills[0]["crossed"]) == (False, True)
    assert [(row["status"], row["order"]["sz"]) for row in ann.records] == [("open", "0.01"), ("filled", "0.0")]


def test_fees_are_truncated_to_a_millionth():
    engine, ann, _ = engine_of()
    market(engine, ann, "HYPE", True, "3.33")
    for fill in ann.fills:
        exact = D(fill["px"]) * D(fill["sz"]) * D("0.00045")
        assert 0 <= exact - D(fill["fee"]) < D("0.000001")


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (new("BTC", True, "84000.5", "0.01"), "Price must be divisible by tick size."),
        (new("BTC", True, 80000, "0.000001"), "Order has invalid size."),
        (new("BTC", True, 80000, 0), "Order has zero size."),
        (new("BTC", True, 0, 1), "Order has invalid price."),
        (new("BTC", True, 80000, "0.0001"), "Order must have minimum value of $10."),
        (new("BTC", True, 10000, "0.01"), "Order price cannot be more than 80% away"),
        (new("BTC", True, 80000, 20), "Insufficient margin to place order."),
        (new("BTC", True, 80000, "0.01", reduce_only=True), "Reduce only order would increase position."),
        (new("BTC", True, 90000, "0.01", "Alo"), "Post only order would have immediately matched, bbo was"),
        (new("BTC", True, 80000, "0.01", "Ioc"), "Order could not immediately match against any resting orders."),
    ],
)
def test_refusals_are_the_venues(order, text):
    engine, ann, _ = engine_of()
    outcome = engine.place(ann, order, START_NS)
    assert isinstance(outcome, Refusal)
    assert outcome.text.startswith(text)
    assert ann.open_orders == {}
    assert ann.fills == []


def test_resting_orders_bind_margin():
    engine, ann, _ = engine_of()
    free = engine.available_usd(ann)
    assert isinstance(engine.place(ann, new("BTC", True, 80000, "1"), START_NS), Placed)
    assert engine.available_usd(ann) == free - 4000
    assert isinstance(engine.place(ann, new("BTC", True, 80000, "4"), START_NS), Refusal)


def test_reduce_only_is_capped_at_the_position_and_never_outlives_it():
    engine, ann, _ = engine_of()
    market(engine, ann, "HYPE", True, 10)
    closing = market(engine, ann, "HYPE", False, 25, reduce_only=True)
    assert closing.filled == D(10)
    assert ann.account.size("HYPE") == 0
    market(engine, ann, "HYPE", True, 10)
    first = engine.place(ann, new("HYPE", False, 45, 8, reduce_only=True), START_NS)
    second = engine.place(ann, new("HYPE", False, 46, 8, reduce_only=True), START_NS)
    assert list(ann.open_orders) == [second.order.oid]
    assert ann.record_by_oid[first.order.oid]["status"] == "reduceOnlyCanceled"
    market(engine, ann, "HYPE", False, 10)
    assert ann.open_orders == {}


def test_an_own_resting_order_gives_way():
    engine, ann, _ = engine_of()
    book = engine.markets["BTC"].book
    mine = engine.place(ann, new("BTC", False, book.best_bid + 1, "0.01", "Alo"), START_NS)
    market(engine, ann, "BTC", True, "0.01")
    assert ann.record_by_oid[mine.order.oid]["status"] == "selfTradeCanceled"
    assert D(ann.fills[0]["px"]) > mine.order.limit_price


def test_an_injected_refusal_strikes_once():
    faults = FaultBoard()
    engine, ann, _ = engine_of(faults=faults)
    faults.inject(Fault(kind=FaultKind.REJECT_NEXT_ORDER, reason="No liquidity available for market order."))
    assert market(engine, ann, "BTC", True, "0.01").text == "No liquidity available for market order."
    assert isinstance(market(engine, ann, "BTC", True, "0.01"), Placed)


@pytest.mark.parametrize(
    ("premium", "expected"),
    [
        ("0", "0.0000125"),
        ("0.0006", "0.0000125"),
        ("-0.0004", "0.0000125"),
        ("0.0016", "0.0001375"),
        ("-0.0016", "-0.0001375"),
        ("0.5", "0.04"),
        ("-0.5", "-0.04"),
    ],
)
def test_an_hours_rate_is_an_eighth_of_the_clamped_premium(premium, expected):
    assert rate_per_hour(D(premium)) == D(expected)


def test_a_rate_is_of_the_hours_average_premium():
    funding = CoinFunding()
    for premium in ("0.002", "0.004"):
        funding.sample(D(premium), None)
    assert funding.predicted_per_hour == D("0.0003125")
    assert funding.settle(1).premium == D("0.003")
    funding.sample(D("0"), None)
    assert funding.settle(2).rate_per_hour == D("0.0000125")


def test_recorded_rates_match_the_formula(shared_data):
    import csv
    import gzip

    with gzip.open(shared_data / "funding" / "hyperliquid_hype.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 3000
    for row in rows:
        assert abs(rate_per_hour(D(row["premium"])) - D(row["rate_per_hour"])) <= D("0.0000000001")


def test_a_position_is_paid_each_hour_on_its_oracle_notional():
    engine, ann, bob = engine_of()
    market(engine, ann, "BTC", False, "0.1")
    market(engine, bob, "BTC", True, "0.1")
    cash = ann.account.cash_usd, bob.account.cash_usd
    oracle = engine.markets["BTC"].oracle_usd
    engine.step(START_NS + HOUR_NS)
    expected = (oracle * D("0.1") * D("0.0000125")).quantize(D("0.000001"))
    assert ann.account.cash_usd - cash[0] == expected
    assert bob.account.cash_usd - cash[1] == -expected
    assert ann.fundings[0]["usdc"] == f"{expected.normalize():f}"
    assert ann.funding_paid["BTC"].all_time == -expected


def test_a_fill_after_the_hour_earns_nothing_of_it():
    engine, ann, _ = engine_of()
    market(engine, ann, "BTC", False, "0.1", now_ns=START_NS + HOUR_NS + 1)
    engine.step(START_NS + HOUR_NS + 2)
    assert ann.fundings == []


def test_the_demonstration_earns_more_than_four_taker_fees():
    engine, ann, _ = engine_of(scenario("demo", 7))
    for tenth in range(15):
        engine.step(START_NS + tenth * HOUR_NS // 10)
    size = (D(10_000) / engine.markets["HYPE"].mark_usd).quantize(D("0.01"))
    market(engine, ann, "HYPE", False, size, now_ns=START_NS + 15 * HOUR_NS // 10)
    for tenth in range(15, 120):
        engine.step(START_NS + tenth * HOUR_NS // 10)
    earned = sum(D(row["usdc"]) for row in ann.fundings if row["coin"] == "HYPE")
    assert earned > 2 * 4 * D("4.5")
    rates = [row.rate_per_hour * 8760 for row in engine.funding["HYPE"].settled[48:]]
    assert D("0.1095") == rates[0]
    assert all(D(3) < rate < D(5) for rate in rates[3:11])
    for tenth in range(120, 160):
        engine.step(START_NS + tenth * HOUR_NS // 10)
    after = [row.rate_per_hour * 8760 for row in engine.funding["HYPE"].settled[48:]][14:]
    assert after
    assert all(D(-5) < rate < D(-3) for rate in after)


def test_a_replayed_rate_is_published_and_paid():
    rows = {"BTC": [ReplayRow(0, D("0.00002"), D("0.0001"), None), ReplayRow(1, D("-0.0003"), D("0.0001"), None)]}
    engine, ann, _ = engine_of(ReplayTape(rows, seed=1))
    market(engine, ann, "BTC", False, "0.1")
    published = []
    for half in range(7):
        engine.step(START_NS + half * HOUR_NS // 2)
        published.append(engine.funding["BTC"].predicted_per_hour)
    assert published == [D("0.00002")] * 4 + [D("-0.0003")] * 3
    assert [D(row["fundingRate"]) for row in ann.fundings] == [D("0.00002"), D("0.00002"), D("-0.0003")]
    assert D(ann.fundings[-1]["usdc"]) < 0


def test_a_scheduled_cancel_takes_everything_out():
    engine, ann, _ = engine_of()
    placed = engine.place(ann, new("BTC", True, 80000, "0.01"), START_NS)
    ann.cancel_at_ms = START_NS // 1_000_000 + 5000
    engine.step(START_NS + 4_900_000_000)
    assert placed.order.oid in ann.open_orders
    engine.step(START_NS + 5_000_000_000)
    assert ann.record_by_oid[placed.order.oid]["status"] == "scheduledCancel"
