"""Streams that show the whole of something at each push: accounts, open orders, balances."""

from collections.abc import Callable, Mapping
from typing import Any

from simulators.hyperliquid import frames, state
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.info import Info
from simulators.hyperliquid.users import User

PICTURES = (
    "openOrders",
    "clearinghouseState",
    "allDexsClearinghouseState",
    "activeAssetData",
    "spotState",
    "webData2",
    "webData3",
)
Shape = Mapping[str, Any]


class Pictures:
    """Draws them."""

    def __init__(self, engine: Engine, info: Info) -> None:
        self._engine, self._info = engine, info
        self._of_kind: dict[str, Callable[[Shape, User | None, int], dict[str, Any]]] = {
            "openOrders": lambda shape, user, _: {**_whose(shape), "orders": self._open_orders(user)},
            "clearinghouseState": lambda shape, user, now_ms: {
                **_whose(shape),
                "clearinghouseState": state.clearinghouse_state(engine, user, now_ms),
            },
            "allDexsClearinghouseState": lambda shape, user, now_ms: {
                "user": shape["user"],
                "clearinghouseStates": [["", state.clearinghouse_state(engine, user, now_ms)]],
            },
            "activeAssetData": lambda shape, user, _: state.active_asset_data(engine, user, shape["user"], shape["coin"]),
            "spotState": lambda shape, user, _: {"user": shape["user"], "spotState": state.spot_state(engine, user)},
            "webData2": self._web_data_2,
            "webData3": _web_data_3,
        }

    def of(self, kind: str, shape: Shape, now_ms: int) -> dict[str, Any]:
        """Return what a subscription of one user shows now; a stranger's account is empty."""
        return self._of_kind[kind](shape, self._engine.users.get(shape["user"]), now_ms)

    def _open_orders(self, user: User | None) -> list[dict[str, Any]]:
        return self._info.open_orders(user, frames.frontend_order)

    def _web_data_2(self, shape: Shape, user: User | None, now_ms: int) -> dict[str, Any]:
        account = state.clearinghouse_state(self._engine, user, now_ms)
        return {
            "user": shape["user"],
            "clearinghouseState": account,
            "openOrders": self._open_orders(user),
            "serverTime": now_ms,
        }


def _whose(shape: Shape) -> dict[str, Any]:
    return {"dex": "", "user": shape["user"]}


def _web_data_3(shape: Shape, user: User | None, now_ms: int) -> dict[str, Any]:
    agent = user.agents.get("") if user else None
    about = {
        "agentAddress": agent.address if agent else None,
        "agentValidUntil": agent.valid_until_ms if agent else None,
        "cumLedger": "0.0",
        "serverTime": now_ms,
        "isVault": False,
        "user": shape["user"],
        "abstraction": user.abstraction if user else "default",
    }
    return {"userState": about, "perpDexStates": [{"totalVaultEquity": "0.0"}]}
