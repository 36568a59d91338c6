"""What the account holds, read from the tokens' own contracts."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from adapters.ekubo.constants import STRK
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.tokens import Token

GAS_TOKEN = Token("STRK", STRK, 18)


class Holding(msgspec.Struct, frozen=True):
    """One token and how much of it there is, in smallest units."""

    token: Token
    units: int

    @property
    def amount(self) -> Decimal:
        """The same in whole tokens."""
        return self.token.amount(self.units)


class Wallet:
    """Reads balances as of the block that is being built, so that a swap just executed is in them."""

    def __init__(self, rpc: StarknetRpc, account: int) -> None:
        self._rpc, self._account = rpc, account

    async def held(self, token: int) -> int:
        """Return one balance in smallest units; raises `VenueError` where the node does not say."""
        return int(await self._rpc.balance_of(token, self._account))

    async def read(self, tokens: Iterable[Token]) -> list[Holding]:
        """Return what there is of some tokens, and of STRK for gas; raises `VenueError` where the node does not say."""
        wanted = {token.address: token for token in (*tokens, GAS_TOKEN)}
        amounts = await asyncio.gather(*(self.held(address) for address in wanted))
        return [Holding(token, units) for token, units in zip(wanted.values(), amounts, strict=True)]
