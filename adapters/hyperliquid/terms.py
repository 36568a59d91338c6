"""The terms an account trades on, checked at the start and watched from then on: clock, role, mode, key, limits, fees."""

import re
from collections.abc import Awaitable, Callable

import msgspec

from adapters.errors import Auth, Rejected
from adapters.hyperliquid.account_schemas import UserRole
from adapters.hyperliquid.budget import ActionBudget
from adapters.hyperliquid.constants import (
    AGENT_POLL_SECS,
    AGENT_STOP_MS,
    AGENT_WARN_MS,
    ALARMING_SKEW_MS,
    CLOCK_POLL_SECS,
    FEES_POLL_SECS,
    MAX_SKEW_MS,
    VENUE_NAME,
)
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.rounds import Rounds
from config import secret
from messages import VenueState, VenueStatus

_STANDARD_MODES = ("default", "disabled")


class Identity(msgspec.Struct, frozen=True):
    """Who trades on what: lower-case addresses.

    `account` holds the positions: the master itself, or a vault or sub-account of it. `signer` is
    the key's own address: the master's, or that of an agent the master has approved.
    """

    account: str
    master: str
    signer: str

    @property
    def has_vault(self) -> bool:
        """Whether actions must name the account they are for."""
        return self.account != self.master

    @property
    def has_agent(self) -> bool:
        """Whether the key is not the master's own."""
        return self.signer != self.master


def identify(signer_address: str, account_address: str | None, vault_address: str | None) -> Identity:
    """Return who trades on what, from a key's address and what is configured; raises `ValueError` for what is no address."""
    master = signer_address if account_address is None else _address(account_address, "account_address")
    account = master if vault_address is None else _address(vault_address, "vault_address")
    return Identity(account=account, master=master, signer=signer_address)


def _address(given: str, name: str) -> str:
    address = (secret.resolve(given) if re.fullmatch(secret.REFERENCE, given) else given).lower()
    if re.fullmatch("0x[0-9a-f]{40}", address) is None:
        raise ValueError(f"{name} is not an address of 20 hexadecimal bytes")
    return address


