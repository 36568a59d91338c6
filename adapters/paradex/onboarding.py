"""Opens a Paradex account from an Ethereum key, and lets a subkey sign for it.

Used by people and `operations`, never by a running node: the vendor's library, which knows how keys
and addresses are derived, takes seconds to import and so is imported inside.
"""

import re
from typing import Any

import msgspec

from adapters.errors import Rejected
from adapters.paradex.auth import Session
from adapters.paradex.http import ParadexHttp, judge, parse
from adapters.paradex.signing import Signer

_ALREADY = ("ALREADY_ONBOARDED",)
_HEX = re.compile(r"0x[0-9a-fA-F]+")


class ChainConfig(msgspec.Struct, frozen=True):
    """The venue's chain, as far as keys and addresses depend on it."""

    starknet_chain_id: str
    l1_chain_id: str
    paraclear_account_hash: str
    paraclear_account_proxy_hash: str


class L2Account(msgspec.Struct, frozen=True):
    """A trading account as hexadecimal text; the private key is shown to nobody."""

    address: str
    public_key: str
    private_key: str

    def __repr__(self) -> str:
        return f"L2Account({self.address})"


async def chain_config(http: ParadexHttp) -> ChainConfig:
    """Read the venue's chain."""
    response = judge(await http.send("GET", "/system/config"), is_action=False)
    return parse(ChainConfig, response)


def derive(chain: ChainConfig, l1_address: str, l1_private_key: str) -> L2Account:
    """Return the one trading account an Ethereum key has on this chain.

    Raises ValueError for a key or address that is no hexadecimal number.
    """
    if not (_HEX.fullmatch(l1_address) and _HEX.fullmatch(l1_private_key)):
        raise ValueError("address and key of the Ethereum account must be hexadecimal numbers beginning with 0x")
    from paradex_py.account.utils import derive_l2_address_starknet, resolve_l2_keypair  # noqa: PLC0415 (seconds)

    keys = resolve_l2_keypair(config=chain, l1_address=l1_address, l1_private_key=l1_private_key)
    address = derive_l2_address_starknet(chain, keys.public_key)
    return L2Account(address=hex(address), public_key=hex(keys.public_key), private_key=hex(keys.private_key))


async def onboard(http: ParadexHttp, chain: ChainConfig, account: L2Account, l1_address: str) -> None:
    """Make the account known to the venue; doing so again changes nothing.

    Raises `Rejected` where the venue refuses for any other reason than knowing it already.
    """
    signer = Signer(chain.starknet_chain_id, account.address, account.private_key)
    headers = {
        "PARADEX-ETHEREUM-ACCOUNT": l1_address,
        "PARADEX-STARKNET-ACCOUNT": account.address,
        "PARADEX-STARKNET-SIGNATURE": signer.sign(signer.onboarding_hash()),
    }
    try:
        judge(await http.send("POST", "/onboarding", headers=headers, body={"public_key": account.public_key}), is_action=True)
    except Rejected as e:
        if not (e.code or "").endswith(_ALREADY):
            raise


async def register_subkey(
    http: ParadexHttp,
    session: Session,
    signer: Signer,
    *,
    name: str,
    public_key: str,
    now_secs: int,
    life_secs: int = 3600,
) -> None:
    """Let `public_key` sign orders and logins for the account of `signer` (its main key), and nothing else.

    `life_secs` is how long the request itself is valid. Raises `Rejected` where the venue refuses.
    """
    expiry = now_secs + life_secs
    signature = msgspec.json.decode(signer.sign(signer.subkey_hash(public_key, now_secs, expiry)))
    body: dict[str, Any] = {
        "name": name,
        "public_key": public_key,
        "state": "active",
        "signature": [hex(int(part)) for part in signature],
        "signature_timestamp": now_secs,
        "signature_expiry": expiry,
        "allowed_cidrs": [],
    }
    headers = {"Authorization": f"Bearer {await session.token()}"}
    judge(await http.send("POST", "/account/keys/subkeys", headers=headers, body=body), is_action=True)
