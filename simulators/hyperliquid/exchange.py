"""The actions of /exchange: what each does to the engine and what the venue replies."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulators.hyperliquid import actions, frames
from simulators.hyperliquid.actions import Malformed, OrderWire
from simulators.hyperliquid.engine import Engine, Placed
from simulators.hyperliquid.identity import Gate, Refused
from simulators.hyperliquid.rules import NewOrder, Refusal
from simulators.hyperliquid.signing import USER_SIGNED
from simulators.hyperliquid.universe import Coin, coin_of
from simulators.hyperliquid.users import User, UserOrder

DEFAULT = {"type": "default"}
NEVER_PLACED = "Order was never placed, already canceled, or filled."
SCHEDULE_VOLUME_USD = 1_000_000
Reply = dict[str, Any]


class Exchange:
    """Executes signed envelopes."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine, self._gate = engine, gate

    def handle(self, envelope: Any, now_ns: int) -> Reply:
        """Return the reply to an envelope; raise Malformed when it is none."""
        if not isinstance(envelope, Mapping):
            raise Malformed("no object")
        action, signature = envelope.get("action"), envelope.get("signature")
        if not isinstance(action, dict) or not isinstance(signature, dict) or not isinstance(action.get("type"), str):
            raise Malformed("no action or signature")
        try:
            return {"status": "ok", "response": self._execute(dict(envelope), now_ns)}
        except Refused as refused:
            return {"status": "err", "response": str(refused)}

    def _execute(self, envelope: dict[str, Any], now_ns: int) -> Reply:
        now_ms = now_ns // 1_000_000
        if envelope["action"].get("type") in USER_SIGNED:
            user = self._gate.user_signed(envelope, now_ms)
            user.requests += 1
            return self._user_signed(user, envelope["action"], now_ms)
        user, action = self._gate.l1(envelope, now_ms)
        user.requests += _weight(action)
        return self._l1(user, action, now_ns)

    def _user_signed(self, user: User, action: dict[str, Any], now_ms: int) -> Reply:
        if action["type"] == "approveAgent":
            self._gate.approve(user, action["agentAddress"], action.get("agentName") or "", now_ms)
            return DEFAULT
        return self._class_transfer(user, action["amount"], action["toPerp"], now_ms)

    def _class_transfer(self, user: User, text: str, to_perp: bool, now_ms: int) -> Reply:
        try:
            amount = Decimal(actions.canonical_number(text))
        except ValueError as error:
            raise Malformed(str(error)) from error
        free = user.spot_usdc if to_perp else self._engine.available_usd(user)
        if not 0 < amount <= free:
            raise Refused("Insufficient balance for withdrawal")
        user.spot_usdc += -amount if to_perp else amount
        user.account.cash_usd += amount if to_perp else -amount
        delta = {"type": "accountClassTransfer", "usdc": frames.usd(amount), "toPerp": to_perp}
        self._engine.enter_ledger(user, {"time": now_ms, "hash": frames.hash_of(now_ms), "delta": delta})
        return DEFAULT

    def _l1(self, user: User, action: actions.L1Action, now_ns: int) -> Reply:  # noqa: PLR0911 - one line per action
        match action:
            case actions.PlaceOrders():
                return _statuses("order", [self._place(user, wire, now_ns) for wire in action.orders])
            case actions.Cancel():
                return _statuses("cancel", [self._cancel(user, item.a, item.o, now_ns) for item in action.cancels])
            case actions.CancelByCloid():
                return _statuses("cancel", [self._cancel(user, item.asset, item.cloid, now_ns) for item in action.cancels])
            case actions.Modify():
                status = self._modify(user, action.oid, action.order, now_ns)
                if "error" in status:
                    raise Refused(status["error"])
                return DEFAULT
            case actions.BatchModify():
                return _statuses("order", [self._modify(user, item.oid, item.order, now_ns) for item in action.modifies])
            case actions.UpdateLeverage():
                return self._update_leverage(user, action)
            case actions.UpdateIsolatedMargin():
                raise Refused("Position does not use isolated margin.")
            case actions.ScheduleCancel():
                return self._schedule_cancel(user, action.time, now_ns)
            case actions.Noop():
                return DEFAULT

    def _place(self, user: User, wire: OrderWire, now_ns: int) -> Reply:
        new = _new_order(wire)
        if isinstance(new, str):
            return {"error": f"{new} asset={wire.a}"}
        outcome = self._engine.place(user, new, now_ns)
        if isinstance(outcome, Refusal):
            return {"error": f"{outcome.text} asset={wire.a}"}
        return _placed(outcome)

    def _cancel(self, user: User, asset: int, oid: int | str, now_ns: int) -> Any:
        item, coin = user.find(oid), coin_of(asset)
        if item is None or coin is None or item.coin != coin.name:
            return {"error": f"{NEVER_PLACED} asset={asset}"}
        self._engine.cancel(item, now_ns)
        return "success"

    def _modify(self, user: User, oid: int | str, wire: OrderWire, now_ns: int) -> Reply:
        """Cancel, then place anew; a refused placement leaves no order behind."""
        item: UserOrder | None = user.find(oid)
        if item is None:
            return {"error": "Cannot modify canceled or filled order"}
        self._engine.cancel(item, now_ns)
        status = self._place(user, wire, now_ns)
        return {"error": f"Error placing new order during modify: {status['error']}"} if "error" in status else status

    def _update_leverage(self, user: User, action: actions.UpdateLeverage) -> Reply:
        coin = coin_of(action.asset)
        if coin is None or not 1 <= action.leverage <= coin.max_leverage:
            raise Refused("Invalid leverage value")
        if not action.is_cross:
            raise Refused("Isolated margin is not simulated.")
        before = user.account.leverage_of(coin.name)
        user.account.leverage[coin.name] = action.leverage
        if action.leverage < before and self._engine.available_usd(user) < 0:
            user.account.leverage[coin.name] = before
            raise Refused(
                "Cross position does not have sufficient margin available to decrease leverage. "
                "To decrease leverage, deposit more collateral."
            )
        self._engine.notify_account(user)
        return DEFAULT

    def _schedule_cancel(self, user: User, time_ms: int | None, now_ns: int) -> Reply:
        if user.traded_usd < SCHEDULE_VOLUME_USD:
            raise Refused(
                "Cannot set scheduled cancel time until enough volume traded. "
                f"Required: ${SCHEDULE_VOLUME_USD}. Traded: ${user.traded_usd:.2f}."
            )
        if time_ms is not None and time_ms < now_ns // 1_000_000 + 5000:
            raise Refused("Scheduled cancel time too early, must be at least 5 seconds from now.")
        user.cancel_at_ms = time_ms
        return DEFAULT


