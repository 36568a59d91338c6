from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.utils.signing import sign_l1_action

from simulators.hyperliquid.identity import Gate, Refused
from simulators.hyperliquid.users import DAY_MS, NonceWindow, User

NOW_MS = 1_795_000_000_000
ADDRESS = "0x" + "1" * 40


def test_a_nonce_is_used_once_and_lies_in_the_window():
    window = NonceWindow()
    assert window.refusal(NOW_MS, NOW_MS) is None
    assert window.refusal(NOW_MS, NOW_MS) == f"Invalid nonce: duplicate nonce {NOW_MS}"
    assert window.refusal(NOW_MS - 1, NOW_MS) is None  # older than the newest, yet never used
    assert window.refusal(NOW_MS - 2 * DAY_MS, NOW_MS).startswith("Invalid nonce: nonce too low")
    assert window.refusal(NOW_MS + DAY_MS, NOW_MS).startswith("Invalid nonce: nonce too high")


def test_only_the_hundred_highest_nonces_are_kept():
    window = NonceWindow()
    for number in range(100):
        assert window.refusal(NOW_MS + number, NOW_MS) is None
    assert window.refusal(NOW_MS - 1, NOW_MS) == f"Invalid nonce: nonce too low {NOW_MS - 1} < {NOW_MS}"
    assert window.refusal(NOW_MS + 100, NOW_MS) is None
    assert len(window.kept) == 100
    assert window.refusal(NOW_MS, NOW_MS).startswith("Invalid nonce: nonce too low")


@pytest.mark.parametrize("is_mainnet", [True, False])
def test_both_networks_are_accepted_unless_strict(is_mainnet):
    wallet = Account.from_key("0x" + "01" * 32)
    gate = Gate({wallet.address.lower(): User(wallet.address.lower())})
    action = {"type": "noop"}

    def envelope(nonce):
        signature = sign_l1_action(wallet, action, None, nonce, None, is_mainnet)
        return {"action": action, "nonce": nonce, "signature": signature}

    user, _ = gate.l1(envelope(NOW_MS), NOW_MS)
    assert user.address == wallet.address.lower()
    gate.strict = True
    if is_mainnet:
        with pytest.raises(Refused, match="Mainnet and testnet require different signature"):
            gate.l1(envelope(NOW_MS + 1), NOW_MS)
    else:
        gate.l1(envelope(NOW_MS + 1), NOW_MS)


def agent(number):
    return f"0x{number:040x}"


@pytest.fixture
def gate():
    return Gate({ADDRESS: User(ADDRESS, spot_usdc=Decimal(0))})


def test_agents_come_go_and_are_counted(gate):
    user = gate.users[ADDRESS]
    for number, name in enumerate(("", "one", "two", "three")):
        gate.approve(user, agent(number + 1), name, NOW_MS)
    with pytest.raises(Refused, match="Too many extra agents"):
        gate.approve(user, agent(9), "four", NOW_MS)
    with pytest.raises(Refused, match="already used"):
        gate.approve(user, agent(2), "one", NOW_MS)
    assert gate.master_of(agent(2)) == ADDRESS
    gate.approve(user, agent(7), "one", NOW_MS)
    assert gate.master_of(agent(2)) is None
    gate.approve(user, "0x" + "0" * 40, "one", NOW_MS)
    assert gate.master_of(agent(7)) is None


def test_an_agent_expires_in_a_bounded_future(gate):
    user = gate.users[ADDRESS]
    gate.approve(user, agent(1), f"bot valid_until {NOW_MS + 1000}", NOW_MS)
    assert user.agents["bot"].valid_until_ms == NOW_MS + 1000
    for until in (NOW_MS, NOW_MS + 181 * DAY_MS):
        with pytest.raises(Refused, match="valid_until already expired"):
            gate.approve(user, agent(2), f"bot valid_until {until}", NOW_MS)


def test_an_agent_past_its_validity_is_turned_away_unless_the_venue_is_late(gate):
    wallet = Account.from_key("0x" + "02" * 32)
    user = gate.users[ADDRESS]
    gate.approve(user, wallet.address, f"bot valid_until {NOW_MS + 1000}", NOW_MS)

    def act(now_ms):
        action = {"type": "noop"}
        signature = sign_l1_action(wallet, action, None, now_ms, None, False)
        return gate.l1({"action": action, "nonce": now_ms, "signature": signature}, now_ms)[0]

    assert act(NOW_MS + 1000) is user
    with pytest.raises(Refused, match=f"User or API Wallet {wallet.address.lower()} does not exist."):
        act(NOW_MS + 1001)
    gate.enforces_expiry = False
    assert act(NOW_MS + 1002) is user


def test_a_pruned_agents_nonces_are_forgotten_and_its_address_is_used_up(gate):
    wallet = Account.from_key("0x" + "02" * 32)
    user, action = gate.users[ADDRESS], {"type": "noop"}
    envelope = {"action": action, "nonce": NOW_MS, "signature": sign_l1_action(wallet, action, None, NOW_MS, None, False)}
    gate.approve(user, wallet.address, "bot", NOW_MS)
    gate.l1(envelope, NOW_MS)
    with pytest.raises(Refused, match="duplicate nonce"):
        gate.l1(envelope, NOW_MS)
    gate.prune(user, "bot")
    with pytest.raises(Refused, match="does not exist"):
        gate.l1(envelope, NOW_MS)
    with pytest.raises(Refused, match="already used"):
        gate.approve(user, wallet.address, "bot", NOW_MS)
    gate._used.clear()  # were it used again, the old action could be too
    gate.approve(user, wallet.address, "bot", NOW_MS)
    assert gate.l1(envelope, NOW_MS)[0] is user


def test_a_removal_takes_a_while(gate):
    user = gate.users[ADDRESS]
    gate.approve(user, agent(1), "bot", NOW_MS)
    gate.approve(user, "0x" + "0" * 40, "bot", NOW_MS)
    with pytest.raises(Refused, match="User has pending agent removal"):
        gate.approve(user, agent(2), "bot", NOW_MS + 4999)
    gate.approve(user, agent(2), "bot", NOW_MS + 5000)
    assert gate.master_of(agent(2)) == ADDRESS


def test_a_sub_account_brings_places_for_two_more_agents(gate):
    user = gate.users[ADDRESS]
    gate.users["0x" + "2" * 40] = User("0x" + "2" * 40, master=ADDRESS)
    for number in range(5):
        gate.approve(user, agent(number + 1), f"bot {number}", NOW_MS)
    with pytest.raises(Refused, match="Current limit is 5"):
        gate.approve(user, agent(9), "bot 9", NOW_MS)


def test_an_action_that_comes_too_late_costs_its_address_five_times(gate):
    wallet = Account.from_key("0x" + "02" * 32)
    user = gate.users[ADDRESS]
    gate.approve(user, wallet.address, "bot", NOW_MS)
    action = {"type": "cancel", "cancels": [{"a": 0, "o": 1}, {"a": 0, "o": 2}]}
    signature = sign_l1_action(wallet, action, None, NOW_MS, NOW_MS - 1, False)
    with pytest.raises(Refused, match="Action already expired"):
        gate.l1({"action": action, "nonce": NOW_MS, "signature": signature, "expiresAfter": NOW_MS - 1}, NOW_MS)
    assert user.requests == 10
