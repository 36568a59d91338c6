"""The books since the first start: every row once, however often the node is started again and whatever is told again."""

import random
from decimal import Decimal

import pytest
from nautilus_trader.common.component import TestClock
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.test_kit.stubs.component import TestComponentStubs
from test_ledger import fill, health, payment, publish_fill

from actors.cash_rows import CashRows, funding_known_ns
from actors.ledger import Ledger
from messages import GasPaid, PositionHealth, topics
from strategies.journal import Journal

ZERO = Decimal(0)


class Kept:
    """Rows in memory, in order of first insertion; `is_broken` refuses to keep any."""

    def __init__(self):
        self.rows, self.is_broken = {}, False

    def put(self, key, value):
        if self.is_broken:
            raise OSError("the disk is full")
        self.rows[key] = value

    def items(self):
        return list(self.rows.items())


def kinds(kept):
    return [kind for kind, _ in CashRows(kept).rows()]


def position(quantity, entry="100.0", instrument_id="BTC-USD-PERP.PARADEX"):
    return PositionHealth(
        instrument_id=instrument_id,
        quantity=Decimal(quantity),
        entry_price_usd=Decimal(entry),
        unrealized_pnl_usd=ZERO,
        liquidation_price_usd=None,
    )


def started(documents, report):
    ledger = Ledger(documents=documents)
    ledger.register_base(TestComponentStubs.portfolio(), TestComponentStubs.msgbus(), TestComponentStubs.cache(), TestClock())
    ledger.listen()
    ledger.msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=report)
    ledger.start()
    return ledger


def tell(ledger, *messages):
    names = {"FundingPayment": topics.FUNDING_PAYMENT, "AccountHealth": topics.ACCOUNT_HEALTH}
    for message in messages:
        ledger.msgbus.publish(topic=names[type(message).__name__], msg=message)


def test_what_a_venue_tells_again_after_a_restart_is_not_booked_again():
    kept = Kept()
    first = started(kept, health("PARADEX", "1000", ts=1))
    tell(first, payment("PARADEX", "a", "1.25", ts=10), payment("PARADEX", "b", "2", ts=20))
    publish_fill(first, fill("PARADEX", OrderSide.BUY, "1", "100.0", "0.05", "1"))
    first.write()

    again = started(kept, health("PARADEX", "1003.20", ts=30, positions=[position("1")]))
    tell(again, payment("PARADEX", "a", "1.25", ts=10), payment("PARADEX", "b", "2", ts=20), payment("PARADEX", "c", "4", ts=40))
    publish_fill(again, fill("PARADEX", OrderSide.BUY, "1", "100.0", "0.05", "1"))
    publish_fill(again, fill("PARADEX", OrderSide.SELL, "1", "101.0", "0.05", "2"))
    tell(again, health("PARADEX", "1008.15", ts=50))
    assert again.pnl("PARADEX").funding_usd == 4
    whole = again.whole_pnl("PARADEX")
    assert (whole.price_usd, whole.funding_usd, whole.fees_usd) == (1, Decimal("7.25"), Decimal("-0.10"))
    assert whole.residual_usd == 0


def test_a_payment_made_while_the_node_was_down_is_booked_as_of_the_first_start_only():
    kept = Kept()
    started(kept, health("PARADEX", "1000", ts=1)).write()
    again = started(kept, health("PARADEX", "1003", ts=30))
    tell(again, payment("PARADEX", "away", "3", ts=20), payment("PARADEX", "before", "9", ts=1))
    assert again.pnl("PARADEX").funding_usd == 0
    assert again.whole_pnl("PARADEX").funding_usd == 3
    assert again.whole_pnl("PARADEX").residual_usd == again.pnl("PARADEX").residual_usd == 0


def test_an_open_position_keeps_its_exact_cost_over_a_restart():
    """The venue rounds the entry price it reports; the rows do not."""
    kept = Kept()
    first = started(kept, health("PARADEX", "1000", ts=1))
    publish_fill(first, fill("PARADEX", OrderSide.BUY, "1", "100.1", "0", "1"))
    publish_fill(first, fill("PARADEX", OrderSide.BUY, "2", "100.2", "0", "2"))
    first.write()
    again = started(kept, health("PARADEX", "1000", ts=30, positions=[position("3", "100.2")]))
    publish_fill(again, fill("PARADEX", OrderSide.SELL, "3", "101.0", "0", "3"))
    assert again.whole_pnl("PARADEX").price_usd == pytest.approx(Decimal("2.5"), abs=Decimal("1e-20"))


