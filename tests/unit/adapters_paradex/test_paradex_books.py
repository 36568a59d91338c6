"""Order books from snapshots and numbered changes, from frame to Nautilus book."""

import base64
import json
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import OrderBookDeltas, OrderBookDepth10
from nautilus_trader.model.enums import BookAction, BookType, RecordFlag

from adapters.paradex import parsing, stream
from adapters.paradex.book import BookKeeper, BookStep
from adapters.paradex.books import BookDesk, BookWant
from adapters.paradex.feed import PublicFeed
from adapters.paradex.schemas import Book, Market

MARKET = "BTC-USD-PERP"
CHANNEL = "order_book.BTC-USD-PERP.deltas"
PERPETUAL = parsing.instrument(
    Market(
        symbol=MARKET, base_currency="BTC", order_size_increment=Decimal("0.00001"), price_tick_size=Decimal("0.1"),
        funding_period_hours=8,
    ),
    0,
)  # fmt: skip


def message(seq: int, bids=(), asks=(), *, is_snapshot: bool = False) -> Book:
    return Book(
        market=MARKET, seq_no=seq, last_updated_at=5, is_snapshot=is_snapshot, bids=list(bids), asks=list(asks)
    )  # fmt: skip


def frame(book: Book) -> bytes:
    block = struct.pack("<qqB9q", 5000, book.seq_no, 0 if book.is_snapshot else 1, *[-(2**63)] * 9)
    sides = b""
    for rows in (book.bids, book.asks):
        sides += struct.pack("<HH", 16, len(rows)) + b"".join(
            struct.pack("<qq", round(price * 1e8), round(size * 1e8)) for price, size in rows
        )
    return struct.pack("<4H", len(block), 3, 1, 2) + block + sides + bytes([len(MARKET)]) + MARKET.encode()


SNAPSHOT = message(10, [(100.0, 1.0), (99.5, 2.0)], [(100.5, 3.0), (101.0, 4.0)], is_snapshot=True)


class Line:
    is_open = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def send(self, request: bytes) -> None:
        body = json.loads(request)
        self.asked.append((body["method"], body["params"]["channel"]))


class Scene:
    """The path of a public frame, from the socket's owner to what Nautilus is handed."""

    def __init__(self) -> None:
        self.now_ns, self.emitted, self.logs = 0, [], []
        self.feed = PublicFeed(
            on_data=lambda data: self.desk.on_book(data),  # noqa: PLW0108 (the desk comes later)
            on_open_state=lambda is_open, reason: None if is_open else self.desk.on_lost(reason),
            log=self.logs.append,
            now_ns=lambda: self.now_ns,
        )
        self.line = self.feed.socket = Line()
        self.desk = BookDesk(
            feed=self.feed,
            channel=lambda market: stream.book_deltas(market, is_binary=True),
            perpetual=lambda market: PERPETUAL if market == MARKET else None,
            emit=lambda data: None if data is None else self.emitted.append(data),
            now_ns=lambda: self.now_ns,
            log=self.logs.append,
        )

    def hear(self, *messages: Book) -> None:
        for book in messages:
            self.feed.on_frame(frame(book), is_text=False)

    def book(self) -> OrderBook:
        book = OrderBook(PERPETUAL.id, BookType.L2_MBP)
        for deltas in self.emitted:
            if isinstance(deltas, OrderBookDeltas):
                book.apply_deltas(deltas)
        return book

    def levels(self) -> tuple[dict[float, float], dict[float, float]]:
        book = self.book()
        return tuple({float(str(row.price)): round(row.size(), 5) for row in side} for side in (book.bids(), book.asks()))


def test_recorded_frames_through_the_whole_path_end_in_the_recorded_book(shared_data):
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    for line in (shared_data / "raw/paradex/sbe_book_deltas_btc_2026-10-08.jsonl").read_text().splitlines():
        row = json.loads(line)
        raw = row["text"].encode() if row["opcode"] == "text" else base64.b64decode(row["b64"])
        scene.feed.on_frame(raw, row["opcode"] == "text")
    state = json.loads((shared_data / "raw/paradex/sbe_book_state_after_last_delta.json").read_text())
    expected = tuple({float(price): float(size) for price, size in state[side]} for side in ("bids", "asks"))
    assert (len(expected[0]), len(expected[1])) == (115, 59)
    assert scene.levels() == expected
    assert scene.line.asked == [("subscribe", CHANNEL)]
    assert scene.logs == []


def test_a_sequence_gap_clears_the_book_and_asks_for_a_new_one():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.hear(SNAPSHOT, message(11, [(100.0, 0.5)]), message(13, [(99.0, 9.0)]))
    assert scene.levels() == ({}, {})
    (clear,) = scene.emitted[-1].deltas
    assert clear.action == BookAction.CLEAR
    assert clear.flags & RecordFlag.F_LAST
    assert scene.line.asked == [("subscribe", CHANNEL), ("unsubscribe", CHANNEL), ("subscribe", CHANNEL)]
    told = len(scene.emitted)
    scene.hear(message(14, [(98.0, 9.0)]))
    assert len(scene.emitted) == told  # no delta is applied to a book that is not there
    scene.hear(message(20, [(97.0, 1.0)], [(98.0, 1.0)], is_snapshot=True), message(21, [(97.5, 2.0)]))
    assert scene.levels() == ({97.0: 1.0, 97.5: 2.0}, {98.0: 1.0})
    assert len(scene.line.asked) == 3


