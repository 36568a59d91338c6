import base64
import json
import random
import struct
from decimal import Decimal

import pytest

from adapters.errors import Protocol
from adapters.paradex import sbe
from adapters.paradex.schemas import Account, Bbo, Book, Fill, FundingData, Heartbeat, MarketSummary, Order, Position, Trade

NULL = -(2**63)
TS_US = 1_791_421_923_325_000
ADDRESS = bytes(31) + b"\x07"


def text(*values: str) -> bytes:
    return b"".join(bytes([len(value)]) + value.encode() for value in values)


def frame(template: int, block: bytes, tail: bytes, version: int = 2, schema: int = 1) -> bytes:
    return struct.pack("<4H", len(block), template, schema, version) + block + tail


def bbo_frame(**kwargs) -> bytes:
    block = struct.pack("<6q", TS_US, 5, 8_342_270_000_000, 15_000, 8_345_290_000_000, NULL)
    return frame(2, block + kwargs.pop("appended", b""), text("BTC-USD-PERP"), **kwargs)


def order_frame(version: int = 2, flags: int = 1) -> bytes:
    numbers = (6_200_050_000_000, 0, 12_300_000, 2_300_000, 6_200_040_000_000, TS_US, TS_US + 1000)
    block = struct.pack("<qqBBBB7q32sqqBB", TS_US, 9, 4, 2, 1, 2, *numbers, ADDRESS, TS_US, TS_US, 2, flags)
    tail = text("1681462103821101699438490000", "h-1", "BTC-USD-PERP", "NOT_ENOUGH_MARGIN")
    if version == 2:
        block, tail = block + bytes([3, 1]), tail + text("r-1", "too late")
    return frame(20, block, tail, version)


def fill_frame(version: int = 2) -> bytes:
    block = struct.pack(
        "<qqBBBqqqqq32sqq",
        *(TS_US, 9, 1, 1, 2, 3_000_012_000_000, 50_000_000, 756_000_000, NULL, TS_US, ADDRESS, 3_000_100_000_000, -12_000_000),
    )
    tail = text("8615262148007718462", "1681462103821101699438490000", "h-1", "t-1", "BTC-USD-PERP")
    if version == 2:
        block, tail = block + struct.pack("<BQ", 5, 12345), tail + text("USDC")
    return frame(21, block, tail, version)


def position_frame(side: int = 2, size: int = 1_000_000) -> bytes:
    values = (size, 6_483_996_053_748, -239_677_214, 0, 6_400_000_000_000, NULL, 500_000_000, TS_US)
    more = (6_485_290_000_000, 64_839_960_539, 64_852_900_000, 3_520_210_023_510, -11_214_013)
    block = struct.pack("<qqB8q32s5qB", TS_US, 9, side, *values, ADDRESS, *more, 1)
    return frame(22, block, text("BTC-USD-PERP", "1718947571560201703986670001"))


def account_frame() -> bytes:
    values = (1230, 7327647229774, 6300859689218, 3159725239676, 13628506918911, 0)
    block = struct.pack("<qq6qq32sqBq", TS_US, 9, *values, TS_US, ADDRESS, 10468781679560, 1, 0)
    return frame(23, block, text("USDC"))


def funding_frame(period: int = 8) -> bytes:
    block = struct.pack("<7qhq", TS_US, 9, 8100, 2_378_407_241_073, TS_US, 655_509_500, 8100, period, -28133)
    return frame(5, block, text("BTC-USD-PERP"))


def summary_frame(version: int = 2) -> bytes:
    values = [TS_US, 9, 6_282_262_432_928, 6_283_184_112_235, 6_282_410_000_000, 1, 5_604_440_000, 9094]
    values += [NULL] * (27 - len(values))
    block = struct.pack("<27q", *values) + (b"" if version == 0 else struct.pack("<3q", NULL, NULL, 90_942_407))
    return frame(4, block, text("BTC-USD-PERP"), version)


def trade_frame(version: int = 2) -> bytes:
    block = struct.pack("<qqqBqqqB", TS_US, 9, 77, 2, 6_957_820_000_000, 2_600_000, TS_US, 1)
    tail = text("BTC-USD-PERP") + (text("1718154353750201703989430001") if version == 2 else b"")
    return frame(1, block, tail, version)


def heartbeat_frame() -> bytes:
    return frame(40, struct.pack("<qq", TS_US, 9), b"")


