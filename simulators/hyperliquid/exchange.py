"""The actions of /exchange: what each does to the engine and what the venue replies."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulators.faults import FaultBoard, FaultKind
from simulators.hyperliquid import actions, frames
from simulators.hyperliquid.account_actions import ABSTRACTIONS, AccountActions
from simulators.hyperliquid.actions import Malformed, OrderWire
from simulators.hyperliquid.engine import Engine, Placed
from simulators.hyperliquid.identity import Gate, Refused
from simulators.hyperliquid.limits import address_refusal, batch_size
from simulators.hyperliquid.rules import NewOrder, Refusal
from simulators.hyperliquid.signing import USER_SIGNED
from simulators.hyperliquid.universe import Coin, coin_of
from simulators.hyperliquid.users import Trigger, User, UserOrder

DEFAULT = {"type": "default"}
NEVER_PLACED = "Order was never placed, already canceled, or filled."
CANCELS = ("cancel", "cancelByCloid")
Reply = dict[str, Any]


class Exchange:
    """Executes signed envelopes; `rests_partly_filled` replies `resting` to an order that filled in part and rests."""

    def __init__(self, engine: Engine, gate: Gate, faults: FaultBoard) -> None:
        self.rests_partly_filled = False
        self._engine, self._gate, self._faults = engine, gate, faults
        self._account = AccountActions(engine, gate)

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
        now_ms, action = now_ns // 1_000_000, envelope["action"]
        if offset := self._faults.find(FaultKind.CLOCK_OFFSET):
            now_ms += round(offset.secs * 1000)
        if action["type"] in USER_SIGNED:
            user = self._gate.user_signed(envelope, now_ms)
            self._count(user, action, now_ms)
            self._account.user_signed(user, action, now_ms)
            return DEFAULT
        user, decoded = self._gate.l1(envelope, now_ms)
        self._count(user, action, now_ms)
        if fault := self._faults.take(FaultKind.FAIL_BATCH, action["type"]):
            raise Refused(fault.reason or "Order price too far from oracle")
        reply = self._l1(user, decoded, now_ns)
        if "data" in reply and self._faults.take(FaultKind.SHORT_STATUSES, action["type"]):
            reply["data"]["statuses"].pop()
        return reply

    def _count(self, user: User, action: Mapping[str, Any], now_ms: int) -> None:
        """Count an action's requests for its address; raise Refused when they are used up."""
        is_cancel = action["type"] in CANCELS
        count = batch_size(action)
        if self._faults.is_limited("address", now_ms * 1_000_000):
            raise Refused(
                f"Too many cumulative requests sent ({user.requests + count} > {user.requests}) for cumulative volume traded "
                f"${user.traded_usd:.2f}. Place taker orders to free up 1 request per USDC traded."
            )
        if action["type"] != "reserveRequestWeight" and (text := address_refusal(user, count, now_ms, is_cancel=is_cancel)):
            raise Refused(text)

    def _l1(self, user: User, action: actions.L1Action, now_ns: int) -> Reply:
        match action:
            case actions.PlaceOrders():
                return self._place_all(user, action, now_ns)
            case actions.Cancel():
                return _statuses("cancel", [self._cancel(user, item.a, item.o, now_ns) for item in action.cancels])
            case actions.CancelByCloid():
                return _statuses("cancel", [self._cancel(user, item.asset, item.cloid, now_ns) for item in action.cancels])
            case actions.BatchModify():
                return _statuses("order", [self._modify(user, item.oid, item.order, now_ns) for item in action.modifies])
            case actions.Modify():
                status = self._modify(user, action.oid, action.order, now_ns)
                if "error" in status:
                    raise Refused(status["error"])
            case _:
                self._on_account(user, action, now_ns // 1_000_000)
        return DEFAULT

    def _on_account(self, user: User, action: actions.L1Action, now_ms: int) -> None:
        match action:
            case actions.UpdateLeverage():
                self._account.update_leverage(user, action)
            case actions.UpdateIsolatedMargin():
                self._account.update_isolated_margin(user, action)
            case actions.ScheduleCancel():
                self._account.schedule_cancel(user, action.time, now_ms)
            case actions.AgentSetAbstraction():
                self._account.set_abstraction(user, ABSTRACTIONS.get(action.abstraction, ""))
            case actions.ReserveRequestWeight():
                self._account.reserve_requests(user, action.weight)
            case _:
                pass  # a noop only uses up its nonce

    def _place_all(self, user: User, action: actions.PlaceOrders, now_ns: int) -> Reply:
        if action.grouping in ("normalTpsl", "positionTpsl"):
            raise Refused("Unexpected number of trigger orders")  # brackets are not simulated
        if action.builder is not None and action.builder.f > 0:
            return _statuses("order", [{"error": "Builder fee has not been approved"} for _ in action.orders])
        return _statuses("order", [self._place(user, wire, now_ns) for wire in action.orders])

    def _place(self, user: User, wire: OrderWire, now_ns: int) -> Reply:
        new = _new_order(wire)
        if isinstance(new, str):
            return {"error": f"{new} asset={wire.a}"}
        outcome = self._engine.place(user, new, now_ns)
        if isinstance(outcome, Refusal):
            return {"error": f"{outcome.text} asset={wire.a}"}
        return self._placed(outcome)

    def _placed(self, outcome: Placed) -> Reply:
        item = outcome.order
        cloid = {"cloid": item.cloid} if item.cloid else {}
        is_open = item.oid in item.user.open_orders
        if not outcome.filled or (is_open and self.rests_partly_filled):
            return {"resting": {"oid": item.oid, **cloid}}
        average = frames.ratio(outcome.average_price, 8)
        return {"filled": {"totalSz": frames.number(outcome.filled), "avgPx": average, "oid": item.oid, **cloid}}

    def _cancel(self, user: User, asset: int, oid: int | str, now_ns: int) -> Any:
        item, coin = user.find(oid), coin_of(asset)
        if item is None or coin is None or item.coin != coin.name:
            return {"error": f"{NEVER_PLACED} asset={asset}"}
        self._engine.cancel(item, now_ns)
        return "success"

    def _modify(self, user: User, oid: int | str, wire: OrderWire, now_ns: int) -> Reply:
        """Cancel, then place anew; a refused placement leaves no order behind."""
        item: UserOrder | None = user.find(oid)
        if item is not None and (fault := self._faults.take(FaultKind.FILL_BEFORE_REPLACE, item.coin)):
            self._engine.fill_resting(item, item.remaining * Decimal(fault.reason or "1"), now_ns)
            item = user.find(oid)
        if item is None:
            return {"error": "Cannot modify canceled or filled order"}
        self._engine.cancel(item, now_ns)
        status = self._place(user, wire, now_ns)
        return {"error": f"Error placing new order during modify: {status['error']}"} if "error" in status else status


def _new_order(wire: OrderWire) -> NewOrder | str:
    """Return a well-formed order, or why it is none."""
    coin: Coin | None = coin_of(wire.a)
    if coin is None:
        return "Invalid asset."
    price, size = Decimal(wire.p), Decimal(wire.s)
    if wire.t.trigger is not None:
        raw = wire.t.trigger
        if raw.tpsl not in ("tp", "sl") or wire.t.limit is not None:
            raise Malformed(f"trigger {raw}")
        trigger = Trigger(Decimal(raw.trigger_px), raw.is_market, raw.tpsl, wire.b)
        return NewOrder(coin, wire.b, price, size, "Gtc", wire.r, wire.c, trigger)
    if wire.t.limit is None or wire.t.limit.tif not in ("Gtc", "Ioc", "Alo"):
        raise Malformed(f"order type {wire.t}")
    return NewOrder(coin, wire.b, price, size, wire.t.limit.tif, wire.r, wire.c)


def _statuses(kind: str, statuses: list[Any]) -> Reply:
    return {"type": kind, "data": {"statuses": statuses}}
