"""One leg rests, the other follows what has been seen to fill."""

from decimal import Decimal

import msgspec
import pytest

from messages import Intent, Side
from strategies.pair import PairMachine
from strategies.pair_orders import (
    Accepted,
    Action,
    Cancel,
    Canceled,
    Done,
    Doubt,
    Event,
    Filled,
    LegRequest,
    Outcome,
    Rejected,
    Submit,
    Tick,
    WindUp,
)
from strategies.pair_plan import LegPlan, Mode, PairPlan, Policy, clip_of
from strategies.sizing import LegRules

D = Decimal
SEC = 1_000_000_000
POLICY = Policy(max_slippage_bps=D(10), maker_deadline_ns=20 * SEC)
RULES = LegRules(size_step=D("0.01"), min_quantity=D("0.01"), min_notional_usd=D(10), price_step=D("0.001"))
RESTING, HEDGING = 1, 0


def plan(intent: Intent = Intent.OPEN, clip: str | None = None) -> PairPlan:
    held, target = (D(0), D(10)) if intent is Intent.OPEN else (D(10), D(0))
    first, second = (
        LegPlan(
            venue=venue,
            instrument_id=f"HYPE-USD-PERP.{venue}",
            direction=side,
            held=held,
            target=target,
            reference_price_usd=D(40),
            rules=RULES,
        )
        for venue, side in (("HYPERLIQUID", Side.BUY), ("PARADEX", Side.SELL))
    )
    return PairPlan(
        pair_id="HYPE-O1-abc",
        asset="HYPE",
        intent=intent,
        legs=(first, second),
        clip=None if clip is None else D(clip),
        mode=Mode.MAKER,
        maker_leg=RESTING,
    )


def requests(actions: tuple[Action, ...]) -> list[LegRequest]:
    return [request for action in actions if isinstance(action, Submit) for request in action.requests]


class Run:
    def __init__(self, pair: PairPlan) -> None:
        self.machine, self.now_ns, self.trades = PairMachine(pair, POLICY), SEC, 0
        self.last = self.machine.start(self.now_ns)
        (self.resting,) = requests(self.last)
        self.place(self.resting)

    def place(self, request: LegRequest, price: str = "40") -> None:
        self.resting = request
        self.machine.orders[request.client_order_id].limit_price_usd = D(price)
        self.tell(Accepted(request.client_order_id))

    def tell(self, event: Event) -> tuple[Action, ...]:
        self.last = self.machine.handle(event, self.now_ns)
        return self.last

    def later(self, secs: float, passive: str | None = None) -> tuple[Action, ...]:
        self.now_ns += round(secs * SEC)
        return self.tell(Tick(None if passive is None else D(passive)))

    def fill(self, request: LegRequest, quantity: str | None = None) -> tuple[Action, ...]:
        self.trades += 1
        size = request.quantity if quantity is None else D(quantity)
        return self.tell(Filled(request.client_order_id, f"T{self.trades}", size, D(40)))

    def cancel(self, request: LegRequest, filled: str = "0") -> tuple[Action, ...]:
        return self.tell(Canceled(request.client_order_id, D(filled)))


def test_only_the_resting_leg_goes_out_first_and_an_id_is_set_aside_for_its_hedge() -> None:
    run = Run(plan())
    assert (run.resting.leg, run.resting.post_only, run.resting.quantity) == (RESTING, True, 10)
    ((submit,),) = (PairMachine(plan(), POLICY).start(SEC),)
    assert isinstance(submit, Submit)
    (reserved,) = submit.reserved
    assert (reserved.leg, reserved.client_order_id, reserved.quantity) == (HEDGING, "HYPE-O1-abc-A1", 10)
    assert reserved.is_reserved


def test_every_fill_that_is_seen_is_hedged_at_once_and_no_more_than_it() -> None:
    run = Run(plan())
    (hedge,) = requests(run.fill(run.resting, "4"))
    assert (hedge.leg, hedge.side, hedge.quantity, hedge.client_order_id) == (HEDGING, Side.BUY, 4, "HYPE-O1-abc-A1")
    assert hedge.reference_price_usd is None, "at the market of the moment"
    assert run.fill(run.resting, "3") == (), "one hedge at a time"
    (second,) = requests(run.fill(hedge))
    assert (second.quantity, second.client_order_id) == (3, "HYPE-O1-abc-A2")
    run.fill(second)
    (third,) = requests(run.fill(run.resting, "3"))
    assert run.fill(third) == (Done(Outcome.HEDGED, "complete"),)
    assert run.machine.is_clean
    assert run.machine.is_fulfilled