def test_what_was_traded_unseen_is_taken_over_and_remembered_and_shows_as_a_residual():
    kept = Kept()
    first = started(kept, health("PARADEX", "1000", ts=1))
    publish_fill(first, fill("PARADEX", OrderSide.BUY, "1", "100.0", "0", "1"))
    first.write()
    second = started(kept, health("PARADEX", "1000", ts=30, positions=[position("3", "101.0")]))
    second.write()
    third = started(kept, health("PARADEX", "1000", ts=40, positions=[position("3", "101.0")]))
    publish_fill(third, fill("PARADEX", OrderSide.SELL, "3", "102.0", "0", "2"))
    tell(third, health("PARADEX", "1005", ts=50))
    assert third.whole_pnl("PARADEX").price_usd == 3
    assert third.whole_pnl("PARADEX").residual_usd == 2
    third.write()
    assert kinds(kept).count("adopted") == 1


def test_rows_that_cannot_be_written_wait_and_the_ledger_goes_on():
    kept = Kept()
    ledger = started(kept, health("PARADEX", "1000", ts=1))
    kept.is_broken = True
    tell(ledger, payment("PARADEX", "a", "1", ts=10))
    ledger.write()
    assert ledger.pnl("PARADEX").funding_usd == 1
    kept.is_broken = False
    ledger.write()
    assert kinds(kept) == ["start", "funding"]


def test_rows_are_written_by_the_clock_not_by_the_fill():
    kept = Kept()
    ledger = started(kept, health("PARADEX", "1000", ts=1))
    publish_fill(ledger, fill("PARADEX", OrderSide.BUY, "1", "100.0", "0", "1"))
    assert not kept.rows
    for event in ledger.clock.advance_time(2_000_000_000):
        event.handle()
    assert kinds(kept) == ["start", "fill"]
    assert len(kept.rows) == 1, "one commit for all that waited"


def test_a_payment_that_comes_after_the_stop_is_kept_too():
    kept = Kept()
    ledger = started(kept, health("PARADEX", "1000", ts=1))
    ledger.stop()
    tell(ledger, payment("PARADEX", "late", "1", ts=10))
    assert kinds(kept) == ["start", "funding"]


def test_gas_is_booked_once_per_transaction_over_restarts_and_is_no_part_of_a_venues_cash():
    def gas(number, usd):
        return GasPaid(
            venue="EKUBO",
            transaction_hash=number,
            amount_strk=Decimal("0.2"),
            amount_usd=None if usd is None else Decimal(usd),
            is_reverted=False,
            ts_event_ns=10,
        )

    kept = Kept()
    first = started(kept, health("PARADEX", "1000", ts=1))
    for paid in (gas("0x1", "0.05"), gas("0x1", "0.05"), gas("0x2", None)):
        first.msgbus.publish(topic=topics.GAS_PAID, msg=paid)
    first.write()
    again = started(kept, health("PARADEX", "1000", ts=30))
    for paid in (gas("0x1", "0.05"), gas("0x3", "0.01")):
        again.msgbus.publish(topic=topics.GAS_PAID, msg=paid)
    assert [paid.transaction_hash for paid in first.gas] == ["0x1", "0x2"]
    assert [paid.transaction_hash for paid in again.gas] == ["0x3"]
    assert again.whole_gas_usd == Decimal("0.06")
    assert again.venues == ["PARADEX"]
    assert again.is_settled()


def test_payments_are_asked_for_from_the_last_one_that_is_booked():
    kept = Kept()
    ledger = started(kept, health("PARADEX", "1000", ts=5))
    tell(ledger, health("HYPERLIQUID", "500", ts=7), payment("PARADEX", "a", "1", ts=10))
    ledger.write()
    assert funding_known_ns(kept) == {"PARADEX": 10, "HYPERLIQUID": 7}


@pytest.mark.parametrize("seed", range(5))
def test_any_restarts_and_repeats_leave_every_payment_once_in_one_journal_file(seed, tmp_path):
    """Kills at random moments: rows not yet written are lost, the venue tells everything again, the totals are exact."""
    dice = random.Random(seed)
    paid = [(f"p{n}", Decimal(dice.randint(-500, 500)) / 100, 10 + n) for n in range(30)]
    told = 0
    for _run in range(6):
        journal = Journal(str(tmp_path / "journal.db"))
        cash = 1000 + sum((amount for _, amount, _ in paid[:told]), ZERO)
        ledger = started(journal.documents("ledger"), health("PARADEX", str(cash), ts=1 if not told else paid[told - 1][2]))
        told = min(len(paid), told + dice.randint(0, 8))
        for name, amount, ts in [*paid[:told], *dice.sample(paid[:told], told // 2)]:
            tell(ledger, payment("PARADEX", name, str(amount), ts=ts))
            if dice.random() < 0.2:
                ledger.write()
        if _run == 0 or dice.random() < 0.5:
            ledger.write()
        assert ledger.whole_pnl("PARADEX").funding_usd == sum((amount for _, amount, _ in paid[:told]), ZERO)
        journal.close()
