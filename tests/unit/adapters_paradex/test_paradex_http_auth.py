import asyncio
import json
from decimal import Decimal

import pytest

from adapters.errors import Auth, Connectivity, OutcomeUnknown, Protocol, RateLimited, Rejected
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.auth import MAX_AGE_SECS, Session, login_headers
from adapters.paradex.history import hour_ends_ns, hourly_samples
from adapters.paradex.http import ParadexHttp
from adapters.paradex.schemas import MarketSummary, Order, decode
from adapters.paradex.signing import Signer
from adapters.transport import HttpResponse
from messages import FundingClock

KEY = "0x543b6cf6c91817a87174aaea4fb370ac1c694e864d7740d728f8344d53e815"
HOUR_NS = 3600 * 10**9


class Script:
    """An `HttpTransport` that answers from a list and remembers what it was asked."""

    def __init__(self, *answers) -> None:
        self.answers, self.asked = list(answers), []

    async def request(self, method, url, *, headers=None, body=None, timeout_secs=None) -> HttpResponse:
        self.asked.append((method, url, headers or {}, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        return HttpResponse(status, {"retry-after": "2"} if status == 429 else {}, json.dumps(content).encode())


class Clock:
    def __init__(self) -> None:
        self.secs = 1000.0


def account_over(*answers):
    clock, script, logins = Clock(), Script(*answers), []

    async def login() -> str:
        logins.append(clock.secs)
        return f"token-{len(logins)}"

    session = Session(login, lambda: clock.secs)
    return ParadexAccountHttp(ParadexHttp(script, "http://venue/v1"), session), script, session, logins, clock


ORDER = {
    "id": "1", "market": "BTC-USD-PERP", "side": "BUY", "type": "LIMIT", "size": "0.1", "remaining_size": "0.1",
    "status": "NEW", "price": "62000.5", "cancel_reason": "", "avg_fill_price": "", "client_id": "c", "seq_no": 5,
}  # fmt: skip


async def test_a_read_refused_for_its_token_is_repeated_once_with_a_new_one():
    expired = {"message": "missing or malformed jwt: token is expired by 9.46872137s"}
    http, script, _, logins, _ = account_over((401, expired), (200, {"results": [{"token": "USDC", "size": "12.5"}]}))
    (balance,) = await http.balances()
    assert balance.size == Decimal("12.5")
    assert len(logins) == 2
    assert [asked[2]["Authorization"] for asked in script.asked] == ["Bearer token-1", "Bearer token-2"]


async def test_a_second_refusal_is_final():
    http, script, _, _, _ = account_over((401, {}), (401, {}))
    with pytest.raises(Auth):
        await http.account()
    assert len(script.asked) == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, {"error": "SERVICE_UNAVAILABLE", "message": "x"}), OutcomeUnknown),
        ((500, {}), OutcomeUnknown),
        (Connectivity("cut"), OutcomeUnknown),
        ((401, {"message": "jwt"}), Auth),
        ((429, {"error": "X", "message": "slow"}), RateLimited),
        ((400, {"error": "INVALID_ORDER_SIZE", "message": "not a multiple"}), Rejected),
        ((503, {"error": "SYSTEM_STATUS_CANCEL_ONLY", "message": "cancel only"}), Rejected),
        ((201, {"no": "order"}), Protocol),
    ],
)
async def test_an_order_is_sent_once_whatever_the_answer(answer, expected):
    http, script, _, _, _ = account_over(answer)
    with pytest.raises(expected) as raised:
        await http.create_order({"market": "BTC-USD-PERP"})
    assert len(script.asked) == 1
    if expected is RateLimited:
        assert raised.value.retry_after_secs == 2
    if answer == (400, {"error": "INVALID_ORDER_SIZE", "message": "not a multiple"}):
        assert str(raised.value) == "INVALID_ORDER_SIZE: not a multiple"


async def test_a_read_that_fails_at_the_venue_may_be_tried_again():
    http, _, _, _, _ = account_over((502, {}), Connectivity("cut"))
    for _ in range(2):
        with pytest.raises(Connectivity):
            await http.positions()


