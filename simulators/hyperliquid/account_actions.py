"""Actions on an account: agents, transfers, account mode, leverage, isolated margin, scheduled cancels."""

from decimal import Decimal
from typing import Any

from simulators.accounts import ZERO
from simulators.hyperliquid import actions, frames
from simulators.hyperliquid.actions import Malformed
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.identity import Gate, Refused
from simulators.hyperliquid.margin import TRANSFER_PART
from simulators.hyperliquid.universe import Coin, coin_of
from simulators.hyperliquid.users import DAY_MS, User

NTLI_PER_USD = 1_000_000
REQUEST_PRICE_USD = Decimal("0.0005")
SCHEDULE_AHEAD_MS = 5000
SCHEDULES_PER_DAY = 10
ABSTRACTIONS = {"i": "disabled", "u": "unifiedAccount", "p": "portfolioMargin"}
DECREASE = "position does not have sufficient margin available to decrease leverage. To decrease leverage,"


class AccountActions:
    """Executes what concerns an account and not its orders; raises Refused in the venue's words."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine, self._gate = engine, gate

    def user_signed(self, user: User, action: dict[str, Any], now_ms: int) -> None:
        """Execute an action that only the owner of the account may sign."""
        match action["type"]:
            case "approveAgent":
                self._gate.approve(user, action["agentAddress"], action.get("agentName") or "", now_ms)
            case "userSetAbstraction":
                self.set_abstraction(self._owned(user, action["user"]), action["abstraction"])
            case _:
                self._class_transfer(user, action["amount"], action["toPerp"], now_ms)

    def set_abstraction(self, user: User, abstraction: str) -> None:
        """Change the account mode."""
        if abstraction not in ABSTRACTIONS.values():
            raise Malformed(f"abstraction {abstraction!r}")
        user.abstraction = abstraction
        self._engine.notify_account(user)

    def update_leverage(self, user: User, action: actions.UpdateLeverage) -> None:
        """Set leverage and margin mode, unless the position cannot bear it."""
        coin = coin_of(action.asset)
        if coin is None or not 1 <= action.leverage <= coin.max_leverage:
            raise Refused("Invalid leverage value")
        is_isolated = coin.name in user.isolated
        if is_isolated == action.is_cross and user.account.size(coin.name):
            raise Refused("Cannot switch leverage type with open position.")
        if is_isolated and not action.is_cross:
            self._bind_for_leverage(user, coin, action.leverage)
        before = user.account.leverage_of(coin.name)
        user.account.leverage[coin.name] = action.leverage
        if action.leverage < before and action.is_cross and self._engine.available_usd(user) < 0:
            user.account.leverage[coin.name] = before
            raise Refused(f"Cross {DECREASE} deposit more collateral.")
        (user.isolated.discard if action.is_cross else user.isolated.add)(coin.name)
        self._engine.notify_account(user)

    def update_isolated_margin(self, user: User, action: actions.UpdateIsolatedMargin) -> None:
        """Add to an isolated position's margin, or take away what it does not need."""
        coin = coin_of(action.asset)
        if coin is None or not user.account.size(coin.name):
            raise Refused("Cannot update margin for empty position.")
        if coin.name not in user.isolated:
            raise Refused("Position does not use isolated margin.")
        amount = Decimal(action.ntli) / NTLI_PER_USD
        if not amount:
            raise Refused("Update to isolated margin cannot be zero.")
        holding = self._engine.margin(user).holding(coin.name)
        if amount > 0 and amount > self._engine.available_usd(user):
            raise Refused("Account does not have sufficient margin available for increase.")
        needed = max(holding.initial_usd, holding.notional_usd * TRANSFER_PART)
        if amount < 0 and holding.margin_usd + amount < needed:
            raise Refused("Position does not have sufficient margin for reduction.")
        user.isolated_usd[coin.name] += amount
        self._engine.notify_account(user)

    def schedule_cancel(self, user: User, time_ms: int | None, now_ms: int) -> None:
        """Set or take back the time at which all orders are cancelled."""
        if user.traded_usd < user.schedule_volume_usd:
            raise Refused(
                "Cannot set scheduled cancel time until enough volume traded. "
                f"Required: ${user.schedule_volume_usd}. Traded: ${user.traded_usd:.2f}."
            )
        if time_ms is not None and time_ms < now_ms + SCHEDULE_AHEAD_MS:
            raise Refused("Scheduled cancel time too early, must be at least 5 seconds from now.")
        if time_ms is not None and user.scheduled_cancels.get(now_ms // DAY_MS, 0) >= SCHEDULES_PER_DAY:
            raise Refused("Cannot set scheduled cancel time: too many scheduled cancels triggered today.")
        user.cancel_at_ms = time_ms

    def reserve_requests(self, user: User, count: int) -> None:
        """Sell requests beyond the address's limit."""
        cost = count * REQUEST_PRICE_USD
        if count <= 0 or cost > self._engine.available_usd(user):
            raise Refused("Insufficient balance for withdrawal")
        user.account.cash_usd -= cost
        user.bought_requests += count

    def _owned(self, user: User, address: Any) -> User:
        named = self._engine.users.get(str(address).lower())
        if named is None or user.address not in (named.address, named.master):
            raise Refused(f"Sub-account {address} is not registered to {user.address}")
        return named

    def _bind_for_leverage(self, user: User, coin: Coin, leverage: int) -> None:
        """Bind what an isolated position lacks at a lower leverage."""
        if not user.account.size(coin.name):
            return
        holding = self._engine.margin(user).holding(coin.name)
        lacking = max(holding.notional_usd / leverage - holding.margin_usd, ZERO)
        if leverage >= holding.leverage or not lacking:
            return
        if lacking > self._engine.available_usd(user):
            raise Refused(f"Isolated {DECREASE} add margin to the position.")
        user.isolated_usd[coin.name] += lacking

    def _class_transfer(self, user: User, text: str, to_perp: bool, now_ms: int) -> None:
        if user.is_unified:
            raise Refused("Action disabled when unified account is active")
        number, _, sub_account = text.partition(" subaccount:")
        try:
            amount = Decimal(actions.canonical_number(number))
        except ValueError as error:
            raise Malformed(str(error)) from error
        if sub_account:
            user = self._owned(user, sub_account)
        free = user.spot_usdc if to_perp else self._engine.margin(user).withdrawable_usd
        if not 0 < amount <= free:
            raise Refused("Insufficient balance for withdrawal")
        user.spot_usdc += -amount if to_perp else amount
        user.account.cash_usd += amount if to_perp else -amount
        delta = {"type": "accountClassTransfer", "usdc": frames.usd(amount), "toPerp": to_perp}
        self._engine.enter_ledger(user, {"time": now_ms, "hash": frames.hash_of(now_ms), "delta": delta})