class AccountTerms:
    """Checks that raise at the start, and reports (`publish`) whatever changes later.

    Channels: `clock`, `agent`, `budget`. A venue with a channel that is not OK takes no entries.
    `refresh_fees` reads the account's fee tier again. `is_master_key_allowed` says whether the key may
    be one that can withdraw.
    """

    def __init__(
        self,
        http: HyperliquidHttp,
        identity: Identity,
        budget: ActionBudget,
        *,
        limits_poll_secs: float,
        refresh_fees: Callable[[], Awaitable[None]],
        publish: Callable[[VenueStatus], None],
        now_ns: Callable[[], int],
        log: Callable[[str], None],
        is_master_key_allowed: bool = True,
    ) -> None:
        self._http, self._identity, self._budget = http, identity, budget
        self._is_master_key_allowed = is_master_key_allowed
        self._limits_poll_secs, self._refresh_fees = limits_poll_secs, refresh_fees
        self._publish, self._now_ns, self._log = publish, now_ns, log
        self._said: dict[str, tuple[VenueState, str]] = {}

    async def check(self) -> None:
        """Raise `Auth` for an account or key that cannot trade, `Rejected` for a clock or mode that must not."""
        await self.check_clock(is_start=True)
        await self._check_roles()
        await self._check_mode()
        await self.check_agent(is_start=True)
        await self.read_limits()

    def watch(self, rounds: Rounds) -> None:
        """Repeat what can change while the node lives."""
        rounds.every(self._limits_poll_secs, self.read_limits)
        rounds.every(FEES_POLL_SECS, self._refresh_fees)
        rounds.every(CLOCK_POLL_SECS, self.check_clock)
        if self._identity.has_agent:
            rounds.every(AGENT_POLL_SECS, self.check_agent)

    async def check_clock(self, *, is_start: bool = False) -> None:
        """Compare our clock with the venue's; what the request's own duration may explain is no skew."""
        before_ns = self._now_ns()
        venue_ms = (await self._http.exchange_status()).time
        after_ns = self._now_ns()
        skew_ms, slack_ms = (before_ns + after_ns) // 2_000_000 - venue_ms, (after_ns - before_ns) // 2_000_000
        surely_ms, detail = abs(skew_ms) - slack_ms, f"our clock is {skew_ms / 1000:+.1f} s off the venue's"
        if surely_ms > MAX_SKEW_MS and is_start:
            raise Rejected(f"{detail}: actions would be refused; set the clock")
        self._say("clock", VenueState.DEGRADED if surely_ms > ALARMING_SKEW_MS else VenueState.OK, detail)

    async def check_agent(self, *, is_start: bool = False) -> None:
        """See how long an agent's key is still good for; raises `Auth` at the start where it no longer is."""
        if not self._identity.has_agent:
            return
        agents = await self._http.agents(self._identity.master)
        agent = next((agent for agent in agents if agent.address.lower() == self._identity.signer), None)
        if agent is None:
            self._say("agent", VenueState.OK, "the agent has no name, so the venue does not tell when it expires")
            return
        left_ms = agent.valid_until - self._now_ns() // 1_000_000
        detail = f"agent {agent.name!r} is valid for {left_ms / 86_400_000:.1f} days more"
        if left_ms <= 0 and is_start:
            raise Auth(f"agent {agent.name!r} has expired: approve a new one, with a new key")
        self._say(
            "agent", VenueState.DEGRADED if left_ms < AGENT_STOP_MS else VenueState.OK, detail, is_alarm=left_ms < AGENT_WARN_MS
        )

    async def read_limits(self) -> None:
        """Read how many actions are left."""
        limits = await self._http.action_limits(self._identity.account)
        self._budget.read(used=limits.n_requests_used, cap=limits.n_requests_cap, surplus=limits.n_requests_surplus)
        detail = f"{self._budget.left} actions left" if self._budget.is_low else "enough actions left"
        self._say("budget", VenueState.DEGRADED if self._budget.is_low else VenueState.OK, detail)

    async def _check_roles(self) -> None:
        identity = self._identity
        if not (identity.has_agent or self._is_master_key_allowed):
            raise Auth(
                "the key is the master account's own, which can withdraw: approve an agent and give the node its key, "
                "or set venues.hyperliquid.is_master_key_allowed = true"
            )
        held = await self._http.user_role(identity.account)
        if identity.has_vault:
            master = None if held.data is None else held.data.master
            if held.role not in ("vault", "subAccount") or (master is not None and master.lower() != identity.master):
                raise Auth(f"{identity.account} is {_named(held)}, not a vault or sub-account of {identity.master}")
        elif held.role != "user":
            raise Auth(f"{identity.account} is {_named(held)}: {_REMEDY.get(held.role, 'it cannot be traded on')}")
        if identity.has_agent:
            key = await self._http.user_role(identity.signer)
            of = None if key.data is None or key.data.user is None else key.data.user.lower()
            if key.role != "agent" or of != identity.master:
                raise Auth(f"the key's address {identity.signer} is {_named(key)}, not an agent of {identity.master}")

    async def _check_mode(self) -> None:
        mode = await self._http.account_mode(self._identity.account)
        if mode not in _STANDARD_MODES:
            raise Rejected(
                f"the account is in mode {mode!r}, in which the venue's margin figures mean nothing: "
                "switch it to the standard mode, which the venue recommends for automated trading"
            )

    def _say(self, channel: str, state: VenueState, detail: str, *, is_alarm: bool = False) -> None:
        known = self._said.get(channel)
        if is_alarm or state is not VenueState.OK:
            self._log(f"{channel}: {detail}")
        if known is None or known[0] is not state or (is_alarm and known[1] != detail):
            self._said[channel] = state, detail
            self._publish(VenueStatus(venue=VENUE_NAME, channel=channel, state=state, detail=detail, ts_ns=self._now_ns()))


_REMEDY = {
    "agent": "account_address must name the master account",
    "vault": "give it as vault_address and its leader as account_address",
    "subAccount": "give it as vault_address and its master as account_address",
    "missing": "it has never deposited",
}


def _named(role: UserRole) -> str:
    owner = None if role.data is None else role.data.user or role.data.master
    return f"a {role.role!r}" + (f" of {owner}" if owner else "")