async def test_pages_are_followed_by_their_cursor():
    http, script, _, _, _ = account_over(
        (200, {"next": "abc", "results": [ORDER]}),
        (200, {"next": None, "results": [ORDER | {"id": "2"}]}),
        (200, {"results": []}),
    )
    rows = await http.orders_by_client_id("c", "BTC-USD-PERP")
    assert [row.id for row in rows] == ["1", "2"]
    assert "cursor=abc" in script.asked[1][1]
    assert "cursor" not in script.asked[0][1]


async def test_closed_positions_are_no_positions():
    rows = [{"market": "A-USD-PERP", "size": "0", "status": "CLOSED"}, {"market": "B-USD-PERP", "size": "-1", "status": "OPEN"}]
    http, _, _, _, _ = account_over((200, {"results": rows}))
    assert [row.market for row in await http.positions()] == ["B-USD-PERP"]


async def test_markets_keep_perpetuals_only():
    perpetual = {
        "symbol": "BTC-USD-PERP", "base_currency": "BTC", "asset_kind": "PERP",
        "order_size_increment": "0.00001", "price_tick_size": "0.1",
    }  # fmt: skip
    option = {"symbol": "BTC-USD-1JAN27-100-C", "base_currency": "BTC", "asset_kind": "OPTION"}
    rows = await ParadexHttp(Script((200, {"results": [option, perpetual]})), "http://venue/v1").markets()
    assert [row.symbol for row in rows] == ["BTC-USD-PERP"]


async def test_a_token_is_renewed_by_age_and_shared():
    _, _, session, logins, clock = account_over()
    assert [await session.token(), await session.token()] == ["token-1", "token-1"]
    clock.secs += MAX_AGE_SECS + 1
    assert await asyncio.gather(session.token(), session.token()) == ["token-2", "token-2"]
    assert len(logins) == 2
    assert await session.renew("token-1") == "token-2"  # somebody else has renewed meanwhile
    assert await session.renew() == "token-3"


def test_login_headers_carry_a_decimal_signature():
    headers = login_headers(Signer("PRIVATE_SN_POTC_SEPOLIA", "0x129c", KEY), 1_759_500_000)
    assert headers["PARADEX-TIMESTAMP"] == "1759500000"
    assert headers["PARADEX-SIGNATURE-EXPIRATION"] == "1759501800"
    assert all(part.isdigit() for part in json.loads(headers["PARADEX-STARKNET-SIGNATURE"]))


def test_empty_strings_are_missing_values():
    order = decode(Order, json.dumps(ORDER).encode())
    assert (order.avg_fill_price, order.cancel_reason, order.price) == (None, None, Decimal("62000.5"))
    colon = decode(Order, json.dumps(ORDER | {"client_id": 'a:""'}).encode())
    assert colon.client_id == 'a:""'


def test_recorded_summaries_of_every_kind_decode(shared_data):
    rows = json.loads((shared_data / "raw/paradex/markets_summary_excerpt_2026-07-06.json").read_text())
    found = [decode(MarketSummary, json.dumps(row).encode()) for row in (rows["results"] if isinstance(rows, dict) else rows)]
    assert len(found) == 4
    assert found[0].mark_price == Decimal("62822.62432928")
    assert any(row.funding_rate is None for row in found)


def test_history_is_asked_for_by_whole_hours():
    now = 100 * HOUR_NS + 5
    assert hour_ends_ns(FundingClock(), None, now, 3) == [98 * HOUR_NS, 99 * HOUR_NS, 100 * HOUR_NS]
    assert len(hour_ends_ns(FundingClock(), None, now, 0)) == 24
    assert hour_ends_ns(FundingClock(), 98 * HOUR_NS + 1, now, 0) == [99 * HOUR_NS, 100 * HOUR_NS]


async def test_history_takes_one_sample_an_hour():
    row = {"market": "BTC-USD-PERP", "funding_rate": "0.0001", "funding_rate_8h": "", "funding_period_hours": 0, "created_at": 1}
    script = Script(*[(200, {"results": [row]})] * 2)
    http = ParadexHttp(script, "http://venue/v1")
    rows = await hourly_samples(http, "BTC-USD-PERP", clock=FundingClock(), start_ns=None, end_ns=50 * HOUR_NS, limit=2)
    assert [row.funding_rate for row in rows] == [Decimal("0.0001")] * 2
    assert all("page_size=1" in asked[1] for asked in script.asked)
