"""Whatever arrives, the venue answers or calls it malformed; it never breaks."""

import contextlib
import copy
import json
from types import SimpleNamespace

import pytest
from eth_account import Account
from hyperliquid.utils.signing import sign_l1_action
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messages import FundingClock
from simulators.faults import FaultBoard
from simulators.hyperliquid import HyperliquidVenue
from simulators.hyperliquid.actions import Malformed
from simulators.hyperliquid.connection import Session
from simulators.hyperliquid.info import FIXED, UnknownDex
from simulators.hyperliquid.server import KEYS
from simulators.hyperliquid.streams import FatalSubscription, InvalidSubscription, Subscription, shape_of
from simulators.tape import TapeClock, scenario

NOW_NS = 1_795_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000
USER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
WALLET = Account.from_key(KEYS["trader"])
FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = (
    st.none() | st.booleans() | st.integers(-1, 2**70) | st.text(max_size=5) | st.sampled_from(["1e999", "NaN", "-1", "0", USER])
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2))


@pytest.fixture(scope="module")
def venue():
    clock = TapeClock(FundingClock(10.0), NOW_NS)
    return HyperliquidVenue(tape=scenario("calm", 1), clock=clock, seed=1, faults=FaultBoard())


def order(**changes):
    return {"a": 0, "b": True, "p": "80000", "s": "0.01", "r": False, "t": {"limit": {"tif": "Gtc"}}, **changes}


ACTIONS = [
    {"type": "order", "orders": [order()], "grouping": "na"},
    {"type": "cancel", "cancels": [{"a": 0, "o": 1}]},
    {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": "0x" + "0" * 32}]},
    {"type": "modify", "oid": 1, "order": order()},
    {"type": "batchModify", "modifies": [{"oid": 1, "order": order()}]},
    {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 3},
    {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": 1_000_000},
    {"type": "scheduleCancel", "time": 1},
    {"type": "agentSetAbstraction", "abstraction": "u"},
    {"type": "reserveRequestWeight", "weight": 1},
    {"type": "order", "orders": [order(t={"trigger": {"isMarket": True, "triggerPx": "1", "tpsl": "sl"}})], "grouping": "na"},
    {
        "type": "usdClassTransfer",
        "signatureChainId": "0x1",
        "hyperliquidChain": "Mainnet",
        "amount": "1",
        "toPerp": True,
        "nonce": 1,
    },
    {"type": "approveAgent", "signatureChainId": "0x1", "hyperliquidChain": "Mainnet", "agentAddress": USER, "nonce": 1},
    {
        "type": "userSetAbstraction",
        "signatureChainId": "0x1",
        "hyperliquidChain": "Mainnet",
        "user": USER,
        "abstraction": "disabled",
        "nonce": 1,
    },
]


def places(value, path=()):
    """Every path into a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


@st.composite
def spoiled(draw, originals):
    """One of the originals with one value replaced."""
    result = {"root": copy.deepcopy(draw(st.sampled_from(originals)))}
    path = ("root", *draw(st.sampled_from(list(places(result["root"])))))
    target = result
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = draw(values)
    return result["root"]


ENVELOPES = [
    {"action": action, "nonce": 1, "signature": {"r": "0x1", "s": "0x1", "v": 27}, "vaultAddress": None, "expiresAfter": None}
    for action in ACTIONS
]


@FUZZ
@given(spoiled(ENVELOPES))
def test_any_envelope(venue, envelope):
    try:
        reply = venue.exchange.handle(envelope, NOW_NS)
    except Malformed:
        return
    assert reply["status"] == "err"


SIGNED_BY_L1 = [action for action in ACTIONS if "signatureChainId" not in action]


@FUZZ
@given(spoiled(SIGNED_BY_L1), st.integers(0, 86_000_000))
def test_any_signed_action(venue, action, later):
    nonce = NOW_MS + later
    try:
        signature = sign_l1_action(WALLET, action, None, nonce, None, True)
    except (TypeError, ValueError, OverflowError):
        return
    try:
        reply = venue.exchange.handle({"action": action, "nonce": nonce, "signature": signature}, NOW_NS)
    except Malformed:
        return
    assert reply["status"] in ("ok", "err")


TYPES = [*FIXED, "clearinghouseState", "userFills", "l2Book", "recentTrades", "candleSnapshot", "fundingHistory", "orderStatus"]
TYPES += ["userFillsByTime", "userFunding", "userRole", "activeAssetData", "extraAgents", "marginTable", "historicalOrders"]
REQUESTS = [
    {"type": kind, "user": USER, "coin": "BTC", "oid": 1, "id": 52, "startTime": 0, "req": {"coin": "BTC", "interval": "1m"}}
    for kind in TYPES
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request_: request_["type"])
def test_every_request_is_answered(venue, request_):
    venue._info.answer(request_, NOW_NS)


@FUZZ
@given(spoiled(REQUESTS))
def test_any_request(venue, request_):
    with contextlib.suppress(Malformed, UnknownDex):
        venue._info.answer(request_, NOW_NS)


SUBSCRIPTIONS = [
    {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 2, "fast": True},
    {"type": "candle", "coin": "BTC", "interval": "1m"},
    {"type": "userFills", "user": USER, "aggregateByTime": False},
    {"type": "activeAssetData", "user": USER, "coin": "BTC"},
    {"type": "allMids", "dex": ""},
]


@FUZZ
@given(spoiled(SUBSCRIPTIONS))
def test_any_subscription(venue, raw):
    try:
        item = Subscription(shape_of(raw, venue.engine))
    except (InvalidSubscription, FatalSubscription, TypeError):  # the session answers each of them
        return
    for frame in venue.sessions._streams.first(item, NOW_NS):
        assert set(frame) == {"channel", "data"}


MESSAGES = [
    {"method": "ping"},
    *({"method": "subscribe", "subscription": subscription} for subscription in SUBSCRIPTIONS),
    {"method": "unsubscribe", "subscription": SUBSCRIPTIONS[0]},
    *({"method": "post", "id": 1, "request": {"type": "info", "payload": request}} for request in REQUESTS[:8]),
    *({"method": "post", "id": 1, "request": {"type": "action", "payload": envelope}} for envelope in ENVELOPES[:4]),
]


class Line:
    """The transport of a connection that only notes whether it was cut."""

    is_cut = False

    def abort(self):
        self.is_cut = True


@FUZZ
@given(spoiled(MESSAGES), st.sampled_from(["", "[" * 200_000, '"', "Infinity"]))
async def test_any_message_is_answered_or_ends_the_connection(venue, message, tail):
    session = Session(None, SimpleNamespace(remote="peer", transport=Line()))
    for text in (json.dumps(message), json.dumps(message) + tail, json.dumps(message).replace("1", "Infinity", 1)):
        before = session._queue.qsize()
        venue.sessions._receive(session, text)
        assert session._queue.qsize() > before or session._request.transport.is_cut