def _new_order(wire: OrderWire) -> NewOrder | str:
    """Return a well-formed order, or why it is none."""
    coin: Coin | None = coin_of(wire.a)
    if coin is None:
        return "Invalid asset."
    if wire.t.limit is None:
        return "Trigger orders are not simulated."
    if wire.t.limit.tif not in ("Gtc", "Ioc", "Alo"):
        raise Malformed(f"tif {wire.t.limit.tif!r}")
    return NewOrder(coin, wire.b, Decimal(wire.p), Decimal(wire.s), wire.t.limit.tif, wire.r, wire.c)


def _placed(outcome: Placed) -> Reply:
    item = outcome.order
    cloid = {"cloid": item.cloid} if item.cloid else {}
    if not outcome.filled:
        return {"resting": {"oid": item.oid, **cloid}}
    average = frames.ratio(outcome.average_price, 8)
    return {"filled": {"totalSz": frames.number(outcome.filled), "avgPx": average, "oid": item.oid, **cloid}}


def _statuses(kind: str, statuses: list[Any]) -> Reply:
    return {"type": kind, "data": {"statuses": statuses}}


def _weight(action: actions.L1Action) -> int:
    """Return how many requests an action counts for its address."""
    match action:
        case actions.PlaceOrders():
            return len(action.orders)
        case actions.Cancel() | actions.CancelByCloid():
            return len(action.cancels)
        case actions.BatchModify():
            return len(action.modifies)
        case _:
            return 1
