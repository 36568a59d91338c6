from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from messages import Intent, LegOrder, LegState, LegUpdate, Outcome, PairOrder, Side
from strategies.journal import Journal
from strategies.pair import PairMachine
from strategies.pair_executor import PairExecutor
from strategies.pair_orders import Canceled, Done, Event, Filled, Rejected
from strategies.pair_plan import LegPlan, PairPlan, Policy
from strategies.sizing import LegRules

D = Decimal
RULES = LegRules(size_step=D("0.01"), min_quantity=D("0.01"), min_notional_usd=D(10), price_step=D("0.01"))


def plan(asset: str = "HYPE", intent: Intent = Intent.OPEN) -> PairPlan:
    held, target = (D(0), D(10)) if intent is Intent.OPEN else (D(10), D(0))
    first, second = (
        LegPlan(
            venue=venue,
            instrument_id=f"{asset}-USD-PERP.{venue}",
            direction=direction,
            held=held,
            target=target,
            reference_price_usd=D(40),
            rules=RULES,
        )
        for venue, direction in (("HYPERLIQUID", Side.BUY), ("PARADEX", Side.SELL))
    )
    return PairPlan(pair_id=f"{asset}-{intent.value[0]}1-t", asset=asset, intent=intent, legs=(first, second))


class FakePort:
    """Records what it is asked for; `answers` says what happens inside a submit."""

    def __init__(self) -> None:
        self.sent: list[LegOrder] = []
        self.canceled: list[str] = []
        self.published: list[msgspec.Struct] = []
        self.ended: list[tuple[str, Done]] = []
        self.answers: Callable[[LegOrder], None] = lambda _order: None
        self.books: dict[str, Event] = {}
        self.queries: list[tuple[str, int]] = []
        self.positions: dict[str, Decimal] = {}
        self.prices: dict[str, Decimal] = {}
        self.after: PairPlan | None = None
        self.now = 0
        self.executor = PairExecutor(self, Policy(max_slippage_bps=D(10)), Journal())

    def now_ns(self) -> int:
        return self.now

    def best_price_usd(self, instrument_id: str, side: Side) -> Decimal | None:
        return self.prices.get(instrument_id)

    def submit(self, order: LegOrder) -> None:
        self.answers(order)
        self.sent.append(order)

    def cancel(self, client_order_id: str) -> None:
        self.canceled.append(client_order_id)

    def recall(self, client_order_id: str) -> Event | None:
        return self.books.get(client_order_id)

    def cancel_all(self, instrument_id: str) -> None:
        self.canceled.append(instrument_id)

    def query(self, instrument_id: str, client_order_id: str, question: int) -> None:
        self.queries.append((client_order_id, question))

    def position(self, instrument_id: str) -> Decimal | None:
        return self.positions.get(instrument_id)

    def publish(self, topic: str, message: msgspec.Struct) -> None:
        self.published.append(message)

    def on_done(self, machine: PairMachine, done: Done) -> None:
        self.ended.append((machine.plan.pair_id, done))
        if self.after is not None:
            following, self.after = self.after, None
            self.executor.start(following)

    def states(self, letter: str) -> list[LegState]:
        updates = [m for m in self.published if isinstance(m, LegUpdate) and m.client_order_id.endswith(letter)]
        return [update.state for update in updates]

    def tell(self, event: Event) -> None:
        self.executor.handle(event.client_order_id, event)

    def fill(self, order: LegOrder, quantity: str | None = None) -> None:
        size = order.quantity if quantity is None else D(quantity)
        self.tell(Filled(order.client_order_id, f"T{len(self.published)}", size, D(40)))


@pytest.fixture
def port() -> FakePort:
    return FakePort()


def test_the_pair_is_announced_before_its_orders_go_out_with_bounded_limits(port: FakePort) -> None:
    port.executor.start(plan())
    (announced,) = [m for m in port.published if isinstance(m, PairOrder)]
    assert list(announced.legs) == port.sent
    assert port.published.index(announced) == 0
    assert [order.limit_price_usd for order in port.sent] == [D("40.04"), D("39.96")]


def test_a_leg_denied_inside_its_submit_keeps_the_second_at_home(port: FakePort) -> None:
    def deny(order: LegOrder) -> None:
        port.tell(Rejected(order.client_order_id, "POSITION_LIMIT"))

    port.answers = deny
    port.executor.start(plan())
    assert [order.client_order_id for order in port.sent] == ["HYPE-O1-t-A1"]
    assert port.states("B1") == [LegState.PENDING, LegState.REJECTED]
    ((_, done),) = port.ended
    assert done.outcome is Outcome.FLAT
    assert port.executor.active == ()


