"""What the suite needs to know of each venue, and the venue's own view of the account.

A door leads behind the counter of a simulated venue: it strikes faults there, and tells and does what
the node cannot know of.
"""

import asyncio
import time
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from eth_account import Account as EthAccount
from hyperliquid.exchange import Exchange
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientId, InstrumentId
from nautilus_trader.model.orders import Order

from adapters.hyperliquid.config import HyperliquidDataClientConfig, HyperliquidExecClientConfig
from adapters.hyperliquid.factories import HyperliquidLiveDataClientFactory, HyperliquidLiveExecClientFactory
from adapters.hyperliquid.signing import cloid
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.auth import Session, login_headers
from adapters.paradex.config import ParadexDataClientConfig, ParadexExecClientConfig
from adapters.paradex.factories import ParadexLiveDataClientFactory, ParadexLiveExecClientFactory
from adapters.paradex.http import ParadexHttp
from adapters.paradex.order_body import order_body
from adapters.paradex.signing import OrderTerms, Signer
from adapters.transport.http import NautilusHttp
from simulators.faults import Fault, FaultKind

MANY = 10_000


class Door(Protocol):
    """One venue; `expiry_secs` is how long an order may be on its way there."""

    client_id: str
    instrument_id: InstrumentId
    key_name: str
    private_key: str
    expiry_secs: float
    data_factory: Any
    exec_factory: Any
    submits: str
    cancels: str
    modifies: str
    always: frozenset[str]  # the public channels a node has even when nobody wants data

    def data_config(self) -> Any:
        """Return the data client's config."""

    def exec_config(self) -> Any:
        """Return the execution client's config."""

    def is_ready(self, node: Any) -> bool:
        """Whether orders can go by the socket."""

    def strike(self, kind: FaultKind, path: str, **settings: Any) -> None:
        """Let the next request of this kind go wrong."""

    def blind(self) -> None:
        """Hide from the account's owner, on streams and on request, what becomes of orders."""

    def deafen(self) -> None:
        """Push nothing of orders and fills; requests are answered."""

    def clear_faults(self) -> None:
        """Put everything right."""

    def bid(self) -> Decimal:
        """Return the venue's best bid, USD."""

    def position(self) -> Decimal:
        """Return the position as the venue has it."""

    def entry_price(self) -> Decimal:
        """Return the position's average entry price as the venue has it, USD."""

    def open_orders(self) -> list[str]:
        """Return the client ids under which the venue has live orders (its own ids where there is none)."""

    def venue_order_ids(self) -> list[str]:
        """Return the venue's own ids of its live orders."""

    async def place_elsewhere(self, side: OrderSide, size: Decimal, price: Decimal) -> None:
        """Send a limit order on the same account from somewhere else than the node."""

    def holds(self, order: Order) -> bool:
        """Whether an order is live at the venue."""

    def has_seen(self, order: Order) -> bool:
        """Whether the venue has taken an order, whatever became of it."""

    def terms(self, order: Order) -> set[str]:
        """Return which of POST_ONLY and REDUCE_ONLY the venue has noted on an order, live or ended."""

    def price(self, order: Order) -> Decimal:
        """Return the limit price of a live order."""

    def remove(self, order: Order) -> None:
        """Cancel an order as the venue would by itself."""

    def fills(self, order: Order) -> list[tuple[Decimal, Decimal, Decimal]]:
        """Return size, price and fee of what the venue executed of an order."""

    def public_channels(self) -> set[str]:
        """Return the market data subscriptions the venue has."""