def test_a_fill_too_small_to_hedge_waits_for_more_of_it() -> None:
    run = Run(plan())
    assert run.fill(run.resting, "0.2") == ()  # 8 USD
    (hedge,) = requests(run.fill(run.resting, "0.2"))
    assert hedge.quantity == D("0.4")


def test_what_rests_follows_the_market_and_never_twice_at_a_time() -> None:
    run = Run(plan())
    assert run.later(1, "40.003") == ()
    assert run.later(1, "40.01") == (Cancel(run.resting.client_order_id),)
    assert run.later(1, "40.02") == (), "the cancel is on its way"
    (moved,) = requests(run.cancel(run.resting))
    assert (moved.client_order_id, moved.quantity, moved.post_only) == ("HYPE-O1-abc-B2", 10, True)


def test_a_fill_on_the_way_of_a_cancel_is_hedged_and_only_the_rest_rests_again() -> None:
    run = Run(plan())
    run.later(1, "40.01")
    (hedge,) = requests(run.cancel(run.resting, "6"))
    assert (hedge.leg, hedge.quantity) == (HEDGING, 6)
    (moved,) = requests(run.fill(hedge))
    assert (moved.leg, moved.quantity) == (RESTING, 4)


def test_past_the_deadline_the_rest_is_taken_on_both_legs() -> None:
    run = Run(plan())
    (hedge,) = requests(run.fill(run.resting, "4"))
    run.fill(hedge)
    assert run.later(20) == (Cancel(run.resting.client_order_id),)
    taken = requests(run.cancel(run.resting, "4"))
    assert [(request.leg, request.quantity, request.post_only) for request in taken] == [(0, 6, False), (1, 6, False)]
    assert [request.client_order_id for request in taken] == ["HYPE-O1-abc-A3", "HYPE-O1-abc-B2"], "A2 was set aside"
    run.fill(taken[0])
    assert run.fill(taken[1]) == (Done(Outcome.HEDGED, "complete"),)


def test_clips_rest_one_after_the_other_each_with_a_deadline_of_its_own() -> None:
    run = Run(plan(clip="4"))
    assert run.resting.quantity == D("3.34"), "three equal clips"
    run.now_ns += 15 * SEC
    (hedge,) = requests(run.fill(run.resting))
    (second,) = requests(run.fill(hedge))
    assert (second.leg, second.post_only, second.quantity) == (RESTING, True, D("3.33"))
    run.place(second)
    assert run.later(15) == ()
    assert run.later(5) == (Cancel(second.client_order_id),)


def test_a_hedge_that_keeps_missing_ends_the_resting_and_the_leg_is_trimmed() -> None:
    run = Run(plan())
    actions = run.fill(run.resting, "4")
    slippages = []
    for _ in range(POLICY.max_retries + 1):
        (hedge,) = requests(actions)
        slippages.append(hedge.slippage_bps)
        actions = run.cancel(hedge)
    assert slippages == [10, 15, 20]
    assert actions == (Cancel(run.resting.client_order_id),)
    actions = run.cancel(run.resting, "4")
    while requests(actions)[0].leg == HEDGING:  # completed as a taker would, in vain
        actions = run.cancel(requests(actions)[0])
    (trim,) = requests(actions)
    assert (trim.leg, trim.side, trim.quantity, trim.reduce_only) == (RESTING, Side.BUY, 4, True)
    (done,) = run.fill(trim)
    assert done == Done(Outcome.FLAT, "complete")
    assert not run.machine.is_clean


def test_a_hedge_that_is_refused_is_not_tried_again() -> None:
    run = Run(plan())
    (hedge,) = requests(run.fill(run.resting, "4"))
    assert run.tell(Rejected(hedge.client_order_id, "MARGIN")) == (Cancel(run.resting.client_order_id),)
    (trim,) = requests(run.cancel(run.resting, "4"))
    assert (trim.leg, trim.reduce_only, trim.quantity) == (RESTING, True, 4)
    assert run.fill(trim) == (Done(Outcome.FLAT, "MARGIN"),)


def test_a_hedge_in_doubt_takes_the_resting_order_away_and_nothing_else_is_sent() -> None:
    run = Run(plan())
    (hedge,) = requests(run.fill(run.resting, "4"))
    assert run.later(3) == (Doubt(hedge.client_order_id), Cancel(run.resting.client_order_id))
    assert requests(run.cancel(run.resting, "4")) == []
    assert run.fill(hedge) == (Done(Outcome.HEDGED, "complete"),)
    assert not run.machine.is_fulfilled


