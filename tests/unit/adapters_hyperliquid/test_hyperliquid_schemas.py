"""Recorded answers of the real venue decode without loss."""

import json
from decimal import Decimal

import msgspec
import pytest

from adapters.hyperliquid import account_schemas, listing_schemas, schemas

RECORDINGS = [
    ("meta.json", listing_schemas.Meta),
    ("clearinghouseState.json", schemas.ClearinghouseState),
    ("frontendOpenOrders.json", list[schemas.Order]),
    ("openOrders.json", list[schemas.Order]),
    ("historicalOrders.json", list[schemas.OrderUpdate]),
    ("userFills.json", list[schemas.Fill]),
    ("userFillsByTime.json", list[schemas.Fill]),
    ("userFunding_start_end.json", list[account_schemas.FundingLedgerRow]),
    ("userFunding_start_only.json", list[account_schemas.FundingLedgerRow]),
    ("fundingHistory_btc_start_end.json", list[schemas.FundingHistoryRow]),
    ("fundingHistory_btc_start_only.json", list[schemas.FundingHistoryRow]),
    ("l2Book_dydx.json", schemas.BookData),
    ("candleSnapshot_kpepe_1h.json", list[schemas.Candle]),
    ("extraAgents.json", list[account_schemas.ExtraAgent]),
    ("userRateLimit.json", account_schemas.ActionLimits),
    ("userRole.json", account_schemas.UserRole),
]


def recorded(shared_data, name):
    return json.loads((shared_data / "raw" / "hyperliquid" / name).read_text())["response"]["body"]


def assert_contained(ours, theirs, path="$"):
    """Everything we decoded is in the original, at the same place, with the same value."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            if key in theirs:
                assert_contained(value, theirs[key], f"{path}.{key}")
            else:
                assert value in (None, False, "", 0, "0", "USDC", []), f"{path}.{key} was made up: {value!r}"
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), path
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_contained(one, other, f"{path}[{i}]")
    elif isinstance(theirs, str) and isinstance(ours, (str, float)) and ours != theirs:
        assert Decimal(str(ours)) == Decimal(theirs), path
    else:
        assert ours == theirs, path


@pytest.mark.parametrize(("name", "kind"), RECORDINGS)
def test_recorded_answers_decode_without_loss(shared_data, name, kind):
    body = recorded(shared_data, name)
    struct = msgspec.json.decode(json.dumps(body), type=kind, strict=False)
    assert_contained(json.loads(msgspec.json.encode(struct)), body)


def test_recorded_funding_has_the_sign_of_cash(shared_data):
    for row in recorded(shared_data, "userFunding_start_only.json"):
        delta = msgspec.convert(row, account_schemas.FundingLedgerRow, strict=False).delta
        assert (delta.usdc > 0) == (delta.szi * delta.funding_rate < 0) or delta.usdc == 0


def test_frames_with_fields_unknown_to_us_decode():
    frame = b'{"channel":"bbo","new":1,"data":{"coin":"BTC","time":5,"seq":9,"bbo":[{"px":"1.5","sz":"2","n":3,"x":{}},null]}}'
    decoded = msgspec.json.decode(frame, type=schemas.BboFrame, strict=False)
    assert decoded.data == schemas.BboData("BTC", 5, (schemas.Level(1.5, 2.0), None))


def test_optional_fields_of_a_fill_have_defaults():
    frame = (
        b'{"coin":"@107","px":"34.895","sz":"0.5","side":"B","time":1764840678849,"startPosition":"0.01388282","dir":"Buy",'
        b'"closedPnl":"0.0","hash":"0x01","oid":257770947487,"crossed":true,"fee":"0.00031499","tid":1,"feeToken":"HYPE",'
        b'"twapId":null}'
    )
    fill = msgspec.json.decode(frame, type=schemas.Fill)
    assert (fill.cloid, fill.liquidation, fill.fee_token, fill.fee) == (None, None, "HYPE", Decimal("0.00031499"))
