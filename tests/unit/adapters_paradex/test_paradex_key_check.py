import pytest

from adapters.errors import Auth, Connectivity, Rejected
from adapters.paradex.key_check import check_key
from adapters.paradex.schemas import Subkey


class Account:
    def __init__(self, answer):
        self.answer = answer

    async def subkeys(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("spelt", ["0xABC", "abc", "0x0abc"])
async def test_an_active_subkey_passes_however_it_is_spelt(spelt):
    log = []
    await check_key(Account([Subkey(public_key="0x1"), Subkey(public_key=spelt, state="active")]), "0xabc", log.append)
    assert log == []


@pytest.mark.parametrize(
    "subkeys", [[], [Subkey(public_key="0xabc", state="revoked")], [Subkey(public_key="0xabcd", state="active")]]
)
async def test_a_key_that_is_no_active_subkey_is_taken_for_the_main_key(subkeys):
    with pytest.raises(Auth, match=r"can withdraw: register a subkey .*is_main_key_allowed = true"):
        await check_key(Account(subkeys), "0xabc", [].append)


@pytest.mark.parametrize("refusal", [Rejected("no"), Auth("scope")])
async def test_a_venue_that_does_not_tell_is_logged(refusal):
    log = []
    await check_key(Account(refusal), "0xabc", log.append)
    assert len(log) == 1


async def test_a_venue_that_is_away_decides_nothing():
    with pytest.raises(Connectivity):
        await check_key(Account(Connectivity("down")), "0xabc", [].append)
