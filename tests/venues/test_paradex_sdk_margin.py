"""The simulated account's margin against the vendor's own margin mathematics, fed with what the REST API shows."""

import asyncio
from decimal import Decimal

import pytest

from simulators import launch

BTC, ETH = "BTC-USD-PERP", "ETH-USD-PERP"


@pytest.fixture(scope="module")
def sdk():
    import paradex_sdk

    return paradex_sdk


@pytest.fixture
async def venue():
    async with launch(only="paradex", seed=5, scenario="calm", step_secs=0.1) as sims:
        yield sims


def vendor_margin(api):
    from paradex_py.margin import MarginInputs, compute

    # The margin code wants a size and a side, while the API signs the size
    positions = [{**row, "size": row["size"].lstrip("-")} for row in api.fetch_positions()["results"]]
    inputs = MarginInputs.from_api_responses(
        positions_resp={"results": positions},
        orders_resp=api.fetch_orders(),
        balances_resp=api.fetch_balances(),
        markets_summary_resp=api.fetch_markets_summary({"market": "ALL"}),
        markets_resp=api.fetch_markets(),
        account_info_resp=api.fetch_account_info()["results"][0],
    )
    return compute(**inputs.compute_kwargs(), margin_methodology="cross_margin")


async def test_initial_and_maintenance_margin_are_the_vendors(sdk, venue):
    def use():
        api = sdk.client(venue.ready["paradex"]).api_client

        def send(symbol, kind, side, size, bps=None):
            at = None if bps is None else sdk.price(api, bps, symbol)
            api.submit_order(sdk.order(symbol, kind, side, Decimal(size), *(() if at is None else (at,))))

        send(BTC, sdk.market, sdk.buy, "0.05")
        send(ETH, sdk.market, sdk.sell, "1.5")
        sdk.until(lambda: len(api.fetch_positions()["results"]) == 2)
        for symbol, side, size, bps in (
            (BTC, sdk.buy, "0.02", -150),
            (BTC, sdk.sell, "0.09", 150),
            (ETH, sdk.sell, "0.5", 150),
            (ETH, sdk.buy, "0.3", -150),
        ):
            send(symbol, sdk.limit, side, size, bps)
        sdk.until(lambda: [order["status"] for order in api.fetch_orders()["results"]] == ["OPEN"] * 4)
        venue.paradex.set_system_state("cancel_only")  # prices stand still
        expected, shown = vendor_margin(api), api.fetch_account_summary()
        assert float(shown.initial_margin_requirement) == pytest.approx(expected["IMR"], rel=1e-6)
        assert float(shown.maintenance_margin_requirement) == pytest.approx(expected["MMR"], rel=1e-6)

    await asyncio.to_thread(use)


async def test_the_liquidation_price_is_the_vendors(sdk, venue):
    def use():
        from paradex_py.margin.liquidation import find_liquidation_price

        api = sdk.client(venue.ready["paradex"]).api_client
        api.submit_order(sdk.order(BTC, sdk.market, sdk.buy, Decimal("1")))
        sdk.until(lambda: api.fetch_positions()["results"])
        venue.paradex.set_system_state("cancel_only")
        (position,) = api.fetch_positions()["results"]
        (market,) = api.fetch_markets({"market": BTC})["results"]
        cash, entry = float(api.fetch_balances()["results"][0]["size"]), float(position["average_entry_price"])
        funding = float(position["unrealized_funding_pnl"])
        params = {key: float(value) for key, value in market["delta1_cross_margin_params"].items()}

        def maintenance(spot):
            return spot * (params["imf_base"] * params["mmf_factor"] + 0.00045)

        expected = find_liquidation_price(entry, lambda spot: cash + funding + spot - entry, maintenance)
        assert float(position["liquidation_price"]) == pytest.approx(expected["down"], rel=1e-5)

    await asyncio.to_thread(use)
