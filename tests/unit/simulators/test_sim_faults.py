import json

import pytest

from simulators.faults import Fault, FaultBoard, FaultKind, load_schedule, strike_due


def test_a_fault_strikes_matching_requests_as_often_as_asked():
    board = FaultBoard()
    board.inject(Fault(kind=FaultKind.STATUS, path="/exchange", count=2))
    assert board.take(FaultKind.STATUS, "/info:meta") is None
    assert board.take(FaultKind.STATUS, "/exchange:order") is not None
    assert board.take(FaultKind.STATUS, "/exchange:cancel") is not None
    assert board.take(FaultKind.STATUS, "/exchange:order") is None


def test_a_freeze_holds_its_channel_until_cleared():
    board = FaultBoard()
    board.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel="bbo"))
    assert board.is_frozen("bbo", 0)
    assert not board.is_frozen("trades", 0)
    board.clear(FaultKind.FREEZE_STREAM)
    assert not board.is_frozen("bbo", 0)


def test_a_limited_freeze_ends():
    board = FaultBoard()
    fault = board.inject(Fault(kind=FaultKind.FREEZE_STREAM, secs=5.0))
    assert board.is_frozen("anything", fault.until_ns - 1)
    assert not board.is_frozen("anything", fault.until_ns)


def test_a_schedule_strikes_when_due(tmp_path):
    path = tmp_path / "faults.json"
    path.write_text(
        json.dumps(
            [
                {"at_hours": 2, "venue": "hyperliquid", "fault": "drop_socket"},
                {"at_secs": 1, "venue": "paradex", "fault": "status", "status": 429},
            ]
        )
    )
    boards = {"hyperliquid": FaultBoard(), "paradex": FaultBoard()}
    later = strike_due(load_schedule(path), boards, secs=5.0, hour_secs=10.0)
    assert [item.venue for item in later] == ["hyperliquid"]
    fault = boards["paradex"].take(FaultKind.STATUS, "/orders")
    assert fault is not None
    assert fault.status == 429
    assert strike_due(later, boards, secs=20.0, hour_secs=10.0) == []
    assert boards["hyperliquid"].take(FaultKind.DROP_SOCKET)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '[{"venue": "paradex", "fault": "status"}]',
        '[{"at_secs": 1, "at_hours": 1, "venue": "paradex", "fault": "status"}]',
        '[{"at_secs": 1, "venue": "paradex", "fault": "earthquake"}]',
        '[{"at_secs": 1, "venue": "paradex", "fault": "status", "typo": 1}]',
    ],
)
def test_a_broken_schedule_is_refused(tmp_path, text):
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="faults file"):
        load_schedule(path)
