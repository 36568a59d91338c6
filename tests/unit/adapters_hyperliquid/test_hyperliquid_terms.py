"""The terms an account trades on: clock, roles, mode, agent, leverage, and the venue's dead man's switch."""

import pytest

from adapters.errors import Auth, Connectivity, OutcomeUnknown, Rejected
from adapters.hyperliquid import parsing
from adapters.hyperliquid.account_schemas import ActionLimits, ActiveAsset, ExchangeStatus, ExtraAgent, RoleData, UserRole
from adapters.hyperliquid.budget import ActionBudget
from adapters.hyperliquid.deadman import DeadMansSwitch
from adapters.hyperliquid.leverage import set_leverage
from adapters.hyperliquid.schemas import Leverage, PerpMeta
from adapters.hyperliquid.terms import AccountTerms, Identity
from messages import VenueState

MASTER, AGENT, VAULT = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "cc" * 20
DAY_MS = 86_400_000
BTC = parsing.instrument(PerpMeta("BTC", 5, 40), 7, maker_fee=0, taker_fee=0, ts_ns=1)


class Venue:
    """The reads of `HyperliquidHttp` that terms are made of."""

    def __init__(self):
        self.clock_ms, self.mode, self.used, self.volume = 0, "default", 0, "0"
        self.roles = {MASTER: UserRole("user")}
        self.listed = []

    async def exchange_status(self):
        return ExchangeStatus(self.clock_ms)

    async def user_role(self, address):
        return self.roles.get(address, UserRole("missing"))

    async def account_mode(self, user):
        return self.mode

    async def agents(self, user):
        return self.listed

    async def action_limits(self, user):
        return ActionLimits(self.volume, self.used, 10_000)


class Terms:
    def __init__(self, identity, **settings):
        self.venue, self.budget, self.said, self.log, self.now_ms = Venue(), ActionBudget(500), [], [], 0

        async def refresh_fees():
            self.log.append("fees")

        self.terms = AccountTerms(
            self.venue,
            identity,
            self.budget,
            limits_poll_secs=1,
            refresh_fees=refresh_fees,
            publish=self.said.append,
            now_ns=lambda: self.now_ms * 1_000_000,
            log=self.log.append,
            **settings,
        )

    def states(self, channel):
        return [status.state for status in self.said if status.channel == channel]


@pytest.fixture
def own():
    return Terms(Identity(MASTER, MASTER, MASTER))


@pytest.fixture
def with_agent():
    made = Terms(Identity(MASTER, MASTER, AGENT))
    made.venue.roles[AGENT] = UserRole("agent", RoleData(user=MASTER.upper().replace("0X", "0x")))
    made.venue.listed = [ExtraAgent("bot", AGENT.upper().replace("0X", "0x"), 60 * DAY_MS)]
    return made


async def test_the_masters_own_key_is_refused_where_only_an_agents_is_wanted(with_agent):
    strict = Terms(Identity(MASTER, MASTER, MASTER), is_master_key_allowed=False)
    with pytest.raises(Auth, match=r"can withdraw: approve an agent .*is_master_key_allowed = true"):
        await strict.terms.check()
    agents = Terms(Identity(MASTER, MASTER, AGENT), is_master_key_allowed=False)
    agents.venue.roles, agents.venue.listed = with_agent.venue.roles, with_agent.venue.listed
    await agents.terms.check()


async def test_a_plain_account_passes(own):
    await own.terms.check()
    assert {status.channel: status.state for status in own.said} == {"clock": VenueState.OK, "budget": VenueState.OK}
    assert own.log == []


@pytest.mark.parametrize(
    ("skew_ms", "state"), [(900, VenueState.OK), (1_100, VenueState.DEGRADED), (-1_100, VenueState.DEGRADED)]
)
async def test_a_clock_that_is_off_is_an_alarm(own, skew_ms, state):
    own.now_ms = 1_000_000
    own.venue.clock_ms = own.now_ms - skew_ms
    await own.terms.check()
    assert own.states("clock") == [state]
    own.venue.clock_ms = own.now_ms
    await own.terms.check_clock()
    assert own.states("clock")[-1] is VenueState.OK


async def test_a_slow_answer_is_no_skew(own):
    status, own.now_ms = own.venue.exchange_status, 1_000_000
    own.venue.clock_ms = own.now_ms + 100

    async def slow():
        own.now_ms += 4_000
        return await status()

    own.venue.exchange_status = slow
    await own.terms.check_clock()
    assert own.states("clock") == [VenueState.OK]
    own.venue.clock_ms = own.now_ms - 3_000
    await own.terms.check_clock()
    assert own.states("clock") == [VenueState.OK, VenueState.DEGRADED]