def test_a_leg_that_fills_inside_its_submit_does_not_disturb_the_second(port: FakePort) -> None:
    port.answers = port.fill
    port.executor.start(plan())
    assert len(port.sent) == 2
    assert [done.outcome for _, done in port.ended] == [Outcome.HEDGED]


def test_a_second_leg_denied_inside_its_submit_has_the_first_unwound(port: FakePort) -> None:
    def answer(order: LegOrder) -> None:
        if order.client_order_id.endswith("B1"):
            port.tell(Rejected(order.client_order_id, "MARGIN"))
        else:
            port.fill(order)

    port.answers = answer
    port.prices["HYPE-USD-PERP.HYPERLIQUID"] = D(41)
    port.executor.start(plan())
    unwind = port.sent[-1]
    assert (unwind.client_order_id, unwind.side, unwind.quantity, unwind.reduce_only) == (
        "HYPE-O1-t-A2",
        Side.SELL,
        10,
        True,
    )
    assert unwind.limit_price_usd == D("40.92"), "at the market of the moment, less 20 bps"
    assert [done.outcome for _, done in port.ended] == [Outcome.FLAT]


def test_an_order_that_cannot_be_built_is_a_refusal(port: FakePort) -> None:
    def fail(order: LegOrder) -> None:
        if order.client_order_id.endswith("A1"):
            raise ValueError("zero quantity")

    port.answers = fail
    port.executor.start(plan())
    assert port.sent == []
    assert [done.outcome for _, done in port.ended] == [Outcome.FLAT]


def test_without_a_quote_a_reduction_is_priced_from_the_plan(port: FakePort) -> None:
    port.executor.start(plan(intent=Intent.CLOSE))
    assert [order.limit_price_usd for order in port.sent] == [D("39.92"), D("40.08")]


def test_time_brings_doubts_and_never_a_second_order(port: FakePort) -> None:
    port.executor.start(plan())
    port.fill(port.sent[0])
    for _ in range(10):
        port.now += 10_000_000_000
        port.executor.tick()
    assert len(port.sent) == 2
    assert port.states("B1") == [LegState.PENDING, LegState.IN_DOUBT]
    assert port.executor.is_busy("HYPE")
    port.fill(port.sent[1])
    assert port.states("B1")[-1] is LegState.FILLED
    assert not port.executor.is_busy("HYPE")


def test_a_state_is_told_once(port: FakePort) -> None:
    port.executor.start(plan())
    trade = Filled(port.sent[0].client_order_id, "T1", D(4), D(40))
    port.tell(trade)
    port.tell(trade)
    assert port.states("A1") == [LegState.PENDING, LegState.PARTIALLY_FILLED]


def test_two_assets_run_side_by_side_and_one_asset_only_once(port: FakePort) -> None:
    port.executor.start(plan())
    port.executor.start(plan("ETH"))
    with pytest.raises(RuntimeError, match="under way"):
        port.executor.start(plan(intent=Intent.CLOSE))
    assert len(port.executor.active) == 2
    assert port.executor.is_busy("ETH")


def test_the_next_pair_may_be_started_from_the_end_of_the_last(port: FakePort) -> None:
    port.answers = port.fill
    port.after = plan(intent=Intent.CLOSE)
    port.executor.start(plan())
    assert [identity for identity, _ in port.ended] == ["HYPE-O1-t", "HYPE-C1-t"]


def test_orders_of_others_are_none_of_its_business(port: FakePort) -> None:
    port.executor.start(plan())
    port.tell(Canceled("MANUAL-1"))
    assert len(port.executor.active) == 1


def test_a_late_fill_of_a_finished_pair_is_told_and_moves_nothing(port: FakePort) -> None:
    port.executor.start(plan())
    first, second = port.sent
    port.tell(Canceled(first.client_order_id))
    port.tell(Canceled(second.client_order_id))
    port.fill(first, "2")
    assert len(port.sent) == 2
    assert [m for m in port.published if isinstance(m, LegUpdate)][-1].filled_quantity == 2
    assert len(port.ended) == 1


def test_an_end_that_was_not_told_is_found_in_our_own_books_once_it_is_in_doubt(port: FakePort) -> None:
    port.executor.start(plan())
    first, second = port.sent
    port.fill(first)
    port.books[second.client_order_id] = Canceled(second.client_order_id, D(10))
    port.now += 1_000_000_000
    port.executor.tick()
    assert port.executor.is_busy("HYPE"), "what is not in doubt is waited for"
    port.now += 3_000_000_000
    port.executor.tick()
    port.executor.tick()
    assert [done.outcome for _, done in port.ended] == [Outcome.HEDGED]