def test_deltas_change_and_delete_levels_and_empty_ones_only_count():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.hear(SNAPSHOT, message(11), message(12, [(100.0, 0.0), (99.5, 2.5)], [(100.5, 0.25), (102.0, 1.0)]))
    assert scene.levels() == ({99.5: 2.5}, {100.5: 0.25, 101.0: 4.0, 102.0: 1.0})
    assert len(scene.emitted) == 2
    assert [bool(delta.flags & RecordFlag.F_LAST) for delta in scene.emitted[-1].deltas] == [False, False, False, True]


@pytest.mark.parametrize("seq", [10, 9, 12])
def test_a_repeated_an_older_and_a_skipped_number_are_gaps(seq):
    keeper = BookKeeper()
    assert keeper.take(message(10)) is BookStep.WAITING
    assert keeper.take(SNAPSHOT) is BookStep.SNAPSHOT
    assert keeper.take(message(seq)) is BookStep.GAP
    assert not keeper.is_whole
    assert keeper.take(message(11)) is BookStep.WAITING


def test_a_lost_connection_clears_the_book():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.hear(SNAPSHOT)
    scene.feed.on_close("cut")
    assert scene.levels() == ({}, {})
    scene.hear(message(11, [(99.0, 1.0)]))
    assert scene.levels() == ({}, {})


def test_a_snapshot_that_does_not_come_is_asked_for_again():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    assert scene.desk.overdue(5.0) == []
    scene.now_ns = 6 * 10**9
    assert scene.desk.overdue(5.0) == [MARKET]
    assert scene.line.asked[1:] == [("unsubscribe", CHANNEL), ("subscribe", CHANNEL)]
    scene.hear(SNAPSHOT)
    scene.now_ns = 11 * 10**9
    assert scene.desk.overdue(5.0) == []


def test_a_silent_book_is_given_up_and_asked_for_again():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.hear(SNAPSHOT)
    scene.now_ns = 4 * 10**9
    scene.hear(message(11))  # an empty change is a sign of life
    scene.now_ns = 8 * 10**9
    assert scene.desk.overdue(5.0) == []
    scene.now_ns = 10 * 10**9
    assert scene.desk.overdue(5.0) == [MARKET]
    assert scene.levels() == ({}, {})
    assert scene.line.asked[1:] == [("unsubscribe", CHANNEL), ("subscribe", CHANNEL)]


def test_changes_of_a_book_that_is_not_there_are_no_sign_of_life():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.now_ns = 4 * 10**9
    scene.hear(message(11), message(12))
    scene.now_ns = 6 * 10**9
    assert scene.desk.overdue(5.0) == [MARKET]


def test_a_new_connection_gives_every_channel_its_time_again():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.now_ns = 60 * 10**9
    scene.desk.on_open()
    assert scene.desk.overdue(5.0) == []


def test_depth_and_deltas_share_one_channel():
    scene = Scene()
    scene.desk.want(MARKET, BookWant.DEPTH)
    scene.hear(SNAPSHOT, message(11, [(100.1, 7.0)]))
    depth = scene.emitted[-1]
    assert isinstance(depth, OrderBookDepth10)
    assert [(float(order.price), float(order.size)) for order in depth.bids[:2]] == [(100.1, 7.0), (100.0, 1.0)]
    assert [float(order.price) for order in depth.asks[:2]] == [100.5, 101.0]
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.hear(message(12), SNAPSHOT)
    assert {type(item) for item in scene.emitted[-2:]} == {OrderBookDepth10, OrderBookDeltas}
    scene.desk.unwant(MARKET, BookWant.DEPTH)
    assert scene.line.asked[-1] == ("subscribe", CHANNEL)
    scene.desk.unwant(MARKET, BookWant.DELTAS)
    assert scene.line.asked[-1] == ("unsubscribe", CHANNEL)
    told = len(scene.emitted)
    scene.hear(SNAPSHOT)
    assert len(scene.emitted) == told


def test_channel_names_per_encoding():
    assert stream.book_deltas(MARKET, is_binary=True) == "order_book.BTC-USD-PERP.deltas"
    assert stream.book_deltas(MARKET, is_binary=False) == "order_book.BTC-USD-PERP.deltas@15@50ms"
    interactive = stream.book_deltas(MARKET, is_binary=True, is_interactive=True)
    assert interactive == "order_book.BTC-USD-PERP.interactive_deltas"
    assert stream.book(MARKET, is_interactive=True) == "order_book.BTC-USD-PERP.interactive@15@100ms"
    assert stream.bbo(MARKET, is_interactive=True) == "bbo.BTC-USD-PERP.interactive"


level = st.tuples(st.integers(1, 20).map(float), st.sampled_from([0.0, 0.5, 1.0, 2.0]))


@given(changes=st.lists(st.tuples(st.lists(level, max_size=4), st.booleans()), max_size=12))
def test_whatever_is_missed_the_book_is_exact_or_empty(changes):
    """Drop messages at will: after each one heard, Nautilus holds the venue's book, or none at all."""
    scene, bids, seq = Scene(), {5.0: 1.0}, 1
    scene.desk.want(MARKET, BookWant.DELTAS)
    scene.hear(message(seq, bids.items(), is_snapshot=True))
    is_behind = False
    for rows, is_dropped in changes:
        seq += 1
        for price, size in rows:
            bids[price] = size
        bids = {price: size for price, size in bids.items() if size}
        if is_dropped:
            is_behind = True
            continue
        scene.hear(message(seq, rows))
        held = scene.levels()[0]
        assert held == ({} if is_behind else bids)
        if is_behind:
            scene.hear(message(seq, bids.items(), is_snapshot=True))
            is_behind = False
            assert scene.levels()[0] == bids
