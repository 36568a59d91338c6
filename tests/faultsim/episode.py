"""One life of a pair: the real executor, machine, journal and recovery between two simulated venues.

Everything that goes wrong is drawn from the seed, and every rule that must hold is checked while it happens.
"""

from contextlib import contextmanager
from decimal import Decimal

import msgspec

from messages import Alert, Intent, LegOrder, Outcome, PairResult, Side
from risk.state import MarketView
from strategies.desk import AssetDesk
from strategies.dispatcher import Market, plan_close
from strategies.holdings import Holding, classify
from strategies.journal import Journal
from strategies.pair import PairMachine
from strategies.pair_executor import PairExecutor
from strategies.pair_orders import Done, OrderEvent, Rejected
from strategies.pair_plan import LegPlan, Mode, PairPlan, Policy
from strategies.pair_recovery import OrderAnswer
from strategies.signals import PairState
from strategies.sizing import LegRules
from tests.faultsim.venue import STEP, SimVenue
from tests.faultsim.world import SEC, START_NS, World

D = Decimal
NAMES = ("HYPERLIQUID", "PARADEX")
RULES = LegRules(size_step=STEP, min_quantity=STEP, min_notional_usd=D(10), price_step=D("0.001"))
DUST = D("0.25")  # 10 USD at 40
LONGEST_SECS = 600
TICK_NS = SEC // 2


class Crash(BaseException):
    """The process dies; no code of the product may catch it."""


class Violation(AssertionError):
    """A rule that must hold does not."""


class MortalJournal(Journal):
    """The real journal, which counts its commits and lets the process die right after a chosen one."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.crash_after: int | None = None

    @contextmanager
    def transaction(self):
        with super().transaction() as database:
            yield database
        self.commits += 1
        if self.commits == self.crash_after:
            raise Crash

    def lose_memory(self) -> None:
        """What was noted and not committed dies with the process."""
        self._noted.clear()

    def has_intent(self, client_order_id: str, quantity: Decimal) -> bool:
        query = "SELECT value FROM entries WHERE kind = 'INTENT' AND client_order_id = ?"
        rows = self.read(query, (client_order_id,))
        return bool(rows) and D(msgspec.json.decode(rows[0][0])["quantity"]) >= quantity


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How an episode ended."""

    seed: int
    ended: str  # HEDGED, FLAT or HALTED, by what the venues hold
    naked_usd_secs: float
    naked_usd_max: float
    secs: float
    crashes: int
    commits: int
    orders: int
    results: tuple[str, ...]
    digest: str


