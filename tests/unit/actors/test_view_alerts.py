"""What a person in front of the terminal has to hear at once: alerts and other limits."""

from decimal import Decimal

from scripted_scene import Scene, Scripted

from actors.breakers import Breakers
from actors.ledger import Ledger
from actors.view import View
from messages import FundingClock
from risk.limits import Limits
from strategies.journal import Journal


class Screen:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def show(self, snapshot: object) -> None:
        """Draw nothing."""

    def event(self, line: str) -> None:
        self.lines.append(line.partition("  ")[2])


def test_a_halt_is_said_on_the_terminal() -> None:
    screen, strategy = Screen(), Scripted()
    venues = ("HYPERLIQUID", "PARADEX")
    view = View(title="", assets=("HYPE",), venues=venues, clock=FundingClock(), ledger=Ledger(), screen=screen)
    scene = Scene(
        strategy,
        Limits(daily_loss_usd_max=Decimal(100)),
        others=lambda limits: [view, Breakers(limits, Journal().documents("breakers"), venues)],
    )

    def lose() -> None:
        strategy.equity_usd -= 100

    scene.run((4, lose))
    said = [line for line in screen.lines if line.startswith("CRITICAL")]
    assert said == [
        "CRITICAL TradingHalted: daily_loss: 200.00 USD lost since midnight UTC, 100 allowed",
        "CRITICAL DailyLossLimit: 200.00 USD lost since midnight UTC, 100 allowed",
    ]
