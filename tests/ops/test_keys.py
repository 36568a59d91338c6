"""Which key the venue says it is, over the wire."""

import time

import pytest
from ops_venues import Bench

from adapters.errors import Auth
from adapters.paradex.by_hand import ParadexByHand
from adapters.paradex.key_check import check_key
from adapters.paradex.onboarding import register_subkey
from adapters.paradex.signing import Signer

SUBKEY = "0x0123456789abcdef"


async def test_a_main_key_is_told_from_a_subkey_which_may_do_all_that_a_node_needs(bench: Bench):
    main, log = bench.paradex, []
    signer = await main._signed()
    with pytest.raises(Auth, match="can withdraw"):
        await check_key(main._account, signer.public_key, log.append)
    public_key = Signer("X", "0x1", SUBKEY).public_key
    await register_subkey(
        main._http, main._account._session, signer, name="bot", public_key=public_key, now_secs=int(time.time())
    )
    by_subkey = ParadexByHand(
        main._http, signer.account_address, SUBKEY, is_interactive=False, now_ms=lambda: time.time_ns() // 1_000_000
    )
    await check_key(by_subkey._account, public_key, log.append)
    assert log == []
    assert (await by_subkey.look()).is_flat
