"""Pairs that grow and shrink, and positions of which only a venue knows."""

from decimal import Decimal

import msgspec
import pytest
from arbitrage_scene import HYPERLIQUID, PARADEX, Scene
from test_holdings_dispatcher import HL, MARKETS, PDX, seen

from messages import Action, Alert, Intent, LegState, PositionHealth, Side, Signal, topics
from risk.checks import Refused
from risk.limits import Limits
from strategies.dispatcher import Terms, plan_resize
from strategies.execution import ExecutionTerms
from strategies.pair_plan import PairPlan

D = Decimal
HELD = {HL: D(-100), PDX: D(100)}  # some 4,000 USD


def resize(target: str, *, snapshot=None, limits: Limits | None = None) -> PairPlan | Refused | None:
    signal = Signal(
        action=Action.RESIZE,
        asset="HYPE",
        long_venue=PDX,
        short_venue=HL,
        spread_apr=D("0.1"),
        absorbable_usd=D(50_000),
        reason="",
        ts_ns=0,
        target_usd=D(target),
    )
    terms = Terms(pair_notional_usd=D(9_900), max_slippage_bps=D(10))
    return plan_resize("HYPE-S1-x", signal, HELD, MARKETS, snapshot=snapshot or seen(), limits=limits or Limits(), terms=terms)


def test_growing_adds_the_same_quantity_to_both_legs() -> None:
    plan = resize("8000")
    assert isinstance(plan, PairPlan)
    assert plan.intent is Intent.OPEN
    assert [(leg.venue, leg.direction, leg.held) for leg in plan.legs] == [(HL, Side.SELL, 100), (PDX, Side.BUY, 100)]
    assert plan.legs[0].target == plan.legs[1].target
    assert 7_900 < plan.legs[0].target * D("40.05") <= 8_000


def test_shrinking_takes_the_same_quantity_off_both_legs_and_asks_no_rule() -> None:
    plan = resize("1000", snapshot=seen("0", blocked={PDX: "MAINTENANCE"}))
    assert isinstance(plan, PairPlan)
    assert plan.intent is Intent.CLOSE
    assert plan.legs[0].target == plan.legs[1].target
    assert 1_000 <= plan.legs[0].target * D("40.05") < 1_010


@pytest.mark.parametrize("target", ["5", "0", "-10"])
def test_a_pair_that_would_be_too_small_to_close_is_closed_whole(target: str) -> None:
    plan = resize(target)
    assert isinstance(plan, PairPlan)
    assert [leg.target for leg in plan.legs] == [0, 0]


def test_a_change_that_no_venue_would_take_is_none() -> None:
    assert resize("4006") is None


def test_growing_is_refused_by_the_rules_on_top_of_what_is_held() -> None:
    held = {m.view.instrument_id: m.view for m in MARKETS.values()}
    assert held
    refused = resize("8000", snapshot=seen(blocked={PDX: "MAINTENANCE"}))
    assert isinstance(refused, Refused)
    assert refused.reason == "VENUE_BLOCKED"


WIDE_HL = {HYPERLIQUID: lambda _second: "0.0001", PARADEX: lambda _second: "0.0001"}


def test_a_pair_that_books_allow_more_of_grows_clip_by_clip_and_stays_hedged() -> None:
    scene = Scene(settings={"min_absorbable_usd": D(3_000), "execution": ExecutionTerms(clip_usd=D(1_500)), "cooldown_secs": 2.0})
    scene.feed(24, WIDE_HL, sizes={venue: lambda _second: "100" for venue in (HYPERLIQUID, PARADEX)})
    sizes: list[Decimal] = []
    for second in (4.1, 20.1):
        scene.at(second, lambda: sizes.append(scene.net(PARADEX)))
    scene.run()
    assert 0 < sizes[0] < sizes[1]
    assert len(scene.pairs) > 2
    assert scene.net(HYPERLIQUID) == -scene.net(PARADEX)
    assert all(leg.quantity * 40 < 1_510 for pair in scene.pairs for leg in pair.legs)
    assert {leg.state for leg in scene.legs} <= {LegState.PENDING, LegState.ACTIVE, LegState.PARTIALLY_FILLED, LegState.FILLED}


class Truth:
    """Notes what is asked."""

    def __init__(self) -> None:
        self.positions: list[str] = []

    def ask_order(self, *_: object) -> None:
        raise AssertionError("nothing is in doubt")

    def ask_position(self, instrument_id: str) -> None:
        self.positions.append(instrument_id)


def test_a_position_that_only_its_venue_knows_is_asked_for_and_told_of() -> None:
    scene, truth = Scene(), Truth()
    scene.strategy._comparison._truth = truth
    scene.reporter.phantoms = (
        PositionHealth(
            instrument_id="HYPE-USD-PERP.PARADEX",
            quantity=D(5),
            entry_price_usd=D(40),
            unrealized_pnl_usd=D(0),
            liquidation_price_usd=None,
        ),
    )
    alerts: list[Alert] = []
    scene.engine.kernel.msgbus.subscribe(topic=topics.ALERT, handler=alerts.append)
    scene.feed(20, WIDE_HL)
    scene.run()
    assert set(truth.positions) == {"HYPE-USD-PERP.PARADEX"}
    assert 1 <= len(truth.positions) <= 6, "ever more rarely"
    assert "PositionDisagrees" in {alert.name for alert in alerts}
    assert scene.orders() == []


def test_what_a_plan_says_survives_the_journal() -> None:
    plan = resize("8000")
    assert msgspec.json.decode(msgspec.json.encode(plan), type=PairPlan) == plan