def test_a_venue_that_thinks_it_would_cross_is_given_a_moment_and_a_few_tries() -> None:
    run = Run(plan())
    key, tries = run.resting.client_order_id, 1
    actions: tuple[Action, ...] = run.tell(Rejected(key, "POST_ONLY_WOULD_CROSS"))
    assert actions == ()
    while not requests(actions):
        (again,) = requests(run.later(0.5))
        assert again.post_only
        tries += 1
        actions = run.tell(Rejected(again.client_order_id, "POST_ONLY_WOULD_CROSS"))
    assert tries == 6
    assert {request.leg for request in requests(actions)} == {0, 1}, "then it is taken"


def test_a_cancel_that_gets_lost_is_asked_for_again() -> None:
    run = Run(plan())
    run.later(1, "40.01")
    assert Cancel(run.resting.client_order_id) in run.later(3, "40.01")
    assert Cancel(run.resting.client_order_id) in run.later(3, "40.01")


def test_a_close_rests_and_follows_in_the_same_way_and_only_reduces() -> None:
    run = Run(plan(Intent.CLOSE))
    assert (run.resting.side, run.resting.reduce_only, run.resting.post_only) == (Side.BUY, True, True)
    (hedge,) = requests(run.fill(run.resting, "4"))
    assert (hedge.leg, hedge.side, hedge.quantity, hedge.reduce_only) == (HEDGING, Side.SELL, 4, True)
    run.fill(hedge)
    (hedge,) = requests(run.fill(run.resting, "6"))
    assert run.fill(hedge) == (Done(Outcome.FLAT, "complete"),)


def test_winding_up_an_opening_keeps_what_is_hedged_and_takes_the_rest_away() -> None:
    run = Run(plan())
    (hedge,) = requests(run.fill(run.resting, "4"))
    assert run.tell(WindUp()) == (Cancel(run.resting.client_order_id),)
    run.fill(hedge)
    assert run.cancel(run.resting, "4") == (Done(Outcome.HEDGED, "complete"),)
    closing = Run(plan(Intent.CLOSE))
    assert closing.tell(WindUp()) == (), "a close goes on"


def test_a_clock_that_goes_back_neither_prolongs_a_deadline_nor_a_pause() -> None:
    run = Run(plan())
    run.now_ns -= 3600 * SEC
    assert run.tell(Tick()) == (Cancel(run.resting.client_order_id),)


@pytest.mark.parametrize(
    ("remaining", "clip", "expected"),
    [("10", None, "10"), ("10", "10", "10"), ("10", "4", "3.34"), ("0", "4", "0")],
)
def test_clips_are_equal_and_never_above_the_clip(remaining: str, clip: str | None, expected: str) -> None:
    assert clip_of(D(remaining), None if clip is None else D(clip), D("0.01")) == D(expected)


# As takers, clip by clip.


def taking(intent: Intent, clip: str) -> PairPlan:
    return msgspec.structs.replace(plan(intent, clip), mode=Mode.TAKER)


def test_takers_send_the_next_clip_when_both_legs_have_followed() -> None:
    machine, sent = PairMachine(taking(Intent.OPEN, "4"), POLICY), []
    actions = machine.start(SEC)
    while batch := requests(actions):
        sent.append([request.quantity for request in batch])
        for request in batch:
            actions = machine.handle(Filled(request.client_order_id, request.client_order_id, request.quantity, D(40)), SEC)
    assert sent == [[D("3.34")] * 2, [D("3.33")] * 2, [D("3.33")] * 2]
    assert machine.done == Done(Outcome.HEDGED, "complete")
    assert (machine.position(0), machine.position(1)) == (10, -10)


def test_a_clip_that_falls_short_is_the_last_one() -> None:
    machine = PairMachine(taking(Intent.OPEN, "4"), POLICY)
    first, second = requests(machine.start(SEC))
    for request in (first, second):
        machine.handle(Filled(request.client_order_id, request.client_order_id, D(2), D(40)), SEC)
        actions = machine.handle(Canceled(request.client_order_id, D(2)), SEC)
    assert actions == (Done(Outcome.HEDGED, "complete"),)
    assert not machine.is_fulfilled


def test_a_close_makes_the_legs_equal_before_its_next_clip() -> None:
    machine = PairMachine(taking(Intent.CLOSE, "5"), POLICY)
    first, second = requests(machine.start(SEC))
    assert first.quantity == second.quantity == 5
    machine.handle(Filled(first.client_order_id, "1", D(5), D(40)), SEC)
    (rest,) = requests(machine.handle(Canceled(second.client_order_id, D(2)), SEC))
    assert (rest.leg, rest.quantity) == (1, 3)
    following = requests(machine.handle(Filled(rest.client_order_id, "2", D(3), D(40)), SEC))
    assert [request.quantity for request in following] == [5, 5]
