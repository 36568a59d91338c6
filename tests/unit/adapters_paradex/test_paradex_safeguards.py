"""Retail quotas, the start, busts, token lives and rate limits, each without a venue."""

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import RateLimited
from adapters.paradex import auth, busts
from adapters.paradex.http import ParadexHttp
from adapters.paradex.quota import LIMITS, RetailQuota
from adapters.paradex.schemas import Fill, Order, Position, TradeBust
from adapters.paradex.startup import StartGate
from adapters.transport import HttpResponse

D = Decimal
MARKET = "BTC-USD-PERP"


@pytest.mark.parametrize(
    ("spacing_secs", "allowed"), [(0.01, 2), (1.5, 24), (10.0, 240), (80.0, 800)], ids=["second", "minute", "hour", "day"]
)
def test_each_quota_is_kept_with_a_fifth_to_spare(spacing_secs, allowed):
    quota, now, sent = RetailQuota(), 1000.0, 0
    while quota.objection(now) is None:
        quota.count(now)
        sent, now = sent + 1, now + spacing_secs
    assert sent == allowed
    assert not quota.is_exceeded(now)
    assert "RETAIL_QUOTA" in quota.objection(now)


def test_a_window_slides_and_cancels_count():
    quota = RetailQuota()
    for at in (0.0, 0.1):
        quota.count(at)
    assert quota.objection(0.9) is not None
    assert quota.objection(1.05) is None
    assert quota.objection(1.05, orders=2) is not None
    for at in (2.0, 2.1, 2.2, 2.3):
        quota.count(at)
    assert quota.is_exceeded(2.4)


def test_what_was_sent_before_counts():
    quota = RetailQuota()
    quota.seed(float(number * 80) for number in range(800))
    assert quota.objection(64_000.0) is not None
    assert quota.objection(64_000.0 + 86_400.0) is None


@given(gaps=st.lists(st.floats(0.001, 200.0), min_size=1, max_size=120))
def test_whoever_asks_first_never_exceeds_a_quota(gaps):
    quota, now, times = RetailQuota(), 0.0, []
    for gap in gaps:
        now += gap
        if quota.objection(now) is None:
            quota.count(now)
            times.append(now)
    for limit, secs in LIMITS:
        assert all(sum(1 for at in times if end - secs < at <= end) <= limit for end in times)


def fill(name: str = "f-1", at: int = 100, market: str = MARKET, **fields) -> Fill:
    given_fields = {"side": "BUY", "price": D(60_000), "size": D("0.5"), "fee": D("13.5")} | fields
    return Fill(id=name, order_id="o-1", client_id="c-1", market=market, created_at=at, **given_fields)


def closed(at: int, status: str = "CLOSED") -> Order:
    return Order(id="o-1", market=MARKET, side="BUY", type="MARKET", size=D(1), status=status, last_updated_at=at)


def test_only_what_the_positions_do_not_contain_is_told():
    gate = StartGate()
    gate.offset_ms = 10
    items = [fill("in", 100), fill("after", 101), fill("flat-in", 210, "ETH-USD-PERP"), fill("flat-after", 211, "ETH-USD-PERP")]
    items += [closed(100), closed(101), closed(100, "OPEN"), TradeBust(busted_fill_id="x", created_at=210)]
    for item in items:
        gate.hold(item)
    gate.on_positions([Position(market=MARKET, size=D(1), last_updated_at=100)], asked_ms=200)
    contained, news = gate.open()
    assert contained == [items[0], items[2], items[4], items[7]]
    assert news == [items[1], items[3], items[5], items[6]]
    assert gate.open() == ([], [])
    assert gate.is_open


def test_without_positions_everything_is_news():
    gate = StartGate()
    gate.hold(fill())
    assert gate.open() == ([], [fill()])


def test_a_later_reading_of_positions_replaces_the_earlier_one():
    gate = StartGate()
    gate.hold(fill(at=150))
    gate.on_positions([Position(market=MARKET, size=D(1), last_updated_at=100)], asked_ms=120)
    gate.on_positions([Position(market=MARKET, size=D(2), last_updated_at=150)], asked_ms=160)
    assert gate.open() == ([fill(at=150)], [])