class Episode:
    """The port of the executor and the supervisor of its life."""

    def __init__(
        self,
        seed: int,
        *,
        crash_after: int | None = None,
        executor: type[PairExecutor] = PairExecutor,
        is_calm: bool = False,
    ) -> None:
        self.seed, self.world, self.make_executor = seed, World(seed), executor
        world = self.world
        self.journal = MortalJournal()
        self.is_calm = is_calm
        self.plan = self._draw_plan()
        self.policy = Policy(max_slippage_bps=D(10), maker_deadline_ns=10 * SEC)
        self.epoch = self.crashes = 0
        self.is_up, self.odd = True, dict.fromkeys(NAMES, False)
        self.wire: dict[str, LegOrder] = {}
        self.sent_in: dict[str, int] = {}
        self.alerts: list[Alert] = []
        self.results: list[PairResult] = []
        self.naked_usd = self.naked_usd_secs = self.naked_usd_max = D(0)
        self.measured_ns = world.true_ns
        self.strangers = D(0)  # how much others have changed of our positions
        self.venues = tuple(self._venue(i) for i in (0, 1))
        self.lag_ns = [world.between(0, 0.3) for _ in NAMES]
        at_send, at_commit = world.chance.randint(1, 8), world.chance.randint(1, 12)
        self.crash_at_send = at_send if self._draws(0.15) else None
        self.journal.crash_after = at_commit if self._draws(0.35) else crash_after
        self._draw_disasters()
        self._born()

    # What is drawn.

    def _draws(self, probability: float) -> bool:
        return self.world.likely(probability) and not self.is_calm

    def _draw_plan(self) -> PairPlan:
        chance = self.world.chance
        kind = chance.choice(["open", "open", "grow", "close", "close", "shrink"])
        size, small = D(chance.randint(300, 1500)) / 100, D(chance.randint(50, 200)) / 100
        intent = Intent.OPEN if kind in ("open", "grow") else Intent.CLOSE
        held, target = {"open": (D(0), size), "grow": (small, size), "close": (size, D(0)), "shrink": (size, small)}[kind]
        sides = (Side.BUY, Side.SELL) if chance.random() < 0.5 else (Side.SELL, Side.BUY)
        legs = tuple(
            LegPlan(
                venue=name,
                instrument_id=f"HYPE-USD-PERP.{name}",
                direction=side,
                held=held,
                target=target,
                reference_price_usd=D(40),
                rules=RULES,
            )
            for name, side in zip(NAMES, sides, strict=True)
        )
        return PairPlan(
            pair_id=f"HYPE-{kind[0].upper()}1-sim",
            asset="HYPE",
            intent=intent,
            legs=legs,
            clip=chance.choice([None, D(5), D("2.5")]),
            mode=chance.choice([Mode.TAKER, Mode.MAKER]),
            maker_leg=chance.randint(0, 1),
        )

    def _venue(self, leg: int) -> SimVenue:
        plan = self.plan.legs[leg]
        venue = SimVenue(self.world, plan.venue, plan.direction.sign * plan.held, self._emit)
        venue.on_trade = self._check_positions
        return venue

    def _draw_disasters(self) -> None:
        world = self.world
        for venue in self.venues:
            if self._draws(0.12):
                venue.depth = world.chance.choice([0.0, 0.3, 0.7])
                world.later(world.between(5, 60), lambda venue=venue: setattr(venue, "depth", 1.0))
            if self._draws(0.12):
                world.later(world.between(0, 8), lambda venue=venue: self._maintain(venue))
        if self._draws(0.12):
            for _ in range(world.chance.randint(1, 3)):
                world.later(world.between(0, 10), self._jump)
        if self._draws(0.1):
            world.later(world.between(0, 15), self._deleverage)

    def _maintain(self, venue: SimVenue) -> None:
        venue.away_until_ns = self.world.true_ns + self.world.between(1, 20)
        self.world.write(f"{venue.name} is away")

    def _jump(self) -> None:
        self.world.offset_ns += self.world.between(-3600, 3600)
        self.world.write(f"our clock jumps, {self.world.offset_ns}")

    def _deleverage(self) -> None:
        venue = self.world.chance.choice(self.venues)
        part = (abs(venue.position) * self.world.chance.randint(20, 100) / 100).quantize(STEP)
        if part:
            self.strangers += part
            venue.trade(-part if venue.position > 0 else part, "deleverages")

    # The process.

    def _born(self) -> None:
        self.desk = AssetDesk("HYPE", NAMES, confirmations=2, pause_ns=2 * SEC)
        self.repairs = 0
        self.executor = self.make_executor(self, self.policy, self.journal)
        epoch = self.epoch
        self.world.later(TICK_NS, lambda: self._beat(epoch))

    def _alive(self, call) -> None:
        """Run some of the process' code, which may be its last."""
        try:
            call()
        except Crash:
            self.world.write("crash")
            self.crashes += 1
            self.epoch += 1
            self.is_up = False
            self.journal.lose_memory()
            # It dies again while recovering, sometimes.
            again = self.world.likely(0.3) and not self.is_calm and self.crashes < 4
            self.journal.crash_after = self.journal.commits + self.world.chance.randint(1, 4) if again else None
            self.crash_at_send = None
            self.world.later(self.world.between(*self.world.chance.choice([(0.3, 2), (3, 20)])), self._reborn)

    def _reborn(self) -> None:
        self.world.write("a new process")
        self.is_up = True
        self._born()
        self._alive(self.executor.recover)

    def _emit(self, key: str, event: OrderEvent) -> None:
        """News of an order reach the process that sent it, if that still lives; others know it from the positions."""
        if self.is_up and self.sent_in.get(key) == self.epoch:
            self.world.write(f"{event}")
            self._alive(lambda: self.executor.handle(key, event))

    def _beat(self, epoch: int) -> None:
        if epoch != self.epoch or not self.is_up:
            return
        self._alive(self._evaluate)
        self.world.later(TICK_NS, lambda: self._beat(epoch))

    def _evaluate(self) -> None:
        """What the strategy does of it: let time pass, read what is held, repair what does not match."""
        self.executor.tick()
        if self.executor.is_busy("HYPE"):
            self.desk.busy()
            return
        reading = self._reading()
        if reading is None:
            return
        self.desk.observe(reading)
        holding = self.desk.broken(self.now_ns())
        if holding is not None and self.repairs < 12:
            self.repairs += 1
            self.executor.start(self._repair(holding))

    def _reading(self) -> Holding | None:
        quantities = {venue.name: self.position(f".{venue.name}") for venue in self.venues}
        if None in quantities.values():
            return None
        return classify(quantities, dict.fromkeys(NAMES, DUST))

    def _repair(self, holding: Holding) -> PairPlan:
        markets = {venue.name: Market(self._market_view(venue), RULES) for venue in self.venues}
        identity = f"HYPE-R{self.repairs}x{self.epoch}-{self.world.true_ns - START_NS}"
        return plan_close(identity, "HYPE", holding.quantities, markets, state=PairState.BROKEN)

    def _market_view(self, venue: SimVenue) -> MarketView:
        return MarketView(
            instrument_id=f"HYPE-USD-PERP.{venue.name}",
            asset="HYPE",
            venue=venue.name,
            bid_usd=venue.price,
            ask_usd=venue.price,
            ts_ns=self.now_ns(),
            margin_rate=D("0.1"),
            taker_fee_rate=D("0.00045"),
        )

    # The executor's port.

    def now_ns(self) -> int:
        return self.world.our_ns

    def best_price_usd(self, instrument_id: str, side: Side) -> Decimal | None:
        if self.world.likely(0.02):
            return None
        drift = D(self.world.chance.randint(-3, 3)) / 100
        return self._of(instrument_id).price + drift + side.sign * D("0.002")

    def submit(self, order: LegOrder) -> None:
        self._check_order(order)
        self.wire[order.client_order_id] = order
        self.sent_in[order.client_order_id] = self.epoch
        self.world.write(f"send {order.client_order_id} {order.side} {order.quantity} {order.limit_price_usd}")
        if not order.reduce_only and self._draws(0.02):  # a rule in front of the venue denies it inside the call
            self.executor.handle(order.client_order_id, Rejected(order.client_order_id, "DENIED"))
            return
        self._of(order.instrument_id).send(order)
        if self.crash_at_send == len(self.wire):
            raise Crash

    def cancel(self, client_order_id: str) -> None:
        self.world.write(f"cancel {client_order_id}")
        order = self.wire.get(client_order_id)
        if order is not None:
            self._of(order.instrument_id).cancel(client_order_id)

    def recall(self, client_order_id: str) -> OrderEvent | None:
        return None  # here what is told late is told in the end

    def cancel_all(self, instrument_id: str) -> None:
        self._of(instrument_id).cancel_all()

    def query(self, instrument_id: str, client_order_id: str, question: int) -> None:
        world, venue, epoch = self.world, self._of(instrument_id), self.epoch

        def answer() -> None:
            if venue.is_away or epoch != self.epoch or not self.is_up or world.likely(0.1):
                return
            sim = venue.orders.get(client_order_id)
            is_known = sim is not None and sim.is_known and world.true_ns >= sim.shown_from_ns
            said = OrderAnswer(
                client_order_id=client_order_id,
                is_known=is_known,
                is_open=is_known and sim.is_open,
                filled=sim.filled if is_known else D(0),
                question=question,
            )
            world.write(f"{said}")
            world.later(world.between(0.01, 0.4), lambda: self._answered(epoch, said))

        world.later(world.between(0.01, 0.4), answer)

    def _answered(self, epoch: int, answer: OrderAnswer) -> None:
        if epoch == self.epoch and self.is_up:
            self._alive(lambda: self.executor.answer(answer))

    def position(self, instrument_id: str) -> Decimal | None:
        """What the process believes: a moment old, and once in a while plainly wrong."""
        venue = self._of(instrument_id)
        if venue.is_away:
            return None
        self.odd[venue.name] = not self.odd[venue.name] and self._draws(0.01)  # twice running it may be believed
        if self.odd[venue.name]:
            return D(0)
        return venue.seen(self.lag_ns[NAMES.index(venue.name)])

    def publish(self, topic: str, message: msgspec.Struct) -> None:
        if isinstance(message, Alert):
            self.alerts.append(message)
        if isinstance(message, PairResult):
            self.results.append(message)
            self.world.write(f"{message.pair_id} {message.outcome} {message.reason}")

    def on_done(self, machine: PairMachine, done: Done) -> None:
        self.desk.ended(machine.plan, done, self.now_ns())

    def _of(self, instrument_id: str) -> SimVenue:
        return next(venue for venue in self.venues if instrument_id.endswith(venue.name))

    # The rules.

    def _check_order(self, order: LegOrder) -> None:
        key = order.client_order_id
        if key in self.wire:
            raise Violation(f"{key} went out twice")
        if not self.journal.has_intent(key, order.quantity):
            raise Violation(f"{key} went out before it was committed")
        if len(key) > 36 or order.quantity <= 0:
            raise Violation(f"{key}: {order.quantity}")
        self._check_hedge(order)

    def _check_hedge(self, order: LegOrder) -> None:
        """While an order rests, the other leg is never sent further than what has filled."""
        resting = [venue for venue in self.venues if any(sim.is_open for sim in venue.orders.values())]
        if order.post_only or self.strangers or not resting or resting[0].name == order.venue:
            return
        hedger = self._of(order.instrument_id)
        after = abs(hedger.position + order.side.sign * order.quantity)
        ahead = after - abs(resting[0].position)
        if (ahead if self.plan.intent is Intent.OPEN else -ahead) > 0:
            raise Violation(f"{order.client_order_id} goes {abs(ahead)} ahead of what has filled")

    def _check_positions(self) -> None:
        """No leg beyond its plan, none turned round, and never more than a clip ahead of the other by our own doing."""
        self._measure()
        for venue, leg in zip(self.venues, self.plan.legs, strict=True):
            size = venue.position * leg.direction.sign
            if size > max(leg.target, leg.held) or size < 0:
                raise Violation(f"{venue.name} holds {venue.position}, planned were {leg.held} to {leg.target}")
        bound = (self.plan.clip or abs(self.plan.legs[0].target - self.plan.legs[0].held)) + self.strangers + DUST
        if abs(self._delta()) > bound:
            raise Violation(f"{self._delta()} stand unhedged, a clip is {self.plan.clip}")

    def _delta(self) -> Decimal:
        return self.venues[0].position + self.venues[1].position

    def _measure(self) -> None:
        naked_usd = self.naked_usd
        self.naked_usd_secs += naked_usd * (self.world.true_ns - self.measured_ns) / SEC
        self.measured_ns = self.world.true_ns
        self.naked_usd_max = max(self.naked_usd_max, abs(self._delta()) * 40)
        self.naked_usd = abs(self._delta()) * 40

    # The whole.

    def run(self) -> Report:
        """Live it through; raises `Violation` where a rule is broken."""
        self._alive(lambda: self.executor.start(self.plan))
        while self.world.step():
            if self.world.true_ns - START_NS > LONGEST_SECS * SEC or self._is_over():
                break
        self._measure()
        return self._judge()

    def _is_over(self) -> bool:
        """Nothing is under way or to be repaired, and nothing rests anywhere."""
        if not self.is_up or self.executor.active or any(v.is_away for v in self.venues):
            return False
        if any(sim.is_open for venue in self.venues for sim in venue.orders.values()):
            return False
        holding = self.desk.holding
        return holding is not None and (holding.state is not PairState.BROKEN) and self._is_believed(holding)

    def _is_believed(self, holding: Holding) -> bool:
        return all(holding.quantities[venue.name] == venue.position for venue in self.venues) and self._is_quiet()

    def _is_quiet(self) -> bool:
        return all(self.world.true_ns - venue.past[-1][0] > SEC for venue in self.venues)

    def _judge(self) -> Report:
        delta, sizes = abs(self._delta()), [abs(venue.position) for venue in self.venues]
        if delta >= DUST:
            ended = "HALTED"
            if not any(alert.name == "PairHalted" for alert in self.alerts) or self.executor.active:
                raise Violation(f"{self._delta()} unhedged after {LONGEST_SECS} s, and nobody was told")
        else:
            ended = "FLAT" if max(sizes) < DUST else "HEDGED"
        if self.executor.active:
            raise Violation("a pair never ended")
        if not self.strangers and not self.crashes:
            first = self.results[0]
            if first.outcome is Outcome.FLAT and max(sizes) >= DUST:
                raise Violation(f"said to be flat, {sizes}")
        return Report(
            seed=self.seed,
            ended=ended,
            naked_usd_secs=float(self.naked_usd_secs),
            naked_usd_max=float(self.naked_usd_max),
            secs=(self.world.true_ns - START_NS) / SEC,
            crashes=self.crashes,
            commits=self.journal.commits,
            orders=len(self.wire),
            results=tuple(f"{r.outcome}" for r in self.results),
            digest=self.world.digest(),
        )


def run_episode(seed: int, **options) -> Report:
    """Run one episode; a broken rule names its seed and shows how it came about."""
    episode = Episode(seed, **options)
    try:
        return episode.run()
    except Violation as e:
        lines = "\n".join(episode.world.transcript[-60:])
        raise Violation(f"seed {seed}: {e}\n{episode.plan}\n{lines}") from None
