"""Nothing a client sends breaks the venue, and nothing that happens to an account breaks its books."""

import asyncio
import json
import random
from decimal import Decimal

import pytest
from exchange_desk import Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.faults import Fault, FaultKind
from simulators.paradex.auth import Caller
from simulators.paradex.errors import ApiError
from simulators.paradex.margin import account_value, initial_margin, maintenance_margin
from simulators.paradex.rpc import Rpc
from simulators.paradex.signing import signs_order

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ("market", "side", "type", "size", "price", "instruction", "stp", "flags", "client_id", "trigger_price", "signature")
METHODS = (
    "auth",
    "subscribe",
    "unsubscribe",
    "modify_subscription",
    "order.create",
    "order.create_batch",
    "order.modify",
    "order.cancel",
    "order.cancel_batch",
    "order.cancel_all",
    "order.cancel_on_disconnect",
    "order.nothing",
)


class Ear:
    """As much of a session as the RPC layer uses."""

    version = None
    is_sbe = False

    def __init__(self, caller) -> None:
        self.caller, self.channels, self.snapshot_ms, self.due_ms, self.orders = caller, {}, {}, {}, []
        self.cancel_on_disconnect = False
        self.heard = []

    def send_json(self, message):
        json.dumps(message)
        self.heard.append(message)

    def abort(self):
        self.heard.append({"aborted": True})


@pytest.fixture(scope="module")
def shared_desk():
    return Desk(7, 3600.0)


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING | st.sampled_from(["BUY", "LIMIT", BTC, "0.01", "84000"]), max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_body_is_refused_with_a_code_or_taken(shared_desk, changes):
    body = {**shared_desk.body(shared_desk.trader, price="84000"), **changes}
    refused = ""
    try:
        shared_desk.trading.create(Caller(shared_desk.trader, False), body)
    except ApiError as error:
        refused = error.code
    if not refused:
        assert signs_order(shared_desk.trader.address, shared_desk.trader.public_keys, body)
        shared_desk.run()
        shared_desk.engine.cancel_all(shared_desk.trader)
        shared_desk.run()


@given(st.sampled_from(METHODS), ANYTHING, ANYTHING, st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rpc_message_gets_one_answer_with_its_id(shared_desk, method, params, ident, logged_in):
    ear = Ear(Caller(shared_desk.trader, False) if logged_in else None)
    rpc = Rpc(shared_desk.exchange, shared_desk.trading)
    asyncio.run(rpc.handle(ear, json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, "params": params})))
    answers = [message for message in ear.heard if message.get("method") != "subscription"]
    assert len(answers) == 1
    assert answers[0]["id"] == ident
    assert ("result" in answers[0]) != ("error" in answers[0])


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_frame_gets_an_answer(shared_desk, frame):
    ear = Ear(None)
    asyncio.run(Rpc(shared_desk.exchange, shared_desk.trading).handle(ear, frame.decode(errors="replace")))
    assert len(ear.heard) == 1


WEIGHTS = {"order": 12, "cancel": 3, "time": 3, "rollback": 1, "bust": 2, "reset": 1, "shock": 2, "race": 1, "state": 1}