VENDOR_NAMES = {
    "id": "trade_id_str",
    "initial_margin_requirement": "initial_margin_req",
    "maintenance_margin_requirement": "maintenance_margin_req",
}

EVERY_FRAME = [
    bbo_frame(),
    order_frame(),
    fill_frame(),
    position_frame(),
    account_frame(),
    funding_frame(),
    summary_frame(),
    trade_frame(),
    heartbeat_frame(),
]


def recorded(shared_data, name: str) -> list[bytes]:
    lines = (shared_data / f"raw/paradex/{name}").read_text().splitlines()
    return [base64.b64decode(row["b64"]) for row in map(json.loads, lines) if row["opcode"] == "binary"]


def test_recorded_quotes(shared_data):
    quotes = [sbe.decode(raw) for raw in recorded(shared_data, "sbe_bbo_btc_2026-10-08.jsonl")]
    assert len(quotes) == 52
    assert quotes[0] == Bbo(
        market="BTC-USD-PERP",
        seq_no=7687292570,
        bid_e8=8_342_270_000_000,
        bid_size_e8=15_000,
        ask_e8=8_345_290_000_000,
        ask_size_e8=31_000,
        last_updated_at=1791421923325,
    )
    assert (quotes[-1].seq_no, quotes[-1].ask_e8, quotes[-1].ask_size_e8) == (7687292634, 8_345_280_000_000, 1_199_000)


def test_recorded_book_ends_in_the_recorded_state(shared_data):
    sides = {"bids": {}, "asks": {}}
    messages = [sbe.decode(raw) for raw in recorded(shared_data, "sbe_book_deltas_btc_2026-10-08.jsonl")]
    assert [message.is_snapshot for message in messages] == [True] + [False] * 32
    assert [message.seq_no for message in messages] == list(range(7687289234, 7687289267))
    for message in messages:
        for name, levels in (("bids", message.bids), ("asks", message.asks)):
            for price, size in levels:
                sides[name][price] = size
                if size == 0:
                    del sides[name][price]
    state = json.loads((shared_data / "raw/paradex/sbe_book_state_after_last_delta.json").read_text())
    for name, levels in sides.items():
        assert levels == {float(price): float(size) for price, size in state[name]}


def test_recorded_frames_equal_the_vendors_decoding(shared_data, vendor):
    for name in ("sbe_bbo_btc_2026-10-08.jsonl", "sbe_book_deltas_btc_2026-10-08.jsonl"):
        for raw in recorded(shared_data, name):
            _, theirs = vendor.decode_frame(raw)
            ours = sbe.decode(raw)
            assert ours.seq_no == theirs.seq_no
            if isinstance(ours, Bbo):
                assert (ours.bid_e8, ours.ask_size_e8) == (
                    Decimal(theirs.bid_price).scaleb(8),
                    Decimal(theirs.ask_size).scaleb(8),
                )


@pytest.mark.parametrize(
    "raw",
    [order_frame(), fill_frame(), position_frame(), account_frame(), funding_frame(), trade_frame()],
    ids=["order", "fill", "position", "account", "funding", "trade"],
)
def test_built_frames_equal_the_vendors_decoding(vendor, raw):
    ours, (_, theirs) = sbe.decode(raw), vendor.decode_frame(raw)
    compared = 0
    for name in ours.__struct_fields__:
        value, other = getattr(ours, name), getattr(theirs, VENDOR_NAMES.get(name, name), None)
        if value is None or other is None or name in ("request_info", "flags"):
            continue
        if isinstance(value, Decimal):
            assert value == Decimal(str(other)), name
        elif isinstance(value, str):
            assert value == str(getattr(other, "value", other)), name
        else:
            assert value == other, name
        compared += 1
    assert compared >= 6


def test_an_order_names_its_end_and_its_modification():
    order = sbe.decode(order_frame())
    assert isinstance(order, Order)
    assert (order.side, order.type, order.instruction, order.status) == ("SELL", "LIMIT", "IOC", "CLOSED")
    assert (order.size, order.remaining_size, order.price) == (Decimal("0.123"), Decimal("0.023"), Decimal("62000.5"))
    assert (order.client_id, order.cancel_reason, order.flags) == ("h-1", "NOT_ENOUGH_MARGIN", ["REDUCE_ONLY"])
    assert (order.request_info.status, order.request_info.message) == ("REJECTED", "too late")
    assert sbe.decode(order_frame(version=1)).request_info is None


