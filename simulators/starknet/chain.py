"""The chain: a mempool in front, execution with fees, and blocks behind."""

from dataclasses import dataclass
from itertools import count

from simulators.faults import Fault, FaultBoard, FaultKind
from simulators.stark_curve import hash_many, selector
from simulators.starknet import constants, market
from simulators.starknet.blocks import Block, Finality, Outcome, Record
from simulators.starknet.contracts import invoke as invoke_contract
from simulators.starknet.execution import Execution
from simulators.starknet.genesis import Account, genesis
from simulators.starknet.mempool import Mempool
from simulators.starknet.routes import Route, read_swap
from simulators.starknet.settings import Settings
from simulators.starknet.state import Reverted, State
from simulators.starknet.tokens import TOKENS, TokenPrices
from simulators.starknet.transactions import Invoke

FIRST_BLOCK = 3_973_556
FOREIGN_GAS = 8_000_000
PAST_BLOCKS = 200
SECOND_NS = 1_000_000_000
SYMBOLS = " ".join(token.symbol for token in TOKENS)


@dataclass(frozen=True, slots=True)
class GasPrices:
    """FRI per unit."""

    l1_gas: int
    l2_gas: int
    l1_data_gas: int


class Chain:
    """One simulated Starknet; call `advance` with the wall time before asking it anything."""

    def __init__(
        self, prices: TokenPrices, accounts: tuple[Account, ...], settings: Settings, faults: FaultBoard, now_ns: int
    ) -> None:
        self.settings, self.faults, self._prices = settings, faults, prices
        self.accounts = {account.address: account for account in accounts}
        self.state: State = genesis(self._fair(now_ns))
        self.latest: State = self.state  # as of the last finished block
        self.nonces = dict.fromkeys(self.accounts, 0)
        self.latest_nonces = dict(self.nonces)
        self.records: dict[int, Record] = {}
        self.mempool = Mempool(self)
        self.blocks: list[Block] = [Block(FIRST_BLOCK, hash_many(FIRST_BLOCK), hash_many(FIRST_BLOCK - 1), now_ns // SECOND_NS)]
        self.spike = 1.0
        self._spike_until_ns = 0
        self._open: list[Record] = []  # executed, not yet in a finished block
        self._seal_ns = now_ns + round(settings.block_secs * 1e9)
        self._market_ns = now_ns
        self._foreign = count(1)

    @property
    def block_number(self) -> int:
        """Return the number of the last finished block."""
        return self.blocks[-1].number

    def gas_prices(self) -> GasPrices:
        """Return what gas costs now."""
        known = self.settings
        return GasPrices(
            *(round(price * self.spike) for price in (known.l1_gas_price, known.l2_gas_price, known.l1_data_gas_price))
        )

    def advance(self, now_ns: int) -> None:
        """Execute what is due and finish blocks until `now_ns`."""
        self._strike(now_ns)
        self.mempool.drop_lost(now_ns)
        while (record := self.mempool.next_due(now_ns)) is not None:
            if record.due_ns is not None and record.due_ns >= self._seal_ns:
                self._seal(record.due_ns)
            self._execute(record)
        if now_ns >= self._seal_ns:
            self._seal(now_ns)

    def step_market(self, now_ns: int) -> None:
        """Let arbitrageurs work on the pools for the time since the last step."""
        passed_secs, self._market_ns = (now_ns - self._market_ns) / 1e9, now_ns
        state = self.state.fork()
        keep = 0.5 ** (passed_secs / self.settings.refill_half_life_secs)
        market.arbitrage(state, self._fair(now_ns), min(keep, 1.0))
        self.state = state

    def finality(self, record: Record, now_ns: int) -> Finality:
        """Return how far a transaction has come."""
        if record.sealed:
            return Finality.ACCEPTED_ON_L2
        if record.outcome is not None:
            return Finality.PRE_CONFIRMED
        late = now_ns - record.received_ns >= self.settings.candidate_secs * 1e9
        return Finality.CANDIDATE if late and record.due_ns is not None else Finality.RECEIVED

    def dry_run(self, invoke: Invoke) -> Execution:
        """Run a transaction's calls on a copy of the state. Raise Reverted when one refuses."""
        return self._run(self.state.fork(), invoke)

    def fee_of(self, l2_gas: int, l1_data_gas: int, tip: int = 0) -> int:
        """Return the fee of used gas in FRI."""
        prices = self.gas_prices()
        return l2_gas * (prices.l2_gas + tip) + l1_data_gas * prices.l1_data_gas

    def foreign(self, sender: int, nonce: int, now_ns: int) -> Record:
        """Execute a transaction that the account's owner has sent by other means: it only pays its fee."""
        digest = selector(f"foreign transaction {next(self._foreign)} of {sender}")
        record = Record(digest, sender, nonce, now_ns, now_ns)
        self.records[digest] = record
        self.nonces[sender] = nonce + 1
        self._settle(record, Execution(self.state.fork(), self._fees(), l2_gas=FOREIGN_GAS), None, tip=0)
        return record

    def _fair(self, now_ns: int) -> dict[int, float]:
        return {token.address: float(self._prices.usd(token, now_ns)) for token in TOKENS}

    def _fees(self) -> tuple[int, int]:
        return self.settings.single_route_fee_bps, self.settings.many_routes_fee_bps

    def _strike(self, now_ns: int) -> None:
        if fault := self.faults.take(FaultKind.GAS_SPIKE):
            self.spike = float(fault.reason)
            self._spike_until_ns = now_ns + round(fault.secs * 1e9) if fault.secs else 0
        if self._spike_until_ns and now_ns >= self._spike_until_ns:
            self.spike, self._spike_until_ns = 1.0, 0
        if fault := self.faults.take(FaultKind.PRICE_SHOCK, SYMBOLS):
            self._shock(fault)

    def _shock(self, fault: Fault) -> None:
        self.state = self.state.fork()
        for token in TOKENS:
            if token.symbol == fault.path:
                market.shock(self.state, token.address, float(fault.reason))

    def _execute(self, record: Record) -> None:
        """Execute a transaction that is due; one whose price bounds are too low waits on."""
        invoke = record.invoke
        assert invoke is not None
        if self.faults.take(FaultKind.REPLACE_TRANSACTION):
            self.mempool.forget(record)
            self.foreign(record.sender, record.nonce, record.due_ns or record.received_ns)
            return
        self.mempool.remove(record)
        self.nonces[record.sender] = record.nonce + 1
        state = self.state.fork()
        if _routes(invoke) and (fault := self.faults.take(FaultKind.FRONT_RUN)):
            market.run_in_front(state, _routes(invoke), float(fault.reason))
        self.state = state
        forced = self.faults.take(FaultKind.REVERT)
        run, reason = Execution(state.fork(), self._fees()), None
        try:
            self._run_in(run, invoke)
            if forced:
                raise Reverted(forced.reason or "Simulated revert", invoke.sender, constants.EXECUTE)
        except Reverted as error:
            reason = describe(error)
        self._settle(record, run, reason, tip=invoke.tip)

    def _settle(self, record: Record, run: Execution, reason: str | None, *, tip: int) -> None:
        """Charge the fee and keep what the execution did, or only the fee when it reverted."""
        bounds = record.invoke
        fee = self.fee_of(run.l2_gas, run.l1_data_gas, tip)
        if bounds is not None and reason is None:
            reason = _beyond_bounds(bounds, run) or self._cannot_pay(run.state, record.sender, fee)
        if bounds is not None:
            fee = min(fee, bounds.worst_fee)
        final = Execution(self.state.fork(), self._fees()) if reason is not None else run
        fee = min(fee, final.state.balance(constants.STRK, record.sender))
        if reason is None:
            final.emit(record.sender, (constants.EXECUTED_EVENT, record.digest), (0,))
        final.transfer(constants.STRK, record.sender, constants.SEQUENCER, fee)
        self.state = final.state
        record.outcome = Outcome(fee, run.l2_gas, run.l1_data_gas, tuple(final.events), reason)
        record.block_number = self.block_number + 1
        self._open.append(record)

    def _cannot_pay(self, state: State, sender: int, fee: int) -> str | None:
        balance = state.balance(constants.STRK, sender)
        return None if balance >= fee else f"Insufficient fee token balance. Fee: {fee}, balance: {balance}."

    def _run(self, state: State, invoke: Invoke) -> Execution:
        run = Execution(state, self._fees())
        self._run_in(run, invoke)
        return run

    def _run_in(self, run: Execution, invoke: Invoke) -> None:
        calls = invoke.calls()
        if calls is None:
            raise Reverted("Failed to deserialize param #1", invoke.sender, constants.EXECUTE)
        for call in calls:
            invoke_contract(run, invoke.sender, call.contract, call.selector, call.calldata)

    def _seal(self, at_ns: int) -> None:
        """Finish a block with everything executed since the last one."""
        number, parent = self.block_number + 1, self.blocks[-1].digest
        for record in self._open:
            record.sealed = True
        digest = hash_many(parent, number, *(record.digest for record in self._open))
        self.blocks.append(Block(number, digest, parent, at_ns // SECOND_NS, self._open))
        del self.blocks[:-PAST_BLOCKS]
        self._open, self._seal_ns = [], at_ns + round(self.settings.block_secs * 1e9)
        self.latest, self.latest_nonces = self.state, dict(self.nonces)


def describe(error: Reverted) -> str:
    """Return a revert as nodes tell it: the contract's message as a short string in hexadecimal and in text."""
    return f"0x{error.message.encode().hex()} ({error.message!r})"


def _beyond_bounds(invoke: Invoke, run: Execution) -> str | None:
    if run.l2_gas > invoke.l2_gas.max_amount:
        return f"Insufficient max L2Gas: max amount: {invoke.l2_gas.max_amount}, actual used: {run.l2_gas}."
    if run.l1_data_gas > invoke.l1_data_gas.max_amount:
        return f"Insufficient max L1DataGas: max amount: {invoke.l1_data_gas.max_amount}, actual used: {run.l1_data_gas}."
    return None


def _routes(invoke: Invoke) -> tuple[Route, ...]:
    """Return the routes of every swap in a transaction; those that cannot be read are none."""
    routes: list[Route] = []
    for call in invoke.calls() or []:
        if call.contract == constants.AVNU_EXCHANGE:
            try:
                routes += read_swap(call.calldata, exact_out=call.selector == constants.SWAP_EXACT_TOKEN_TO).routes
            except Reverted:
                continue
    return tuple(routes)