class Story:
    """Plays actions on a desk; refusals are part of it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.desk = Desk(seed, 3600.0)
        self.desk.settings.rpi_accounts.add(self.desk.trader.address)
        self.desk.settings.health_check_secs = 1.0
        self.desk.trader.money.cash_usd = Decimal(2_000)

    def play(self):
        (kind,) = self.dice.choices(list(WEIGHTS), WEIGHTS.values())
        getattr(self, f"do_{kind}")()
        self.desk.run(0.5)

    def do_order(self):
        state, instruction = self.desk.engine.system_state, self.dice.choice(("MARKET", "GTC", "IOC", "POST_ONLY", "RPI"))
        if state != "ok" and (state, instruction) not in (("post_only", "POST_ONLY"), ("post_only", "RPI")):
            return
        market, size = self.dice.choice((BTC, ETH)), Decimal(self.dice.randint(1, 500)) / 1_000
        fields = {"market": market, "side": self.dice.choice(("BUY", "SELL")), "type": "MARKET", "size": str(size)}
        if instruction != "MARKET":
            price = self.desk.price(self.dice.randint(-30, 30), market=market)
            fields |= {"type": "LIMIT", "price": price, "instruction": instruction}
        if self.dice.random() < 0.2:
            fields["flags"] = ["REDUCE_ONLY"]
        self.desk.queue(self.desk.trader, interactive=self.dice.random() < 0.3, **fields)

    def do_cancel(self):
        if live := self.desk.trader.live_orders():
            self.desk.engine.cancel(self.desk.trader, self.dice.choice(live))

    def do_time(self):
        self.desk.step(self.dice.uniform(0.1, 25.0))

    def do_rollback(self):
        self.desk.exchange.rollback(self.dice.uniform(0.1, 60.0), self.desk.now_ns)

    def do_bust(self):
        busted = {bust.fill_id for bust in self.desk.trader.busts}
        if fills := [fill for fill in self.desk.trader.fills if fill.id not in busted][-4:]:
            self.desk.engine.bust(self.desk.trader, self.dice.choice(fills).id)

    def do_reset(self):
        self.strike(FaultKind.RESET_INDEX)

    def do_shock(self):
        self.strike(FaultKind.PRICE_SHOCK, reason=self.dice.choice(("-0.04", "0.04", "0")))

    def do_race(self):
        self.desk.faults.inject(Fault(kind=FaultKind.FILL_BEFORE_CANCEL))

    def do_state(self):
        """Go through a short maintenance in which orders and cancels come too."""
        for state in ("cancel_only", "post_only", "ok"):
            self.desk.exchange.set_system_state(state)
            self.do_order()
            self.do_cancel()
            self.desk.run(0.5)
            self.desk.step(0.2)

    def strike(self, kind, **fields):
        self.desk.faults.inject(Fault(kind=kind, **fields))
        self.desk.step(0.1)

    def check(self):
        desk, account, markets = self.desk, self.desk.trader, self.desk.exchange.markets
        cash = Decimal(2_000)
        for event in account.balance_events:
            assert event.before == cash
            cash += event.realized_pnl + event.realized_funding - event.fees
            assert event.after == cash
        assert account.money.cash_usd == cash
        assert sum(event.realized_funding for event in account.balance_events) == sum(row.payment for row in account.payments)
        busted = {bust.fill_id for bust in account.busts}
        for symbol in (BTC, ETH):
            signed = sum(
                (fill.size if fill.is_buy else -fill.size)
                for fill in account.fills
                if fill.market == symbol and fill.id not in busted
            )
            assert account.money.size(symbol) == signed
            resting = {order.id for order in account.live_orders(symbol) if order.status == "OPEN"}
            books = (markets[symbol].core.book, markets[symbol].rpi)
            assert resting == {ident for book in books for ident in book._by_id if ident in account.orders}
        for order in account.orders.values():
            filled = sum(fill.size for fill in account.fills if fill.order_id == order.id)
            assert order.size - order.remaining == filled
            assert (order.status == "CLOSED") == bool(order.cancel_reason or not order.remaining)
        assert initial_margin(account, markets) >= 0
        assert maintenance_margin(account, markets) >= 0
        assert account_value(account, markets) is not None
        assert desk.exchange.publisher.sessions == set()


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_to_an_account_its_books_balance(seed):
    story = Story(seed)
    for _ in range(60):
        story.play()
        story.check()
    assert len(story.desk.trader.fills) > 5


def test_the_stories_hold_what_they_are_about():
    kinds, reasons, undone = set(), set(), 0
    for seed in range(10):
        story = Story(seed)
        for _ in range(60):
            story.play()
        account = story.desk.trader
        kinds |= {fill.fill_type for fill in account.fills}
        reasons |= {order.cancel_reason for order in account.orders.values()}
        undone += len(account.busts)
    assert kinds == {"FILL", "RPI", "LIQUIDATION"}
    assert undone > 10
    assert {"USER_CANCELED", "POST_ONLY_WOULD_CROSS", "REDUCE_ONLY_WILL_INCREASE", "IOC_REMAINDER"} <= reasons