def test_a_fill_carries_fee_and_realised_funding():
    fill = sbe.decode(fill_frame())
    assert isinstance(fill, Fill)
    assert (fill.side, fill.liquidity, fill.fee, fill.realized_funding) == ("BUY", "TAKER", Decimal("7.56"), Decimal("-0.12"))
    assert (fill.realized_pnl, fill.fee_currency, fill.flags) == (None, "USDC", ["interactive", "fastfill"])
    older = sbe.decode(fill_frame(version=1))
    assert (older.fee, older.fee_currency, older.flags) == (Decimal("7.56"), None, [])


def test_a_position_is_signed_again():
    short, long, flat = (sbe.decode(position_frame(side, size)) for side, size in ((2, 10**6), (1, 10**6), (254, 0)))
    assert isinstance(short, Position)
    assert (short.size, long.size, flat.size) == (Decimal("-0.01"), Decimal("0.01"), 0)
    assert (short.side, short.status, short.liquidation_price) == ("SHORT", "OPEN", None)
    assert (short.unrealized_funding_pnl, short.cached_funding_index) == (Decimal("-0.11214013"), Decimal("35202.10023510"))


def test_other_templates():
    account = sbe.decode(account_frame())
    assert isinstance(account, Account)
    assert (account.account_value, account.status) == (Decimal("136285.06918911"), "ACTIVE")
    funding = sbe.decode(funding_frame())
    assert isinstance(funding, FundingData)
    assert (funding.funding_rate, funding.funding_period_hours) == (Decimal("0.000081"), 8)
    assert sbe.decode(funding_frame(period=0)).funding_period_hours is None
    precise, rough = sbe.decode(summary_frame()), sbe.decode(summary_frame(version=0))
    assert isinstance(precise, MarketSummary)
    assert (precise.funding_rate, rough.funding_rate) == (Decimal("0.000090942407"), Decimal("0.00009094"))
    trade = sbe.decode(trade_frame())
    assert isinstance(trade, Trade)
    assert (trade.id, sbe.decode(trade_frame(version=1)).id) == ("1718154353750201703989430001", "77")
    assert isinstance(sbe.decode(heartbeat_frame()), Heartbeat)


def test_appended_fields_and_unknown_templates_are_skipped():
    plain, newer = sbe.decode(bbo_frame()), sbe.decode(bbo_frame(version=3, appended=b"\x01" * 24))
    assert isinstance(plain, Bbo)
    assert plain == newer
    assert plain.ask_size_e8 is None
    assert sbe.decode(frame(6, bytes(26), text("BTC-USD-PERP"))) is None


def test_another_schema_is_refused():
    with pytest.raises(Protocol, match="schema 2"):
        sbe.decode(bbo_frame(schema=2))


def test_a_version_nobody_has_read_is_refused_in_words():
    with pytest.raises(Protocol, match="version 4 is not supported, this decoder reads up to 3"):
        sbe.decode(bbo_frame(version=4))
    with pytest.raises(ValueError, match="version 3 is not supported, use 0 to 2"):
        sbe.socket_query(3)
    assert sbe.socket_query(2) == "?sbeSchemaId=1&sbeSchemaVersion=2"
    assert sbe.socket_query(None) == ""


def test_mutated_frames_raise_nothing_but_protocol_errors(shared_data):
    random_numbers = random.Random(11)
    book = recorded(shared_data, "sbe_book_deltas_btc_2026-10-08.jsonl")[0]
    refused = 0
    for _ in range(4000):
        raw = bytearray(random_numbers.choice([*EVERY_FRAME, book]))
        for _ in range(random_numbers.randrange(1, 4)):
            raw[random_numbers.randrange(min(len(raw), 200))] = random_numbers.randrange(256)
        cut = raw if random_numbers.random() < 0.5 else raw[: random_numbers.randrange(len(raw))]
        try:
            sbe.decode(bytes(cut))
        except Protocol:
            refused += 1
    assert refused > 1000


def test_a_book_group_past_the_frame_is_refused():
    block = struct.pack("<qqB9q", TS_US, 5, 0, *[NULL] * 9)
    with pytest.raises(Protocol):
        sbe.decode(frame(3, block, struct.pack("<2H", 16, 4) + bytes(16)))
    whole = frame(3, block, struct.pack("<2H2q", 16, 1, 100, 200) + struct.pack("<2H", 16, 0) + text("M"))
    assert sbe.decode(whole) == Book(
        market="M", seq_no=5, last_updated_at=TS_US // 1000, is_snapshot=True, bids=[(1e-6, 2e-6)], asks=[]
    )