def test_a_reversal_mirrors_its_fill():
    bust = TradeBust(busted_fill_id="f-1", created_at=500)
    undone = busts.reversal(fill(realized_funding=D("-0.2"), remaining_size=D(1)), bust)
    assert (undone.side, undone.price, undone.size, undone.fee) == ("SELL", D(60_000), D("0.5"), D("-13.5"))
    assert (undone.id, undone.order_id, undone.client_id) == ("BUST-f-1", "BUST-f-1", None)
    assert (undone.realized_funding, undone.remaining_size, undone.created_at) == (None, None, 500)
    assert busts.reversal(fill(side="SELL", fee=None), bust).fee is None


def test_a_bust_is_news_once_and_finds_its_fill():
    book = busts.BustBook()
    bust = TradeBust(busted_fill_id="f-1", created_at=500)
    book.remember(fill())
    assert book.fill_of(bust) == fill()
    assert [book.is_news(bust), book.is_news(bust)] == [True, False]
    assert not book.is_news(TradeBust(busted_fill_id=None))
    for number in range(2000):
        book.remember(fill(f"later-{number}"))
    assert book.fill_of(bust) is None


def jwt(**claims) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (jwt(iat=1000, exp=1300), 180.0),
        (jwt(iat=1000, exp=1010), 6.0),
        (jwt(iat=1000, exp=900), 180.0),
        (jwt(sub="0x1"), 180.0),
        ("opaque", 180.0),
        ("a.%%%.c", 180.0),
    ],
)
def test_a_token_is_renewed_well_within_its_own_life(token, expected):
    assert auth.max_age_secs(token) == pytest.approx(expected)


async def test_a_short_lived_token_is_not_used_to_its_end():
    clock, issued = {"now": 0.0}, []

    async def login() -> str:
        issued.append(clock["now"])
        return jwt(iat=1000, exp=1010, n=len(issued))

    session = auth.Session(login, lambda: clock["now"])
    for now in (0.0, 5.9, 6.1, 12.0, 12.3):
        clock["now"] = now
        await session.token()
    assert issued == [0.0, 6.1, 12.3]


class Slow:
    """A transport that answers from a list and knows how long it was left alone."""

    def __init__(self, *answers: HttpResponse) -> None:
        self.answers, self.slept = list(answers), []

    async def request(self, method, url, *, headers=None, body=None, timeout_secs=None) -> HttpResponse:
        return self.answers.pop(0)

    async def sleep(self, secs: float) -> None:
        self.slept.append(secs)


def answer(status: int = 200, **headers: str) -> HttpResponse:
    body = b'{"status":"ok"}' if status == 200 else b'{"error":null,"message":"rate limit exceeded"}'
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


async def test_a_read_refused_for_rate_waits_as_long_as_the_venue_says():
    transport = Slow(answer(429, retry_after="4"), answer(429), answer())
    assert (await ParadexHttp(transport, "http://x", transport.sleep).system_state()).status == "ok"
    assert transport.slept == [4.0, 1.0]


async def test_a_read_that_keeps_being_refused_gives_up():
    transport = Slow(*[answer(429, retry_after="60")] * 3)
    with pytest.raises(RateLimited) as raised:
        await ParadexHttp(transport, "http://x", transport.sleep).system_state()
    assert raised.value.retry_after_secs == 60.0
    assert transport.slept == [10.0, 10.0]


async def test_a_used_up_limit_slows_the_next_read_down():
    spent = {"x_ratelimit_remaining": "0", "x_ratelimit_limit": "120", "x_ratelimit_window": "60"}
    transport = Slow(answer(**spent), answer(x_ratelimit_remaining="1"), answer())
    http = ParadexHttp(transport, "http://x", transport.sleep)
    for _ in range(3):
        await http.system_state()
    assert transport.slept == [0.5]
