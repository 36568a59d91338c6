"""Liquidation: what happens to positions whose margin has run out.

Below the maintenance margin the venue closes positions in the book. Of a large one it closes a fifth
first; what is still short of margin in the cooldown after that is closed whole. Below two thirds of the
maintenance margin the liquidator takes over and keeps what is left of the margin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from simulators.accounts import ZERO
from simulators.hyperliquid import frames
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.events import Event
from simulators.hyperliquid.margin import Holding, coin_named
from simulators.hyperliquid.users import User

LARGE_USD = 100_000
FIRST_PART = Decimal("0.2")
COOLDOWN_MS = 30_000
BACKSTOP_NUMERATOR, BACKSTOP_DENOMINATOR = 2, 3
LIQUIDATOR = "0x" + "0" * 38 + "02"


@dataclass(frozen=True, slots=True)
class Pool:
    """Positions that stand for each other: all cross ones, or one isolated one."""

    holdings: tuple[Holding, ...]
    equity_usd: Decimal

    @property
    def maintenance_usd(self) -> Decimal:
        """What the pool needs."""
        return sum((holding.maintenance_usd for holding in self.holdings), ZERO)

    @property
    def is_short_of_margin(self) -> bool:
        """Whether its equity is below its maintenance margin."""
        return bool(self.holdings) and self.equity_usd < self.maintenance_usd

    @property
    def is_beyond_market(self) -> bool:
        """Whether the liquidator takes over."""
        return self.equity_usd * BACKSTOP_DENOMINATOR < self.maintenance_usd * BACKSTOP_NUMERATOR


class Liquidation:
    """Watches every account."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._count = 0

    def step(self, now_ns: int) -> None:
        """Liquidate what is short of margin."""
        for user in list(self._engine.users.values()):
            if user.account.positions:
                for pool in list(self._pools(user)):
                    if pool.is_short_of_margin:
                        self._liquidate(user, pool, now_ns)

    def force(self, user: User, name: str, now_ns: int) -> None:
        """Liquidate a position at the market, whatever its margin."""
        holding = self._engine.margin(user).holding(name)
        self._announce(user, (holding,), now_ns)
        self._engine.liquidate_at_market(user, name, abs(holding.position.size), now_ns)

    def _pools(self, user: User) -> Iterator[Pool]:
        margin = self._engine.margin(user)
        yield Pool(tuple(margin.cross), margin.cross_equity_usd)
        for holding in margin.isolated:
            yield Pool((holding,), holding.margin_usd)

    def _liquidate(self, user: User, pool: Pool, now_ns: int) -> None:
        now_ms = now_ns // 1_000_000
        is_cooling = user.liquidated_at_ms is not None and now_ms - user.liquidated_at_ms < COOLDOWN_MS
        self._cancel(user, pool, now_ns)
        self._announce(user, pool.holdings, now_ns)
        for holding in pool.holdings:
            size = abs(holding.position.size)
            if pool.is_beyond_market:
                self._take_over(user, holding, pool, now_ns)
                continue
            if holding.notional_usd > LARGE_USD and not is_cooling:
                user.liquidated_at_ms = now_ms
                size = (size * FIRST_PART).quantize(coin_named(holding.name).size_step, ROUND_UP)
            self._engine.liquidate_at_market(user, holding.name, size, now_ns)

    def _cancel(self, user: User, pool: Pool, now_ns: int) -> None:
        """Take back the orders that bind the pool's margin."""
        names = {holding.name for holding in pool.holdings}
        is_isolated = any(holding.is_isolated for holding in pool.holdings)
        for item in list(user.open_orders.values()):
            if not is_isolated or item.coin in names:
                self._engine.cancel(item, now_ns, "liquidatedCanceled")

    def _take_over(self, user: User, holding: Holding, pool: Pool, now_ns: int) -> None:
        """Hand a position to the liquidator at the price that leaves nothing of its share of the margin."""
        size = abs(holding.position.size)
        share_usd = pool.equity_usd * holding.maintenance_usd / pool.maintenance_usd
        price = holding.mark_usd - holding.side * share_usd / size
        mode, side = ("Isolated" if holding.is_isolated else "Cross"), ("Long" if holding.side > 0 else "Short")
        told = {"liquidatedUser": user.address, "markPx": frames.number(holding.mark_usd), "method": "backstop"}
        direction = f"Liquidated {mode} {side}"
        self._engine.close_off_book(user, holding.name, size, price, now_ns, direction=direction, liquidation=told)

    def _announce(self, user: User, holdings: tuple[Holding, ...], now_ns: int) -> None:
        self._count += 1
        engine, notional = self._engine, sum((holding.notional_usd for holding in holdings), ZERO)
        value = frames.usd(engine.margin(user).equity_usd)
        event = {
            "lid": self._count,
            "liquidator": LIQUIDATOR,
            "liquidated_user": user.address,
            "liquidated_ntl_pos": frames.usd(notional),
            "liquidated_account_value": value,
        }
        engine.outbox.append(Event(user.address, "liquidation", event))
        delta = {
            "type": "liquidation",
            "accountValue": value,
            "leverageType": "Isolated" if holdings[0].is_isolated else "Cross",
            "liquidatedNtlPos": frames.usd(notional),
            "liquidatedPositions": [{"coin": item.name, "szi": frames.number(item.position.size)} for item in holdings],
        }
        time_ms = now_ns // 1_000_000
        engine.enter_ledger(user, {"time": time_ms, "hash": frames.hash_of(time_ms + self._count), "delta": delta})
