"""Whether the key a node was given is one that cannot withdraw."""

from collections.abc import Callable

from adapters.errors import Auth, Rejected
from adapters.paradex.account_http import ParadexAccountHttp


async def check_key(account: ParadexAccountHttp, public_key: str, log: Callable[[str], None]) -> None:
    """Raise `Auth` where the venue does not list `public_key` among the account's active subkeys.

    Whether a subkey's own session may read that list is not documented: a venue that refuses it is
    believed to, for the main key may read everything, and that is logged.
    """
    try:
        subkeys = await account.subkeys()
    except (Rejected, Auth) as e:
        log(f"the venue does not tell this key which subkeys there are, so it is taken for one: {e}")
        return
    active = {_digits(subkey.public_key) for subkey in subkeys if subkey.state in (None, "active")}
    if _digits(public_key) not in active:
        raise Auth(
            "the key is the account's main key, which can withdraw: register a subkey and give the node its key, "
            "or set venues.paradex.is_main_key_allowed = true"
        )


def _digits(key: str) -> str:
    """Return a key's hexadecimal digits as each side may spell them."""
    return key.lower().removeprefix("0x").lstrip("0")
