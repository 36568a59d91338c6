"""SIGKILL with resting orders: an account the venue grants a scheduled cancel, and a small one that has a watchdog."""

import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ops_folder import Folder, until
from ops_venues import ROOT, Bench

from operations.watchdog import Exit

SCHEDULED_SECS = 6
SLACK_MS = 10_000  # a loaded machine's, on top of the time that is promised


DEADMAN = f"[deadman]\nbeat_secs = 0.5\nsilence_secs = 5.0\nscheduled_cancel_secs = {SCHEDULED_SECS}\n"


@pytest.fixture
def places(bench: Bench, tmp_path: Path) -> Iterator[list[Folder]]:
    made = [Folder(tmp_path / str(number), bench.sims.ready, number, DEADMAN) for number in (0, 1)]
    yield made
    for place in made:
        place.end()


def paradex_account(bench: Bench, number: int) -> Any:
    address = int(bench.sims.ready["paradex"]["accounts"][number]["l2_address"], 16)
    return bench.sims.paradex.exchange.registry.accounts[address]


@pytest.mark.system
async def test_after_sigkill_nothing_rests_on_either_venue(bench: Bench, places: list[Folder]):
    big, small = bench.user(0), bench.user(1)
    big.traded_usd = Decimal(1_000_000)
    accounts = [paradex_account(bench, number) for number in (0, 1)]
    watchdog = places[1].run("-m", "operations", "watchdog", "sim.toml", "--attach", "ready.json")
    nodes = [place.run(str(ROOT / "tests/ops/resting_node.py"), "sim.toml", "ready.json") for place in places]

    def all_rest() -> bool:
        return all(len(user.open_orders) == 1 for user in (big, small)) and all(a.live_orders() for a in accounts)

    def outputs() -> str:
        return "\n".join(place.everything() for place in places)

    await until(lambda: all_rest() and big.cancel_at_ms is not None, 90, outputs)
    await until(lambda: "watching" in places[1].text(0), 30, outputs)
    assert small.cancel_at_ms is None, "the venue grants this account no scheduled cancel"
    killed_ms = time.time_ns() // 1_000_000
    for node in nodes:
        node.send_signal(signal.SIGKILL)

    def none_rests() -> bool:
        return not big.open_orders and not small.open_orders and not any(account.live_orders() for account in accounts)

    await until(none_rests, SCHEDULED_SECS + 60, outputs)
    by_venue, by_watchdog = big.records[-1], small.records[-1]
    assert by_venue["status"] == "scheduledCancel"
    assert by_venue["statusTimestamp"] - killed_ms <= SCHEDULED_SECS * 1000 + SLACK_MS
    assert by_watchdog["status"] == "canceled"
    assert by_watchdog["statusTimestamp"] - killed_ms <= SLACK_MS
    for account in accounts:
        assert [order.cancel_reason for order in account.orders.values()] == ["CANCEL_ON_DISCONNECT"]
    await until(lambda: watchdog.poll() is not None, 60, outputs)
    assert watchdog.returncode == Exit.NODE_DIED, outputs()
    assert "the node's process is gone" in places[1].text(0)
    assert "HYPERLIQUID: cancelling 0x" in places[1].text(0)