class HyperliquidDoor:
    """Hyperliquid."""

    client_id = "HYPERLIQUID"
    instrument_id = InstrumentId.from_str("BTC-USD-PERP.HYPERLIQUID")
    key_name = "FARB_ACCEPTANCE_HYPERLIQUID_KEY"
    expiry_secs = 1.0
    data_factory = HyperliquidLiveDataClientFactory
    exec_factory = HyperliquidLiveExecClientFactory
    submits, cancels, modifies = "ws action:order", "ws action:cancel", "ws action:batchModify"
    always = frozenset[str]()
    public: ClassVar[set[str]] = {"bbo", "l2Book", "trades", "activeAssetCtx", "candle"}

    def __init__(self, sims: Any, hour_secs: float) -> None:
        self._venue, self._hour_secs = sims.hyperliquid, hour_secs
        self._ready = sims.ready["hyperliquid"]
        account = self._ready["accounts"][0]
        self.private_key = account["private_key"]
        self._user = self._venue.engine.users[account["address"]]

    def _common(self) -> dict[str, Any]:
        urls = {name: self._ready[name] for name in ("http_url", "ws_url")}
        return {**urls, "coins": ("BTC", "ETH"), "hour_secs": self._hour_secs}

    def data_config(self) -> HyperliquidDataClientConfig:
        return HyperliquidDataClientConfig(**self._common())

    def exec_config(self) -> HyperliquidExecClientConfig:
        return HyperliquidExecClientConfig(**self._common(), private_key=f"env:{self.key_name}", action_ttl_secs=self.expiry_secs)

    def is_ready(self, node: Any) -> bool:
        return bool(_client(node, self.client_id)._feed.connection.is_open)

    def strike(self, kind: FaultKind, path: str, **settings: Any) -> None:
        self._venue.faults.inject(Fault(kind=kind, path=path, **settings))

    def deafen(self) -> None:
        for channel in ("orderUpdates", "userFills"):
            self._venue.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel=channel))

    def blind(self) -> None:
        self.deafen()
        for path in ("info:orderStatus", "info:userFills", "info:clearinghouseState", "info:frontendOpenOrders"):
            self.strike(FaultKind.STATUS, path, status=503, count=MANY)

    def clear_faults(self) -> None:
        self._venue.faults.clear()

    def bid(self) -> Decimal:
        price: Decimal = self._venue.engine.markets["BTC"].book.best_bid
        return price

    def position(self) -> Decimal:
        size: Decimal = self._user.account.size("BTC")
        return size

    def entry_price(self) -> Decimal:
        price: Decimal = self._user.account.positions["BTC"].entry_usd
        return price

    def open_orders(self) -> list[str]:
        return [item.cloid or str(oid) for oid, item in self._user.open_orders.items()]

    def venue_order_ids(self) -> list[str]:
        return [str(oid) for oid in self._user.open_orders]

    async def place_elsewhere(self, side: OrderSide, size: Decimal, price: Decimal) -> None:
        wallet, is_buy = EthAccount.from_key(self.private_key), side == OrderSide.BUY
        client = await asyncio.to_thread(Exchange, wallet, self._ready["http_url"])
        terms = {"limit": {"tif": "Gtc"}}
        answer = await asyncio.to_thread(client.order, "BTC", is_buy, float(size), float(price), terms)
        assert "error" not in answer["response"]["data"]["statuses"][0], answer

    def holds(self, order: Order) -> bool:
        return self._user.find(cloid(order.client_order_id.value)) is not None

    def has_seen(self, order: Order) -> bool:
        return cloid(order.client_order_id.value) in self._user.oid_by_cloid

    def terms(self, order: Order) -> set[str]:
        row = self._user.record_by_oid[self._user.oid_by_cloid[cloid(order.client_order_id.value)]]["order"]
        noted = {"POST_ONLY": row["tif"] == "Alo", "REDUCE_ONLY": row["reduceOnly"]}
        return {name for name, is_noted in noted.items() if is_noted}

    def price(self, order: Order) -> Decimal:
        price: Decimal = self._user.find(cloid(order.client_order_id.value)).limit_price
        return price

    def remove(self, order: Order) -> None:
        item = self._user.find(cloid(order.client_order_id.value))
        self._venue.engine.cancel(item, time.time_ns(), "marginCanceled")
        self._venue._tell()

    def fills(self, order: Order) -> list[tuple[Decimal, Decimal, Decimal]]:
        rows = [row for row in self._user.fills if row.get("cloid") == cloid(order.client_order_id.value)]
        return [(Decimal(row["sz"]), Decimal(row["px"]), Decimal(row["fee"])) for row in rows]

    def public_channels(self) -> set[str]:
        shapes = [item.shape for session in self._venue.sessions._open for item in session.subscriptions.values()]
        return {shape["type"] for shape in shapes} & self.public


