"""What only a master account's own key may do, signed by the venue's SDK: approve agents, move USDC to trade with.

The SDK takes seconds to import, so this module is imported by the one who needs it when it is needed.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from eth_account import Account
from hyperliquid.utils import signing as sdk

from adapters.hyperliquid.http import HyperliquidHttp, read_action_answer
from adapters.hyperliquid.signing import NonceSource, number

_TIMEOUT_SECS = 10.0
_MAX_NAME = 16


class Onboarding:
    """Actions of a person, not of a strategy: `private_key` is the master's, which no node ever holds.

    Every method raises `Rejected` with the venue's words, and `OutcomeUnknown` where the action may
    have been executed: look before doing it again. `now_ms` gives Unix milliseconds.
    """

    def __init__(self, http: HyperliquidHttp, private_key: str, *, is_mainnet: bool, now_ms: Callable[[], int]) -> None:
        self._http, self._wallet, self._is_mainnet, self._now_ms = http, Account.from_key(private_key), is_mainnet, now_ms
        self._nonces = NonceSource()

    @property
    def address(self) -> str:
        """The master's address, in lower case."""
        address: str = self._wallet.address.lower()
        return address

    async def approve_agent(self, agent_address: str, name: str, valid_until_ms: int | None = None) -> None:
        """Let a key that has never been an agent trade for the account, but move no money.

        The venue ends it after 90 days, or at `valid_until_ms` (at most 180 days ahead). An agent
        without a name would not be listed, and its end would come unseen: it is a `ValueError`.
        """
        if not 0 < len(name) <= _MAX_NAME:
            raise ValueError(f"an agent's name has 1 to {_MAX_NAME} characters, had {len(name)}")
        label = name if valid_until_ms is None else f"{name} valid_until {valid_until_ms}"
        await self._send({"type": "approveAgent", "agentAddress": agent_address.lower(), "agentName": label}, sdk.sign_agent)

    async def transfer(self, amount_usd: Decimal, *, to_perp: bool, sub_account: str | None = None) -> None:
        """Move USDC from the spot to the perpetuals account (of a sub-account, where one is named) or back."""
        if amount_usd <= 0:
            raise ValueError(f"nothing to move: {amount_usd}")
        amount = number(amount_usd) + (f" subaccount:{sub_account}" if sub_account else "")
        await self._send({"type": "usdClassTransfer", "amount": amount, "toPerp": to_perp}, sdk.sign_usd_class_transfer_action)

    async def _send(self, action: dict[str, Any], sign: Callable[[Any, dict[str, Any], bool], dict[str, Any]]) -> None:
        action["nonce"] = self._nonces.next_ms(self._now_ms())
        signature = sign(self._wallet, action, self._is_mainnet)  # completes the action by its chain
        body = msgspec.json.encode({"action": action, "nonce": action["nonce"], "signature": signature})
        read_action_answer(await self._http.exchange(body, _TIMEOUT_SECS), 0)
