"""What a test or a schedule makes the venue do of its own accord."""

import time
from collections.abc import Callable
from decimal import ROUND_UP, Decimal

from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.hyperliquid.engine import ONE, Engine
from simulators.hyperliquid.identity import Gate
from simulators.hyperliquid.liquidation import LIQUIDATOR, Liquidation
from simulators.hyperliquid.margin import coin_named
from simulators.hyperliquid.users import User, UserOrder


class Hooks:
    """Acts on the venue by hand; users are named by address, orders by order id or client order id.

    Every method raises KeyError for a user, order, position or agent there is none of. `tell` pushes the
    frames of what was done.
    """

    def __init__(
        self, engine: Engine, gate: Gate, liquidation: Liquidation, faults: FaultBoard, tell: Callable[[], None]
    ) -> None:
        self._engine, self._gate, self._liquidation = engine, gate, liquidation
        self._faults, self._tell = faults, tell

    def user(self, address: str) -> User:
        """Return a user; what is set on it holds from now on."""
        return self._engine.users[address.lower()]

    def add_sub_account(self, master: str, address: str, cash_usd: Decimal) -> User:
        """Open a sub-account that the master and its agents trade by `vaultAddress`."""
        return self._engine.add_user(address.lower(), cash_usd, self.user(master).address)

    def set_abstraction(self, address: str, mode: str) -> None:
        """Set the account mode: default, disabled, unifiedAccount or portfolioMargin."""
        self.user(address).abstraction = mode
        self._engine.notify_account(self.user(address))
        self._tell()

    def end_order(self, address: str, oid: int | str, status: str) -> None:
        """End an open order with any status, unasked."""
        self._engine.cancel(self._order(address, oid), time.time_ns(), status)
        self._tell()

    def fill_order(self, address: str, oid: int | str, size: Decimal) -> None:
        """Fill a part of an open order at its own price."""
        self._engine.fill_resting(self._order(address, oid), size, time.time_ns())
        self._tell()

    def liquidate(self, address: str, coin: str) -> None:
        """Liquidate a position at the market, whatever its margin."""
        self._liquidation.force(self.user(address), coin, time.time_ns())
        self._tell()

    def deleverage(self, address: str, coin: str, size: Decimal | None = None, price: Decimal | None = None) -> None:
        """Close a position, or a part of it, against one that the liquidator could not carry; at the mark by default."""
        user = self.user(address)
        holding = self._engine.margin(user).holding(coin)
        told = {"liquidatedUser": LIQUIDATOR, "markPx": f"{holding.mark_usd}", "method": "backstop"}
        self._engine.close_off_book(
            user,
            coin,
            abs(holding.position.size) if size is None else min(size, abs(holding.position.size)),
            holding.mark_usd if price is None else price,
            time.time_ns(),
            direction="Auto-Deleveraging",
            liquidation=told,
        )
        self._tell()

    def expire_agent(self, address: str, name: str) -> None:
        """End an agent's validity now."""
        self._gate.expire(self.user(address), name, time.time_ns() // 1_000_000)

    def prune_agent(self, address: str, name: str) -> None:
        """Forget an agent and its nonces."""
        self._gate.prune(self.user(address), name)

    def strike(self) -> None:
        """Do what faults on the board ask the venue to do of its own accord."""
        for kind, act in (
            (FaultKind.PRICE_SHOCK, self._shock),
            (FaultKind.ORDER_STATUS, self._end_orders),
            (FaultKind.LIQUIDATE, self._liquidate_all),
            (FaultKind.DELEVERAGE, self._deleverage_all),
            (FaultKind.EXPIRE_AGENTS, self._expire_agents),
        ):
            if fault := self._faults.take_any(kind):
                act(fault)

    def _order(self, address: str, oid: int | str) -> UserOrder:
        item = self.user(address).find(oid)
        if item is None:
            raise KeyError(oid)
        return item

    def _positions(self, fault: Fault) -> list[tuple[User, str, Decimal]]:
        return [
            (user, name, position.size)
            for user in self._engine.users.values()
            for name, position in list(user.account.positions.items())
            if fault.path in name
        ]

    def _shock(self, fault: Fault) -> None:
        for name in self._engine.markets:
            if fault.path in name:
                self._engine.shocks[name] = self._engine.shocks.get(name, ONE) * (1 + Decimal(fault.reason))

    def _end_orders(self, fault: Fault) -> None:
        for user in self._engine.users.values():
            for item in list(user.open_orders.values()):
                if fault.path in item.coin:
                    self._engine.cancel(item, time.time_ns(), fault.reason)

    def _liquidate_all(self, fault: Fault) -> None:
        for user, name, _ in self._positions(fault):
            self.liquidate(user.address, name)

    def _deleverage_all(self, fault: Fault) -> None:
        for user, name, size in self._positions(fault):
            part = (abs(size) * Decimal(fault.reason or 1)).quantize(coin_named(name).size_step, ROUND_UP)
            self.deleverage(user.address, name, part)

    def _expire_agents(self, fault: Fault) -> None:
        for user in self._engine.users.values():
            for name in list(user.agents):
                if fault.path in name:
                    self.expire_agent(user.address, name)
