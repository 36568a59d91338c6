"""Whose request it is: signature, agents, nonces and expiry of an /exchange envelope."""

from dataclasses import dataclass, field
from typing import Any

from simulators.hyperliquid import signing
from simulators.hyperliquid.actions import L1Action, Malformed, decode_action
from simulators.hyperliquid.limits import STALE_WEIGHT, batch_size
from simulators.hyperliquid.users import DAY_MS, Agent, NonceWindow, User

AGENT_DAYS = 90
MAX_AGENT_DAYS = 180
MAX_NAMED_AGENTS = 3
AGENTS_PER_SUB_ACCOUNT = 2
MAX_NAME_LENGTH = 16
REMOVAL_MS = 5000  # how long a removal is under way
ZERO_ADDRESS = "0x" + "0" * 40


class Refused(Exception):
    """An action the venue answers with `status: err` and this text."""


@dataclass(slots=True)
class Gate:
    """Who may act; `source` is the network tried first, `strict` refuses the other one.

    `enforces_expiry` is whether an agent past its validity is turned away at once; the venue may be late
    in that.
    """

    users: dict[str, User]
    source: str = signing.TESTNET
    strict: bool = False
    enforces_expiry: bool = True
    _masters: dict[str, str] = field(default_factory=dict)  # agent address -> user address
    _used: set[str] = field(default_factory=set)  # every agent address there has been
    _removed_ms: dict[str, int] = field(default_factory=dict)  # user address -> last removal of an agent
    _nonces: dict[str, NonceWindow] = field(default_factory=dict)

    def l1(self, envelope: dict[str, Any], now_ms: int) -> tuple[User, L1Action]:
        """Return for whom an L1 action was signed, and the action; raise Refused or Malformed."""
        action, nonce = decode_action(envelope["action"]), _integer(envelope, "nonce")
        vault, expires = envelope.get("vaultAddress"), envelope.get("expiresAfter")
        try:
            connection = signing.connection_id(action, nonce, vault, expires)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise Malformed(str(error)) from error
        signer = self._l1_signer(connection, envelope["signature"], now_ms)
        user = self._acts_for(self.users[self._masters.get(signer, signer)], vault)
        if expires is not None and now_ms > expires:
            user.requests += STALE_WEIGHT * batch_size(envelope["action"])
            raise Refused("Action already expired")
        self._use_nonce(signer, nonce, now_ms)
        return user, action

    def user_signed(self, envelope: dict[str, Any], now_ms: int) -> User:
        """Return who signed a user-signed action, never an agent; raise Refused or Malformed."""
        action, nonce = envelope["action"], _integer(envelope, "nonce")
        if nonce != action.get("nonce"):
            raise Refused("Nonce mismatch.")
        if envelope.get("expiresAfter") is not None:
            raise Malformed("user-signed actions do not expire")
        try:
            digest = signing.user_digest(action)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise Malformed(str(error)) from error
        signer = _recovered(digest, envelope["signature"])
        if signer not in self.users:
            raise Refused(f"Must deposit before performing actions. User: {signer}")
        self._use_nonce(signer, nonce, now_ms)
        return self.users[signer]

    def master_of(self, address: str) -> str | None:
        """Return the user an agent acts for."""
        return self._masters.get(address)

    def approve(self, user: User, agent_address: str, name: str, now_ms: int) -> None:
        """Give an agent its place under a name, or take it away with the zero address; raise Refused."""
        label, _, until = name.partition(" valid_until ")
        valid_until = int(until) if until.isdigit() else now_ms + AGENT_DAYS * DAY_MS
        address = agent_address.lower()
        if now_ms - self._removed_ms.get(user.address, -REMOVAL_MS) < REMOVAL_MS:
            raise Refused("User has pending agent removal")
        if address == ZERO_ADDRESS:
            self._drop(user, label)
            self._removed_ms[user.address] = now_ms
            return
        if len(label) > MAX_NAME_LENGTH:
            raise Malformed(f"agent name {label!r}")
        if valid_until <= now_ms or valid_until > now_ms + MAX_AGENT_DAYS * DAY_MS:
            raise Refused("Agent valid_until already expired.")
        if address in self._used or address in self.users:
            raise Refused("Extra agent already used.")
        most = MAX_NAMED_AGENTS + AGENTS_PER_SUB_ACCOUNT * sum(other.master == user.address for other in self.users.values())
        if label and label not in user.agents and sum(1 for held in user.agents if held) >= most:
            raise Refused(f"Too many extra agents for cumulative volume traded. Current limit is {most}")
        self._drop(user, label)
        user.agents[label] = Agent(address, valid_until)
        self._masters[address] = user.address
        self._used.add(address)

    def expire(self, user: User, name: str, now_ms: int) -> None:
        """End an agent's validity now; raise KeyError when there is none of the name."""
        user.agents[name] = Agent(user.agents[name].address, now_ms - 1)

    def prune(self, user: User, name: str) -> None:
        """Forget an agent and its nonces, as the venue may do with one that is past its validity."""
        if agent := user.agents.get(name):
            self._nonces.pop(agent.address, None)
        self._drop(user, name)

    def _drop(self, user: User, label: str) -> None:
        if agent := user.agents.pop(label, None):
            self._masters.pop(agent.address, None)

    def _acts_for(self, user: User, vault: str | None) -> User:
        """Return the account that a vault address names, or the user's own; raise Refused."""
        if vault is None:
            return user
        address = "0x" + vault.lower().removeprefix("0x")
        named = self.users.get(address)
        if named is None or named.master is None:
            raise Refused(f"Vault not registered: {address}")
        if named.master != user.address:
            raise Refused(f"Sub-account {address} is not registered to {user.address}")
        return named

    def _l1_signer(self, connection: bytes, signature: dict[str, Any], now_ms: int) -> str:
        other = signing.MAINNET if self.source == signing.TESTNET else signing.TESTNET
        first = _recovered(signing.l1_digest(connection, self.source), signature)
        if self._is_known(first, now_ms):
            return first
        if self._is_known(second := _recovered(signing.l1_digest(connection, other), signature), now_ms):
            if self.strict:
                raise Refused("Mainnet and testnet require different signature.")
            return second
        raise Refused(f"User or API Wallet {first} does not exist.")

    def _is_known(self, address: str, now_ms: int) -> bool:
        return (address in self.users and self.users[address].master is None) or self._is_valid_agent(address, now_ms)

    def _is_valid_agent(self, address: str, now_ms: int) -> bool:
        master = self._masters.get(address)
        if master is None or not self.enforces_expiry:
            return master is not None
        return any(agent.address == address and agent.valid_until_ms >= now_ms for agent in self.users[master].agents.values())

    def _use_nonce(self, signer: str, nonce: int, now_ms: int) -> None:
        if text := self._nonces.setdefault(signer, NonceWindow()).refusal(nonce, now_ms):
            raise Refused(text)


def _recovered(digest: bytes, signature: dict[str, Any]) -> str:
    address = signing.recover(digest, signature)
    if address is None:
        raise Refused("Unable to recover signer.")
    return address


def _integer(envelope: dict[str, Any], key: str) -> int:
    value = envelope.get(key)
    if type(value) is not int or not 0 <= value < 2**64:
        raise Malformed(f"{key} is no nonce")
    return value