@pytest.mark.parametrize("skew_ms", [31_000, -31_000])
async def test_a_clock_far_off_refuses_the_start_and_later_only_entries(own, skew_ms):
    own.venue.clock_ms = skew_ms
    with pytest.raises(Rejected, match="set the clock"):
        await own.terms.check()
    await own.terms.check_clock()
    assert own.states("clock") == [VenueState.DEGRADED]


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin", "dexAbstraction", "somethingNew"])
async def test_an_account_mode_whose_margin_cannot_be_read_is_refused(own, mode):
    own.venue.mode = mode
    with pytest.raises(Rejected, match=f"{mode}.*standard mode"):
        await own.terms.check()


async def test_the_explicit_standard_mode_is_taken(own):
    own.venue.mode = "disabled"
    await own.terms.check()


@pytest.mark.parametrize(
    ("role", "remedy"),
    [
        (UserRole("agent", RoleData(user=MASTER)), "must name the master"),
        (UserRole("vault"), "vault_address"),
        (UserRole("subAccount", RoleData(master=MASTER)), "vault_address"),
        (UserRole("missing"), "never deposited"),
        (UserRole("newKind"), "cannot be traded on"),
    ],
)
async def test_an_account_address_of_another_kind_is_refused_with_the_remedy(own, role, remedy):
    own.venue.roles[MASTER] = role
    with pytest.raises(Auth, match=remedy):
        await own.terms.check()


async def test_an_approved_agent_passes_and_its_expiry_is_told(with_agent):
    await with_agent.terms.check()
    assert with_agent.states("agent") == [VenueState.OK]
    assert "60.0 days" in next(status.detail for status in with_agent.said if status.channel == "agent")


@pytest.mark.parametrize("role", [UserRole("missing"), UserRole("agent", RoleData(user=VAULT)), UserRole("user")])
async def test_a_key_that_is_no_agent_of_the_account_is_refused(with_agent, role):
    with_agent.venue.roles[AGENT] = role
    with pytest.raises(Auth, match="not an agent of"):
        await with_agent.terms.check()


async def test_an_agent_warns_a_week_ahead_and_stops_entries_on_its_last_day(with_agent):
    await with_agent.terms.check()
    with_agent.now_ms = with_agent.venue.clock_ms = 54 * DAY_MS
    await with_agent.terms.check_agent()
    assert with_agent.states("agent")[-1] is VenueState.OK
    assert "6.0 days" in with_agent.log[-1]
    assert "6.0 days" in with_agent.said[-1].detail
    with_agent.now_ms = 59 * DAY_MS + 1
    await with_agent.terms.check_agent()
    assert with_agent.states("agent")[-1] is VenueState.DEGRADED
    with_agent.now_ms = with_agent.venue.clock_ms = 60 * DAY_MS
    with pytest.raises(Auth, match="expired"):
        await with_agent.terms.check()


async def test_an_unnamed_agent_passes_though_its_expiry_is_not_known(with_agent):
    with_agent.venue.listed = []
    await with_agent.terms.check()
    assert "no name" in next(status.detail for status in with_agent.said if status.channel == "agent")


@pytest.mark.parametrize(
    ("role", "passes"),
    [
        (UserRole("vault"), True),
        (UserRole("subAccount", RoleData(master=MASTER)), True),
        (UserRole("subAccount", RoleData(master=AGENT)), False),
        (UserRole("user"), False),
    ],
)
async def test_a_vault_address_must_be_a_vault_or_a_sub_account_of_the_master(role, passes):
    made = Terms(Identity(VAULT, MASTER, MASTER))
    made.venue.roles[VAULT] = role
    if passes:
        await made.terms.check()
    else:
        with pytest.raises(Auth, match="not a vault or sub-account"):
            await made.terms.check()


async def test_a_spent_action_budget_is_reported_before_an_order_meets_it(own):
    await own.terms.check()
    own.venue.used = 9_600
    await own.terms.read_limits()
    assert own.states("budget") == [VenueState.OK, VenueState.DEGRADED]
    assert own.budget.left == 400


# Leverage


class LeverageVenue:
    """Keeps a leverage; `refuses` and `loses` are what happens to an attempt to set it."""

    def __init__(self, value=20, kind="cross", *, refuses=None, loses=False):
        self.value, self.kind, self.refuses, self.loses, self.actions = value, kind, refuses, loses, []

    async def active_asset(self, user, coin):
        return ActiveAsset(coin, Leverage(self.kind, self.value))

    def expiry_ms(self):
        return 5

    async def send(self, action, expected, expires_ms):
        self.actions.append(action)
        if self.refuses:
            raise Rejected(self.refuses)
        self.value, self.kind = action["leverage"], "cross" if action["isCross"] else "isolated"
        if self.loses:
            raise OutcomeUnknown("no answer")
        return []


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("adapters.hyperliquid.leverage._PAUSE_SECS", 0.0)


