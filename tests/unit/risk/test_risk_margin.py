from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages import Side
from risk.checks import Approved
from risk.margin import affordable_usd, allocatable_usd, liquidation_price_usd, survivable_ratio
from simulators.accounts import Account, Position
from simulators.hyperliquid.margin import Margin, coin_named, max_leverage
from simulators.hyperliquid.users import User
from tests.unit.risk.risk_scene import HL, LIMITS, PDX, D, account, held, judge, market, name, order, scene

sizes = st.decimals("0.01", 50, places=2)
signs = st.sampled_from([1, -1])


@settings(max_examples=60)
@given(size=sizes, sign=signs, cash=st.decimals(100, 50_000, places=2), mark=st.decimals(10, 5_000, places=2))
def test_a_liquidation_price_is_the_simulated_hyperliquids(size: Decimal, sign: int, cash: Decimal, mark: Decimal) -> None:
    signed = sign * size
    user = User("0x1", account=Account(cash_usd=cash, positions={"ETH": Position(signed, signed * mark)}))
    margin = Margin(user, {"ETH": mark})
    expected = margin.liquidation_usd("ETH")
    found = liquidation_price_usd(
        price_usd=mark,
        quantity=signed,
        available_usd=margin.cross_equity_usd - margin.cross_maintenance_usd,
        maintenance_rate=Decimal(1) / (2 * max_leverage(coin_named("ETH"), size * mark)),
    )
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found == pytest.approx(expected, rel=Decimal("1e-20"))


@given(size=sizes, sign=signs, equity=st.decimals(10, 50_000, places=2), rate=st.decimals("0.005", "0.2", places=4))
def test_at_the_liquidation_price_equity_is_the_maintenance_margin(
    size: Decimal, sign: int, equity: Decimal, rate: Decimal
) -> None:
    price, signed = D(100), sign * size
    found = liquidation_price_usd(
        price_usd=price, quantity=signed, available_usd=equity - size * price * rate, maintenance_rate=rate
    )
    if found is not None:
        assert equity + signed * (found - price) == pytest.approx(size * found * rate, abs=Decimal("1e-15"))


@given(size=sizes, sign=signs, equity=st.decimals(10, 50_000, places=2), rate=st.decimals("0.005", "0.2", places=4))
def test_no_leg_is_liquidated_sooner_than_all_legs_moving_together_say(
    size: Decimal, sign: int, equity: Decimal, rate: Decimal
) -> None:
    gross = size * 100
    joint = survivable_ratio(equity_usd=equity, gross_usd=gross, maintenance_usd=gross * rate)
    alone = liquidation_price_usd(
        price_usd=D(100), quantity=sign * size, available_usd=equity - gross * rate, maintenance_rate=rate
    )
    if alone is not None and joint > 0:
        assert abs(alone / 100 - 1) >= joint - Decimal("1e-15")
        if sign < 0:
            assert alone / 100 - 1 == pytest.approx(joint, abs=Decimal("1e-15"))


def test_an_account_without_positions_survives_any_move() -> None:
    assert survivable_ratio(equity_usd=D(0), gross_usd=D(0), maintenance_usd=D(0)) == 1
    assert liquidation_price_usd(price_usd=D(100), quantity=D(0), available_usd=D(5), maintenance_rate=D(0)) is None


@settings(max_examples=150)
@given(
    equities=st.tuples(st.decimals(100, 30_000, places=2), st.decimals(100, 30_000, places=2)),
    base=st.decimals(0, 60, places=1),
    other=st.decimals(-60, 60, places=1),
)
def test_what_is_called_allocatable_beside_what_is_held_is_approved(
    equities: tuple[Decimal, Decimal], base: Decimal, other: Decimal
) -> None:
    eth = {name(venue, "ETH"): market(venue, asset="ETH") for venue in (HL, PDX)}
    seen = scene(
        accounts={HL: account(HL, str(equities[0])), PDX: account(PDX, str(equities[1]))},
        markets={name(HL): market(HL), name(PDX): market(PDX), **eth},
        positions=held(HL, str(base)) | held(PDX, str(-base)) | held(HL, str(other), "ETH") | held(PDX, str(-other), "ETH"),
    )
    views = (seen.markets[name(HL)], seen.markets[name(PDX)])
    affordable = [affordable_usd(seen, LIMITS, view) for view in views]
    room_usd = min(*affordable, allocatable_usd(seen, LIMITS, views))
    quantity = (room_usd / D("100.02")).quantize(D("0.01"), rounding="ROUND_DOWN")
    if quantity > 0:
        asked = order(HL, Side.BUY, str(quantity), "100.01"), order(PDX, Side.SELL, str(quantity), "99.99")
        assert judge(seen, *asked) == Approved()