class ParadexDoor:
    """Paradex."""

    client_id = "PARADEX"
    instrument_id = InstrumentId.from_str("BTC-USD-PERP.PARADEX")
    key_name = "FARB_ACCEPTANCE_PARADEX_KEY"
    expiry_secs = 1.5
    data_factory = ParadexLiveDataClientFactory
    exec_factory = ParadexLiveExecClientFactory
    submits, cancels, modifies = "ws order.create", "ws order.cancel", "ws order.modify"
    always = frozenset({"markets"})

    def __init__(self, sims: Any, hour_secs: float) -> None:
        self._venue, self._hour_secs = sims.paradex, hour_secs
        self._ready = sims.ready["paradex"]
        self._keys = self._ready["accounts"][0]
        self.private_key = self._keys["l2_private_key"]
        self._elsewhere = 0

    @property
    def _account(self) -> Any:
        return self._venue.exchange.registry.accounts[int(self._keys["l2_address"], 16)]

    def _common(self) -> dict[str, Any]:
        urls = {name: self._ready[name] for name in ("http_url", "ws_url")}
        return {**urls, "markets": ("BTC", "ETH"), "hour_secs": self._hour_secs}

    def data_config(self) -> ParadexDataClientConfig:
        return ParadexDataClientConfig(**self._common())

    def exec_config(self) -> ParadexExecClientConfig:
        return ParadexExecClientConfig(
            **self._common(),
            account_address=self._keys["l2_address"],
            private_key=f"env:{self.key_name}",
            recv_window_ms=round(self.expiry_secs * 1000),
            reply_timeout_secs=1.0,
        )

    def is_ready(self, node: Any) -> bool:
        return bool(_client(node, self.client_id)._channel.is_ready)

    def strike(self, kind: FaultKind, path: str, **settings: Any) -> None:
        self._venue.faults.inject(Fault(kind=kind, path=path, **settings))

    def deafen(self) -> None:
        for channel in ("orders", "fills"):
            self._venue.faults.inject(Fault(kind=FaultKind.FREEZE_STREAM, channel=channel))

    def blind(self) -> None:
        self.deafen()
        for path in ("GET /v1/orders", "GET /v1/fills", "GET /v1/positions"):
            self.strike(FaultKind.STATUS, path, status=503, count=MANY)

    def clear_faults(self) -> None:
        self._venue.faults.clear()

    def bid(self) -> Decimal:
        price: Decimal = self._venue.exchange.markets["BTC-USD-PERP"].core.book.best_bid
        return price

    def position(self) -> Decimal:
        size: Decimal = self._account.money.size("BTC-USD-PERP")
        return size

    def entry_price(self) -> Decimal:
        price: Decimal = self._account.money.positions["BTC-USD-PERP"].entry_usd
        return price

    def open_orders(self) -> list[str]:
        return [order.client_id or order.id for order in self._account.live_orders()]

    def venue_order_ids(self) -> list[str]:
        return [order.id for order in self._account.live_orders()]

    async def place_elsewhere(self, side: OrderSide, size: Decimal, price: Decimal) -> None:
        http = ParadexHttp(NautilusHttp(), self._ready["http_url"])
        chain = (await http.system_config()).starknet_chain_id
        signer = Signer(chain, self._keys["l2_address"], self.private_key)
        session = Session(lambda: http.login(signer.public_key, login_headers(signer, int(time.time())), False), time.time)
        terms = OrderTerms(
            timestamp_ms=time.time_ns() // 1_000_000,
            market="BTC-USD-PERP",
            side="BUY" if side == OrderSide.BUY else "SELL",
            kind="LIMIT",
            size=size,
            price=price,
        )
        self._elsewhere += 1
        name = f"elsewhere-{self._elsewhere}"
        body = order_body(terms, signer, client_id=name, instruction="GTC", is_reduce_only=False, recv_window_ms=5000)
        await ParadexAccountHttp(http, session).create_order(body)

    def holds(self, order: Order) -> bool:
        return order.client_order_id.value in self.open_orders()

    def has_seen(self, order: Order) -> bool:
        return self._account.by_client_id(order.client_order_id.value) is not None

    def terms(self, order: Order) -> set[str]:
        row = self._account.by_client_id(order.client_order_id.value)
        noted = {"POST_ONLY": row.instruction == "POST_ONLY", "REDUCE_ONLY": row.reduce_only}
        return {name for name, is_noted in noted.items() if is_noted}

    def price(self, order: Order) -> Decimal:
        price: Decimal = self._account.by_client_id(order.client_order_id.value).price
        return price

    def remove(self, order: Order) -> None:
        account = self._account
        self._venue.exchange.engine._close(account, account.by_client_id(order.client_order_id.value), "USER_CANCELED")

    def fills(self, order: Order) -> list[tuple[Decimal, Decimal, Decimal]]:
        rows = [row for row in self._account.fills if row.client_id == order.client_order_id.value]
        return [(row.size, row.price, row.fee) for row in rows]

    def public_channels(self) -> set[str]:
        sessions = self._venue.exchange.publisher.sessions
        channels = [channel for session in sessions for channel in session.channels.values()]
        return {channel.topic for channel in channels if not channel.is_private}


DOORS: dict[str, Any] = {"hyperliquid": HyperliquidDoor, "paradex": ParadexDoor}


def open_door(name: str, sims: Any, hour_secs: float) -> Door:
    """Return the door of a venue by its name."""
    door: Door = DOORS[name](sims, hour_secs)
    return door


def _client(node: Any, name: str) -> Any:
    return node.kernel.exec_engine._clients[ClientId(name)]
