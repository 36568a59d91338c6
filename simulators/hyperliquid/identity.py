"""Whose request it is: signature, agents, nonces and expiry of an /exchange envelope."""

from dataclasses import dataclass, field
from typing import Any

from simulators.hyperliquid import signing
from simulators.hyperliquid.actions import L1Action, Malformed, decode_action
from simulators.hyperliquid.users import DAY_MS, Agent, NonceWindow, User

AGENT_DAYS = 90
MAX_NAMED_AGENTS = 3
ZERO_ADDRESS = "0x" + "0" * 40


class Refused(Exception):
    """An action the venue answers with `status: err` and this text."""


@dataclass(slots=True)
class Gate:
    """Who may act; `source` is the network tried first, `strict` refuses the other one."""

    users: dict[str, User]
    source: str = signing.TESTNET
    strict: bool = False
    _masters: dict[str, str] = field(default_factory=dict)  # agent address -> user address
    _nonces: dict[str, NonceWindow] = field(default_factory=dict)

    def l1(self, envelope: dict[str, Any], now_ms: int) -> tuple[User, L1Action]:
        """Return who signed an L1 action, and the action; raise Refused or Malformed."""
        action, nonce = decode_action(envelope["action"]), _integer(envelope, "nonce")
        vault, expires = envelope.get("vaultAddress"), envelope.get("expiresAfter")
        try:
            connection = signing.connection_id(action, nonce, vault, expires)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise Malformed(str(error)) from error
        signer = self._l1_signer(connection, envelope["signature"])
        user = self.users[self._masters.get(signer, signer)]
        if vault is not None:
            raise Refused(f"Vault not registered: {vault.lower()}")
        if expires is not None and now_ms > expires:
            raise Refused("Action already expired")
        self._use_nonce(signer, nonce, now_ms)
        return user, action

    def user_signed(self, envelope: dict[str, Any], now_ms: int) -> User:
        """Return who signed a user-signed action, never an agent; raise Refused or Malformed."""
        action, nonce = envelope["action"], _integer(envelope, "nonce")
        if nonce != action.get("nonce"):
            raise Refused("Nonce mismatch.")
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
        if address == ZERO_ADDRESS:
            self._drop(user, label)
            return
        if valid_until <= now_ms or valid_until > now_ms + 2 * AGENT_DAYS * DAY_MS:
            raise Refused("Agent valid_until already expired.")
        if address in self._masters or address in self.users:
            raise Refused("Extra agent already used.")
        if label and label not in user.agents and sum(1 for held in user.agents if held) >= MAX_NAMED_AGENTS:
            raise Refused(f"Too many extra agents for cumulative volume traded. Current limit is {MAX_NAMED_AGENTS}")
        self._drop(user, label)
        user.agents[label] = Agent(address, valid_until)
        self._masters[address] = user.address

    def _drop(self, user: User, label: str) -> None:
        if agent := user.agents.pop(label, None):
            self._masters.pop(agent.address, None)

    def _l1_signer(self, connection: bytes, signature: dict[str, Any]) -> str:
        other = signing.MAINNET if self.source == signing.TESTNET else signing.TESTNET
        first = _recovered(signing.l1_digest(connection, self.source), signature)
        if self._is_known(first):
            return first
        if self._is_known(second := _recovered(signing.l1_digest(connection, other), signature)):
            if self.strict:
                raise Refused("Mainnet and testnet require different signature.")
            return second
        raise Refused(f"User or API Wallet {first} does not exist.")

    def _is_known(self, address: str) -> bool:
        return address in self.users or address in self._masters

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