def put(venue, leverage=5, is_cross=True):
    return set_leverage(BTC, leverage, is_cross=is_cross, user=MASTER, http=venue, sender=venue, log=lambda line: None)


async def test_leverage_is_set_and_read_back():
    venue = LeverageVenue()
    assert await put(venue) is None
    assert venue.actions == [{"type": "updateLeverage", "asset": 7, "isCross": True, "leverage": 5}]


async def test_leverage_that_stands_already_is_not_touched():
    venue = LeverageVenue(5, refuses="Cannot switch leverage type with open position.")
    assert await put(venue) is None
    assert venue.actions == []


@pytest.mark.parametrize(("value", "kind"), [(5, "isolated"), (10, "cross")])
async def test_leverage_the_venue_does_not_change_is_told_in_its_words(value, kind):
    venue = LeverageVenue(value, kind, refuses="Cannot switch leverage type with open position.")
    reason = await put(venue)
    assert f"BTC stands at {value} {kind} and not 5 cross: Cannot switch" in reason


async def test_a_lost_answer_to_a_leverage_that_was_set_does_not_matter():
    assert await put(LeverageVenue(loses=True)) is None


async def test_leverage_is_capped_at_the_coins_maximum_and_may_be_isolated():
    venue = LeverageVenue()
    assert await put(venue, 50, is_cross=False) is None
    assert (venue.value, venue.kind) == (40, "isolated")


# Dead man's switch


class Switch:
    def __init__(self, volume="2000000"):
        self.venue, self.actions, self.own, self.foreign, self.now_ms, self.error = Venue(), [], True, False, 1_000_000, None
        self.venue.volume = float(volume)
        self.log, self.is_alive = [], True
        self.switch = DeadMansSwitch(
            self.venue,
            self,
            MASTER,
            horizon_ms=60_000,
            has_own=lambda: self.own,
            has_foreign=lambda: self.foreign,
            is_alive=lambda: self.is_alive,
            now_ms=lambda: self.now_ms,
            log=self.log.append,
        )

    def expiry_ms(self):
        return self.now_ms + 5

    async def send(self, action, expected, expires_ms):
        self.actions.append(action)
        if self.error:
            raise self.error


async def test_the_switch_is_moved_on_while_own_orders_rest_and_taken_back_after():
    made = Switch()
    for _ in range(10):
        await made.switch.beat()
        made.now_ms += 5_000
    times = [action["time"] for action in made.actions]
    assert times == [1_060_000, 1_080_000, 1_100_000]
    made.own = False
    await made.switch.beat()
    await made.switch.beat()
    assert made.actions[3:] == [{"type": "scheduleCancel"}]
    assert not made.switch.is_armed


async def test_the_switch_of_a_node_whose_heart_stands_still_is_neither_moved_on_nor_taken_back():
    made = Switch()
    await made.switch.beat()
    made.is_alive = False
    for _ in range(13):
        made.now_ms += 5_000
        made.own = made.now_ms < 1_030_000
        await made.switch.beat()
    assert [action.get("time") for action in made.actions] == [1_060_000]
    assert made.now_ms > 1_060_000


async def test_the_switch_never_strikes_orders_of_others():
    made = Switch()
    made.foreign = True
    await made.switch.beat()
    assert made.actions == []
    made.foreign = False
    await made.switch.beat()
    made.foreign = True
    await made.switch.beat()
    assert made.actions[-1] == {"type": "scheduleCancel"}


async def test_an_account_that_does_not_qualify_is_asked_for_again_each_hour_only():
    made = Switch(volume="999999")
    await made.switch.beat()
    await made.switch.beat()
    assert (made.actions, len(made.log)) == ([], 1)
    made.venue.volume = 1_000_000
    made.now_ms += 3_600_000
    await made.switch.beat()
    assert len(made.actions) == 1


async def test_a_refused_or_lost_switch_is_not_taken_for_armed():
    made = Switch()
    made.error = Rejected("Cannot set scheduled cancel time until enough volume traded.")
    await made.switch.beat()
    await made.switch.beat()
    assert (len(made.actions), made.switch.is_armed) == (1, False)
    made = Switch()
    made.error = OutcomeUnknown("no answer")
    await made.switch.beat()
    await made.switch.beat()
    assert (len(made.actions), made.switch.is_armed) == (2, False)


async def test_reading_the_volume_may_fail():
    made = Switch()

    async def action_limits(user):
        raise Connectivity("down")

    made.venue.action_limits = action_limits
    with pytest.raises(Connectivity):
        await made.switch.beat()
    assert made.actions == []
