"""The socket's protocol without a socket."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import Protocol
from adapters.hyperliquid import schemas
from adapters.hyperliquid.stream import HyperliquidStream, decode

BBO = {"type": "bbo", "coin": "BTC"}
FILLS = {"type": "userFills", "user": "0xab"}
CANDLE = (
    b'{"channel":"candle","data":{"t":1790232180000,"T":1790232239999,"s":"BTC","i":"1m","o":"84143.0","c":"84143.0",'
    b'"h":"84144.0","l":"84143.0","v":"14.27847","n":114}}'
)
SAMPLES = [
    b'{"channel":"orderUpdates","data":[{"order":{"coin":"BTC","side":"B","limitPx":"31795.0","sz":"0.00037",'
    b'"oid":57118842019,"timestamp":1785261289146,"origSz":"0.00037","cloid":"0xa1f0cddc17303d07f3fd128d5b35071d"},'
    b'"status":"open","statusTimestamp":1785261289146}]}',
    b'{"channel":"userFills","data":{"isSnapshot":true,"user":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","fills":[]}}',
    b'{"channel":"bbo","data":{"coin":"BTC","time":1790232237145,"bbo":[{"px":"84143.0","sz":"10.25923","n":26},'
    b'{"px":"84144.0","sz":"50.66422","n":18}]}}',
    b'{"channel":"l2Book","data":{"coin":"BTC","time":1785251521889,"levels":[[{"px":"63460.0","sz":"0.02666","n":2}],'
    b'[{"px":"63488.0","sz":"0.01246","n":2}]],"fast":true}}',
    b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0000018952","openInterest":"36585.31848",'
    b'"prevDayPx":"86627.0","dayNtlVlm":"4161029539.6949653625","premium":"-0.0006413454","oraclePx":"84198.0",'
    b'"markPx":"84148.0","midPx":"84143.5","impactPxs":["84143.0","84144.0"],"dayBaseVlm":"49116.08533"}}}',
    b'{"channel":"post","data":{"id":1,"response":{"type":"action","payload":{"status":"ok","response":{"type":"default"}}}}}',
    b'{"channel":"error","data":"Already subscribed: {\\"type\\":\\"l2Book\\"}"}',
    b'{"channel":"pong"}',
    CANDLE,
]


def ack(subscription, method="subscribe"):
    return msgspec.json.encode(
        {
            "channel": "subscriptionResponse",
            "data": {"method": method, "subscription": {**subscription, "aggregateByTime": False}},
        }
    )


def bbo(coin):
    return msgspec.json.encode({"channel": "bbo", "data": {"coin": coin, "time": 1, "bbo": [None, None]}})


@pytest.mark.parametrize("frame", SAMPLES)
def test_real_frames_decode(frame):
    assert decode(frame).__struct_config__.tag == msgspec.json.decode(frame)["channel"]


def test_a_second_subscription_to_a_stream_sends_nothing():
    stream = HyperliquidStream()
    assert msgspec.json.decode(stream.subscribe(BBO, 0)) == {"method": "subscribe", "subscription": BBO}
    assert stream.subscribe(dict(BBO), 0) is None
    assert msgspec.json.decode(stream.unsubscribe(("bbo", "BTC"))) == {"method": "unsubscribe", "subscription": BBO}
    assert stream.unsubscribe(("bbo", "BTC")) is None


def test_every_connection_starts_with_all_subscriptions_unacknowledged():
    stream = HyperliquidStream()
    stream.subscribe(BBO, 0)
    stream.subscribe(FILLS, 0)
    stream.receive(ack(BBO), 1)
    assert stream.pending == {("userFills", "")}
    replay = [msgspec.json.decode(message)["subscription"] for message in stream.open(2)]
    assert replay == [BBO, FILLS]
    assert stream.pending == {("bbo", "BTC"), ("userFills", "")}
    stream.receive(ack(FILLS), 3)
    stream.receive(ack(BBO), 3)
    assert not stream.pending


def test_silence_is_told_per_stream():
    stream = HyperliquidStream()
    stream.subscribe(BBO, 10)
    stream.subscribe({"type": "bbo", "coin": "ETH"}, 10)
    stream.receive(bbo("ETH"), 20)
    assert stream.last_heard_ns() == {("bbo", "BTC"): 10, ("bbo", "ETH"): 20}
    stream.receive(bbo("SOL"), 21)  # nobody asked for it
    stream.receive(bbo("BTC"), 21)
    assert stream.last_heard_ns() == {("bbo", "BTC"): 21, ("bbo", "ETH"): 20}
    stream.open(30)
    assert set(stream.last_heard_ns().values()) == {30}


def test_books_and_candles_of_one_coin_are_streams_of_their_own():
    stream = HyperliquidStream()
    wanted = [
        {"type": "l2Book", "coin": "BTC", "fast": True},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 4},
        {"type": "candle", "coin": "BTC", "interval": "1m"},
        {"type": "candle", "coin": "BTC", "interval": "1h"},
    ]
    for subscription in wanted:
        assert stream.subscribe(subscription, 0) is not None
    echoes = [{"nSigFigs": None, "mantissa": None, "fast": False, **subscription} for subscription in wanted]
    stream.receive(ack(echoes[1]), 1)
    stream.receive(ack(echoes[3]), 1)
    assert stream.pending == {("l2Book:fast", "BTC"), ("candle:1m", "BTC")}
    levels = b'"levels":[[{"px":"1","sz":"1","n":1}],[]]'
    stream.receive(b'{"channel":"l2Book","data":{"coin":"BTC","time":5,%s,"fast":true}}' % levels, 7)
    stream.receive(b'{"channel":"l2Book","data":{"coin":"BTC","time":5,%s}}' % levels, 8)
    stream.receive(CANDLE, 9)
    assert stream.last_heard_ns() == {
        ("l2Book:fast", "BTC"): 7,
        ("l2Book", "BTC"): 8,
        ("candle:1m", "BTC"): 9,
        ("candle:1h", "BTC"): 0,
    }


def test_a_stream_begun_anew_is_unacknowledged_until_its_own_acknowledgement():
    stream = HyperliquidStream()
    stream.subscribe(BBO, 0)
    stream.receive(ack(BBO), 1)
    sent = [msgspec.json.decode(message) for message in stream.resubscribe(("bbo", "BTC"))]
    assert [message["method"] for message in sent] == ["unsubscribe", "subscribe"]
    assert stream.last_heard_ns() == {("bbo", "BTC"): 0}  # still as silent as it was
    stream.receive(ack(BBO, "unsubscribe"), 2)
    assert stream.pending == {("bbo", "BTC")}
    stream.receive(ack(BBO), 3)
    assert not stream.pending
    assert stream.resubscribe(("bbo", "ETH")) == []


def test_posts_are_numbered_and_carry_the_payload_unchanged():
    stream = HyperliquidStream()
    first, message = stream.post("action", b'{"nonce":1}')
    second, _ = stream.post("action", b"{}")
    assert second == first + 1
    assert msgspec.json.decode(message) == {"method": "post", "id": first, "request": {"type": "action", "payload": {"nonce": 1}}}


@pytest.mark.parametrize(
    "wrong", [(b'"h":"84144.0"', b'"h":"84142.0"'), (b'"l":"84143.0"', b'"l":"84143.5"'), (b'"T":1790232239999', b'"T":5')]
)
def test_a_candle_that_could_be_no_bar_is_a_protocol_error(wrong):
    with pytest.raises(Protocol, match="out of order"):
        decode(CANDLE.replace(*wrong))


def test_channels_that_are_not_ours_are_passed_over():
    assert decode(b'{"channel":"webData3","data":{}}') is None


@pytest.mark.parametrize("frame", [b"", b"[]", b"nonsense", b'{"channel":5}', b'{"channel":"bbo","data":[]}', b"\xff\xfe"])
def test_broken_frames_are_protocol_errors_and_change_nothing(frame):
    stream = HyperliquidStream()
    stream.subscribe(BBO, 0)
    with pytest.raises(Protocol):
        stream.receive(frame, 9)
    assert stream.last_heard_ns() == {("bbo", "BTC"): 0}


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_mutated_frames_are_decoded_or_refused_never_a_crash(frame, data):
    mutated = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        mutated[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not mutated:
            break
    try:
        struct = decode(bytes(mutated))
    except Protocol:
        return
    assert struct is None or isinstance(struct, schemas.Frame)
