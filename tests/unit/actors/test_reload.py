"""Limits replaced while trading: each decision sees one whole set, and what is broken or looser changes nothing."""

import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nautilus_trader.model.enums import OrderSide
from scripted_scene import Scene, Scripted

import actors.risk_gate
from actors.reload import LimitsReload
from config.load import load_limits
from risk.in_force import limits_hash, values
from risk.limits import Limits

START = Limits(breaker_cooldown_secs=9_000.0)


def text(limits: Limits) -> str:
    """Return a limits file."""
    lines = [f"{name} = {str(value).lower()}" for name, value in values(limits).items() if "." not in name]
    table = [f"{name.removeprefix('canary.')} = {str(value).lower()}" for name, value in values(limits).items() if "." in name]
    return "\n".join([*lines, "[canary]", *table]) + "\n"


def tightened(number: int) -> Limits:
    """Return limits of which every part tells the same number: a mixture of two sets would show."""
    return msgspec.structs.replace(
        START,
        position_usd_max=Decimal(10_000 - number),
        venue_usd_max=Decimal(40_000 - number),
        gross_usd_max=Decimal(80_000 - number),
        data_age_secs_max=30.0 - number / 1_000,
        breaker_cooldown_secs=9_000.0 + number,
    )


def number_of(limits: Limits) -> set[int]:
    """Return the numbers the parts of a set tell: one, where it is whole."""
    return {
        10_000 - int(limits.position_usd_max),
        40_000 - int(limits.venue_usd_max),
        80_000 - int(limits.gross_usd_max),
        round((30.0 - limits.data_age_secs_max) * 1_000),
        round(limits.breaker_cooldown_secs - 9_000.0),
    }


class Editor:
    """Edits the file as people, scripts and accidents do."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path, self._random = path, random.Random(seed)
        self.edits = 0
        self.whole = {limits_hash(START)}

    def replace(self, content: str | bytes) -> None:
        beside = self._path.with_name("beside")
        beside.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.replace(beside, self._path)

    def edit(self) -> None:
        self.edits += 1
        limits = tightened(self.edits)
        whole, choice = text(limits), self._random.randrange(10)
        if choice < 4:
            self.whole.add(limits_hash(limits))
            self.replace(whole)
        elif choice == 4:
            self.replace(whole[: self._random.randrange(len(whole) - 30)])
        elif choice == 5:
            self._path.write_text(whole[: self._random.randrange(len(whole) // 2)])  # half way through, in place
        elif choice == 6:
            self.replace(self._random.randbytes(200))
        elif choice == 7:
            self.replace(whole + "unheard_of = 1\n")
        elif choice == 8:
            self.replace(text(tightened(-self.edits)))  # looser than at the start
        else:
            self._path.unlink(missing_ok=True)


def test_through_a_thousand_edits_no_order_is_judged_by_parts_of_two_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text(START))
    editor, used = Editor(path, seed=11), list[Limits]()
    judge = actors.risk_gate.evaluate

    def watched(snapshot: Any, intent: Any, limits: Limits) -> Any:
        used.append(limits)
        return judge(snapshot, intent, limits)

    monkeypatch.setattr(actors.risk_gate, "evaluate", watched)
    strategy = Scripted()
    scene = Scene(strategy, START, secs=205, others=lambda limits: [LimitsReload(path, load_limits, limits, poll_secs=0.05)])

    def trade(number: int) -> None:
        strategy.market(OrderSide.BUY if number % 2 else OrderSide.SELL, "1")

    steps = [(2 + 0.2 * number, editor.edit) for number in range(1_000)]
    orders = scene.run(*steps, *((2.03 + 0.2 * number, lambda number=number: trade(number)) for number in range(1_000)))
    assert (editor.edits, len(orders)) == (1_000, 1_000)
    assert len(used) >= 1_000
    assert {limits_hash(limits) for limits in used} <= editor.whole
    assert all(len(number_of(limits)) == 1 for limits in used)
    assert len({limits_hash(limits) for limits in used}) > 200  # the sets really changed while it traded
    hashes = [limits_hash(START), *(change.new_hash for change in scene.changes)]
    assert [change.old_hash for change in scene.changes] == hashes[:-1]  # the audit is one chain
    assert scene.limits.hash == hashes[-1]
    assert all(change.changes for change in scene.changes)
    names = [alert.name for alert in scene.alerts]
    assert names.count("LimitsInvalid") > 200
    assert names.count("LimitsNeedRestart") > 50
    assert set(names) == {"LimitsInvalid", "LimitsNeedRestart"}


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Scene, LimitsReload, Editor]:
    path = tmp_path / "limits.toml"
    path.write_text(text(START))
    found: list[LimitsReload] = []

    def others(limits: Any) -> list[LimitsReload]:
        found.append(LimitsReload(path, load_limits, limits, poll_secs=3600.0))
        return found

    scene = Scene(Scripted(), START, others=others)
    return scene, found[0], Editor(path, seed=1)


def test_a_file_is_judged_once_it_rests_and_then_no_second_time(watched: tuple[Scene, LimitsReload, Editor]) -> None:
    scene, reload, editor = watched
    reload.poll()  # what it was started with
    assert scene.changes == []
    editor.replace(text(tightened(7)))
    reload.poll()
    assert scene.limits.current == START
    reload.poll()
    assert scene.limits.current == tightened(7)
    (change,) = scene.changes
    assert "position_usd_max: 10000 -> 9993" in change.changes
    for _ in range(3):
        reload.poll()
    assert len(scene.changes) == 1
    editor.replace(text(START))
    reload.poll()
    reload.poll()
    assert scene.limits.current == START  # back to the start's, no restart needed
    assert scene.alerts == []


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("position_usd_max = 5", "LimitsInvalid", "every limit has to be written down"),
        ("position_usd_max = ", "LimitsInvalid", "not valid TOML"),
        (text(START).replace("10000", "-1", 1), "LimitsInvalid", "must be a positive number"),
        (text(msgspec.structs.replace(START, leverage_max=Decimal(4))), "LimitsNeedRestart", "leverage_max: 3 -> 4"),
    ],
)
def test_what_cannot_come_into_force_raises_one_alert(
    watched: tuple[Scene, LimitsReload, Editor], content: str, name: str, words: str
) -> None:
    scene, reload, editor = watched
    before = scene.limits.hash
    editor.replace(content)
    for _ in range(4):
        reload.poll()
    (alert,) = scene.alerts
    assert alert.name == name
    assert words in alert.detail
    assert f"the limits in force stay as they are ({before})" in alert.detail
    assert (scene.limits.current, scene.limits.hash, scene.changes) == (START, before, [])


def test_a_file_that_is_gone_is_told_and_may_come_back(watched: tuple[Scene, LimitsReload, Editor]) -> None:
    scene, reload, editor = watched
    reload._path.unlink()
    reload.poll()
    reload.poll()
    assert [alert.name for alert in scene.alerts] == ["LimitsInvalid"]
    editor.replace(text(tightened(3)))
    reload.poll()
    reload.poll()
    assert scene.limits.current == tightened(3)
