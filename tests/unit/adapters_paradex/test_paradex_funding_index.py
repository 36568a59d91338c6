"""The published funding index: followed, judged, and turned into what a position has accrued."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.paradex import parsing
from adapters.paradex.account import AccountView
from adapters.paradex.funding import AccrualLine, AccruingPosition, IndexSample, IndexStep, IndexWatch, Realisation
from adapters.paradex.funding_feed import FundingFeed
from adapters.paradex.schemas import FundingData, Market, Position
from adapters.paradex.status import StatusBoard
from messages import FundingClock, FundingIndex, VenueState

D = Decimal
MARKET = "BTC-USD-PERP"
NAME = f"{MARKET}.PARADEX"
SEC_NS = 10**9
PERPETUAL = parsing.instrument(
    Market(
        symbol=MARKET,
        base_currency="BTC",
        order_size_increment=D("0.00001"),
        price_tick_size=D("0.1"),
        funding_period_hours=24,
    ),
    0,
)


def sample(secs: int, index: str, premium: str = "18", period: int = 8) -> IndexSample:
    return IndexSample(at_ns=secs * SEC_NS, index_usd=D(index), premium_usd=D(premium), period_hours=D(period))


def page(shared_data) -> list[IndexSample]:
    rows = json.loads((shared_data / "raw/paradex_funding_data_page.json").read_text())["results"][::-1]
    return [
        IndexSample(
            at_ns=row["created_at"] * 1_000_000,
            index_usd=D(row["funding_index"]),
            premium_usd=D(row["funding_premium"]),
            period_hours=D(row["funding_period_hours"]),
        )
        for row in rows
    ]


def test_a_recorded_page_is_one_unbroken_index(shared_data):
    watch = IndexWatch()
    steps = [watch.take(row, D(79_000)) for row in page(shared_data)]
    assert steps == [IndexStep.FIRST] + [IndexStep.MOVED] * 59


def test_cash_over_the_recorded_page_is_the_index_difference_to_the_last_digit(shared_data):
    rows = page(shared_data)
    line, size = AccrualLine(), D("-0.37")
    line.on_position(AccruingPosition(size, rows[0].index_usd), rows[0].at_ns)
    for row in rows:
        line.on_index(row.index_usd, row.at_ns, is_reset=False)
    assert line.accrued_usd == D("0.37") * (rows[-1].index_usd - rows[0].index_usd)
    assert sum(D("0.37") * (b.index_usd - a.index_usd) for a, b in pairwise(rows)) == line.accrued_usd


@pytest.mark.parametrize("where", [1, 30, 59])
def test_a_reset_anywhere_in_the_recorded_page_is_seen_and_nothing_else(shared_data, where):
    watch, rows = IndexWatch(), page(shared_data)
    start = rows[where].index_usd
    cut = rows[:where] + [
        IndexSample(at_ns=r.at_ns, index_usd=r.index_usd - start, premium_usd=r.premium_usd, period_hours=r.period_hours)
        for r in rows[where:]
    ]
    steps = [watch.take(row, D(79_000)) for row in cut]
    assert [number for number, step in enumerate(steps) if step is IndexStep.RESET] == [where]


def test_steps_of_the_watch():
    watch = IndexWatch()
    assert watch.take(sample(0, "100"), D(60_000)) is IndexStep.FIRST
    assert watch.take(sample(5, "100.003125"), D(60_000)) is IndexStep.MOVED
    assert watch.take(sample(5, "100.003125"), D(60_000)) is IndexStep.OLD
    assert watch.take(sample(4, "0"), D(60_000)) is IndexStep.OLD  # an old row is no reset
    assert watch.take(sample(605, "100.003125"), D(60_000)) is IndexStep.PAUSED  # ten minutes in which nothing accrued
    assert watch.take(sample(610, "0"), D(60_000)) is IndexStep.RESET
    assert watch.take(sample(615, "0.003125"), D(60_000)) is IndexStep.MOVED


def test_an_hour_unheard_at_a_premium_that_had_risen_is_no_reset():
    watch = IndexWatch()
    watch.take(sample(0, "100", "2"), D(60_000))
    assert watch.take(sample(3600, "101.5", "6"), D(60_000)) is IndexStep.MOVED  # twice what either end explains
    assert watch.take(sample(3605, "1.5", "6"), D(60_000)) is IndexStep.RESET


def test_a_compressed_hour_moves_the_index_as_far_as_a_real_one():
    watch = IndexWatch(FundingClock(10.0))
    watch.take(sample(0, "100"), D(60_000))
    assert watch.take(sample(5, "101.125"), D(60_000)) is IndexStep.MOVED
    real = IndexWatch()
    real.take(sample(0, "100", "0.1"), D(100))
    assert real.take(sample(5, "101.125", "0.1"), D(100)) is IndexStep.RESET


def test_a_partial_close_realises_pro_rata_where_that_is_configured():
    position = AccruingPosition(D(2), D(100))
    cash, left = position.touch(D("-0.5"), D(103), realisation=Realisation.PRO_RATA)
    assert (cash, left) == (D("-1.5"), AccruingPosition(D("1.5"), D(100)))
    assert cash + left.accrued_usd(D(103)) == position.accrued_usd(D(103))
    for change in (D(1), D(-2), D(-3)):  # growing, closing and turning realise everything in both readings
        assert position.touch(change, D(103), realisation=Realisation.PRO_RATA) == position.touch(change, D(103))


@given(
    changes=st.lists(st.integers(-5, 5), min_size=1, max_size=8),
    steps=st.lists(st.integers(-100, 100), min_size=8, max_size=8),
    realisation=st.sampled_from(Realisation),
)
def test_neither_reading_makes_or_loses_funding(changes, steps, realisation):
    position, index, cash, integral = AccruingPosition(D(0), D(0)), D(0), D(0), D(0)
    for change, step in zip(changes, steps, strict=False):
        realized, position = position.touch(D(change), index, realisation=realisation)
        cash += realized
        integral -= position.quantity * step
        index += step
    assert abs(cash + position.accrued_usd(index) - integral) < D("1e-18")


def test_what_had_accrued_before_a_reset_is_kept_and_nothing_is_made_up():
    line = AccrualLine()
    line.on_position(AccruingPosition(D(-2), D(23_000)), 1)
    assert line.accrued_usd is None
    line.on_index(D(23_001), 2, is_reset=False)
    assert line.accrued_usd == 2
    line.on_index(D(0), 3, is_reset=True)
    assert line.accrued_usd == 2
    line.on_index(D("0.5"), 4, is_reset=False)
    assert line.accrued_usd == 3
    assert line.check(D(-46_000))  # the venue's own figure may be a difference across the reset: not believed
    assert line.accrued_usd == 3
    line.on_position(AccruingPosition(D(-1), D("0.6")), 5)  # touched: realised, and a new line
    assert line.accrued_usd == 0


def test_a_touch_younger_than_the_last_sample_accrues_nothing_backwards():
    line = AccrualLine()
    line.on_index(D(100), 10, is_reset=False)
    line.on_position(AccruingPosition(D(1), D(101)), 20)
    assert line.accrued_usd == 0
    line.on_index(D("100.5"), 15, is_reset=False)  # a sample from before the touch
    assert line.accrued_usd == 0
    line.on_index(D(102), 30, is_reset=False)
    assert line.accrued_usd == -1


def test_a_reset_nobody_saw_shows_in_the_venues_own_figure():
    line = AccrualLine()
    line.on_index(D(5), 10, is_reset=False)
    line.on_position(AccruingPosition(D(1), D(23_000)), 5)
    assert line.accrued_usd == 22_995
    assert not line.check(D("-1.5"))
    assert line.accrued_usd == D("-1.5")
    line.on_index(D(6), 20, is_reset=False)
    assert line.accrued_usd == D("-2.5")
    assert line.check(D("-1.9"))


def feed_with():
    published, states = [], []
    board = StatusBoard(lambda status: states.append((status.channel, status.state)), lambda: 0)
    return FundingFeed(published.append, board, FundingClock()), published, states


def test_every_sample_is_published_raw_with_the_markets_own_period():
    feed, published, states = feed_with()
    data = FundingData(
        market=MARKET, funding_index=D("23784.07241073547335"), funding_premium=D("6.55509500088924211"),
        funding_rate=D("0.00008100357318"), funding_period_hours=0, created_at=5,
    )  # fmt: skip
    feed.take(data, PERPETUAL)
    feed.take(data, PERPETUAL)
    assert published == [
        FundingIndex(
            venue="PARADEX", instrument_id=NAME, index_usd=D("23784.07241073547335"), premium_usd=D("6.55509500088924211"),
            rate=D("0.00008100357318"), period_hours=24, is_reset=False, ts_event_ns=5_000_000,
        )
    ]  # fmt: skip
    feed.take(
        FundingData(market=MARKET, funding_index=D(0), funding_premium=D(6), funding_rate=D("0.0001"), created_at=5005), PERPETUAL
    )
    assert published[-1].is_reset
    assert states == [("funding", VenueState.DEGRADED)]
    feed.take(FundingData(market=MARKET, funding_index=D("0.0003"), funding_premium=D(6), created_at=10_005), PERPETUAL)
    assert states[-1] == ("funding", VenueState.OK)
    feed.take(FundingData(market=MARKET, created_at=20_000), PERPETUAL)
    assert len(published) == 3


def index(value: str, at_ns: int) -> FundingIndex:
    return FundingIndex(
        venue="PARADEX", instrument_id=NAME, index_usd=D(value), premium_usd=None, rate=None, period_hours=8,
        is_reset=False, ts_event_ns=at_ns,
    )  # fmt: skip


def test_accruals_follow_the_index_and_before_it_the_venues_figure():
    view = AccountView()
    held = Position(
        market=MARKET,
        size=D("-0.5"),
        status="OPEN",
        cached_funding_index=D(100),
        unrealized_funding_pnl=D("0.7"),
        last_updated_at=1,
    )
    view.on_position(held)
    (told,) = view.accruals(9)
    assert (told.accrued_usd, told.funding_index_usd) == (D("0.7"), None)
    view.on_index(MARKET, index("102", 5_000_000))
    (accrual,) = view.accruals(9)
    assert (accrual.accrued_usd, accrual.funding_index_usd) == (D(1), D(102))
    view.on_index(MARKET, index("101", 6_000_000))
    assert view.accruals(9)[0].accrued_usd == D("0.5")
