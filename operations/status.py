"""What the venues hold for an account right now: positions, orders, equity, and what is not hedged."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from adapters.by_hand import AccountByHand, Look
from adapters.errors import VenueError


async def status(accounts: Sequence[AccountByHand]) -> tuple[str, bool]:
    """Return the state in lines, and whether every venue could be read."""
    looks = await asyncio.gather(*map(_look, accounts))
    lines = [line for account, look in zip(accounts, looks, strict=True) for line in _venue_lines(account.venue, look)]
    read = [look for look in looks if isinstance(look, Look)]
    is_whole = len(read) == len(looks)
    return "\n".join([*lines, *_delta_lines(read, is_whole=is_whole)]), is_whole


async def _look(account: AccountByHand) -> Look | str:
    try:
        return await account.look()
    except VenueError as e:
        return str(e)


def _venue_lines(venue: str, look: Look | str) -> list[str]:
    if isinstance(look, str):
        return [f"{venue}: NOT KNOWN, {look}"]
    lines = [f"{venue}: equity {look.equity_usd:,.2f} USD, free {look.free_collateral_usd:,.2f} USD"]
    lines += [f"  position {p.quantity.normalize():+f} {p.market} at about {p.price_usd:,.6g} USD" for p in look.positions]
    for order in look.orders:
        side, price = "buy" if order.is_buy else "sell", "market" if order.price_usd is None else f"{order.price_usd:f}"
        lines.append(f"  order {side} {order.quantity.normalize():f} {order.market} at {price} ({order.client_id or 'unnamed'})")
    return lines if look.orders or look.positions else [f"{lines[0]}, flat"]


def _delta_lines(looks: Sequence[Look], *, is_whole: bool) -> list[str]:
    deltas: dict[str, Decimal] = {}
    for position in (position for look in looks for position in look.positions):
        deltas[position.asset] = deltas.get(position.asset, Decimal(0)) + position.quantity
    doubt = "" if is_whole else " (of the venues that could be read)"
    return [
        f"delta {asset}: {delta.normalize():+f}{'' if delta else ', hedged'}{doubt}" for asset, delta in sorted(deltas.items())
    ]
