"""Set and verify leverage and margin mode, which the venue keeps per account and coin."""

import asyncio
from collections.abc import Callable

from nautilus_trader.model.instruments import Instrument

from adapters.errors import OutcomeUnknown, RateLimited, Rejected
from adapters.hyperliquid import signing
from adapters.hyperliquid.account_schemas import ActiveAsset
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.sender import ActionSender

_READS = 3
_PAUSE_SECS = 0.3  # until what was set shows


async def set_leverage(
    instrument: Instrument,
    leverage: int,
    *,
    is_cross: bool,
    user: str,
    http: HyperliquidHttp,
    sender: ActionSender,
    log: Callable[[str], None],
) -> str | None:
    """Return None once the venue shows the leverage (at most the coin's maximum) and mode, else why it does not.

    What is in force already is not touched, so an open position cannot stand in the way of it. A
    lost answer does not matter: what the venue then shows decides. Raises `VenueError` where the
    venue cannot be read.
    """
    coin, wanted = instrument.raw_symbol.value, min(leverage, instrument.info["maxLeverage"])
    stands = await http.active_asset(user, coin)
    if _is(stands, wanted, is_cross=is_cross):
        return None
    log(f"{coin}: leverage {_named(stands)} becomes {wanted} {'cross' if is_cross else 'isolated'}")
    action = signing.update_leverage_action(instrument.info["asset"], is_cross=is_cross, leverage=wanted)
    try:
        await sender.send(action, 0, sender.expiry_ms())
        reason = "the venue accepted it"
    except Rejected as e:
        reason = e.reason
    except (OutcomeUnknown, RateLimited) as e:
        reason = str(e)
    for _ in range(_READS):
        stands = await http.active_asset(user, coin)
        if _is(stands, wanted, is_cross=is_cross):
            return None
        await asyncio.sleep(_PAUSE_SECS)
    return f"{coin} stands at {_named(stands)} and not {wanted} {'cross' if is_cross else 'isolated'}: {reason}"


def _is(stands: ActiveAsset, leverage: int, *, is_cross: bool) -> bool:
    return stands.leverage.value == leverage and (stands.leverage.type == "cross") is is_cross


def _named(stands: ActiveAsset) -> str:
    return f"{stands.leverage.value} {stands.leverage.type}"
