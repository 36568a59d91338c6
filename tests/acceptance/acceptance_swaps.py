"""Ekubo as the suite needs it: a wallet on a simulated chain instead of an order book."""

import contextlib
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from harness import HOUR_SECS, Stage, SteeredTape, Venue, running
from nautilus_trader.model.identifiers import ClientId, InstrumentId
from nautilus_trader.model.orders import Order

import simulators
from adapters.ekubo.config import EkuboDataClientConfig, EkuboExecClientConfig
from adapters.ekubo.factories import EkuboLiveDataClientFactory, exec_factory
from adapters.ekubo.sending import Fate
from simulators.faults import Fault, FaultKind
from strategies.journal import Journal


class EkuboDoor:
    """What a venue of swaps has of `acceptance_venues.Door`: nothing rests here."""

    client_id = "EKUBO"
    instrument_id = InstrumentId.from_str("ETH-USDC.EKUBO")
    key_name = "FARB_ACCEPTANCE_STARKNET_KEY"
    data_factory = EkuboLiveDataClientFactory
    submits = "addInvokeTransaction"

    def __init__(self, sims: Any) -> None:
        self._venue = sims.starknet
        self._ready = sims.ready["starknet"]
        self._account = self._ready["accounts"][0]
        self.private_key = self._account["private_key"]
        self.exec_factory = exec_factory(Journal().documents("ekubo"))

    def _common(self) -> dict[str, Any]:
        urls = {"avnu_url": self._ready["avnu_url"], "prices_url": self._ready["avnu_url"], "rpc_url": self._ready["rpc_url"]}
        return {**urls, "pairs": ("ETH-USDC",), "max_requests": 10_000}

    def data_config(self) -> EkuboDataClientConfig:
        return EkuboDataClientConfig(**self._common(), poll_secs=0.3)

    def exec_config(self) -> EkuboExecClientConfig:
        return EkuboExecClientConfig(
            **self._common(),
            account_address=self._account["address"],
            private_key=f"env:{self.key_name}",
            receipt_poll_secs=0.03,
            receipt_timeout_secs=5.0,
            max_fee_strk=Decimal(50),
            max_slippage_bps=Decimal(50),
            is_reference_required=False,  # no perpetual is quoted here
        )

    def strike(self, kind: FaultKind, path: str = "", **settings: Any) -> None:
        """Let the next request of this kind go wrong."""
        self._venue.faults.inject(Fault(kind=kind, path=path, **settings))

    def clear_faults(self) -> None:
        """Put everything right."""
        self._venue.faults.clear()

    def held(self) -> Decimal:
        """Return the ETH in the wallet."""
        units = self._venue.chain.state.balance(
            int(self._ready["tokens"]["ETH"]["address"], 16), int(self._account["address"], 16)
        )
        return Decimal(units).scaleb(-18)

    def executed(self) -> int:
        """Return how many of the account's transactions the chain has executed."""
        count: int = self._venue.chain.nonces[int(self._account["address"], 16)]
        return count

    def is_idle(self, node: Any) -> bool:
        """Whether no order is at work."""
        return not node.kernel.exec_engine._clients[ClientId(self.client_id)]._desk.works

    def fills(self, node: Any, order: Order) -> list[Decimal]:
        """Return what the chain has exchanged of an order, slice by slice."""
        client = node.kernel.exec_engine._clients[ClientId(self.client_id)]
        slots = client._journal.of_order(order.client_order_id.value)
        return [Decimal(slot.swap.buy_amount if slot.swap.is_buy else slot.booking.sold).scaleb(-18) for slot in slots
                if slot.fate is Fate.SUCCEEDED]  # fmt: skip


@contextlib.asynccontextmanager
async def swap_stage() -> AsyncIterator[Stage]:
    """Run a quick chain and a node on it."""
    tape = SteeredTape()
    async with simulators.launch(seed=3, hour_secs=HOUR_SECS, only="starknet", tape=tape) as sims:
        settings = sims.starknet.settings
        settings.pre_confirmed_secs, settings.block_secs, settings.requests_per_window = 0.03, 0.06, None
        door = EkuboDoor(sims)
        os.environ[door.key_name] = door.private_key
        try:
            async with running(Venue(door, tape)) as stage:  # type: ignore[arg-type]
                yield stage
        finally:
            del os.environ[door.key_name]
