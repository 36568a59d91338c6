"""A config may add Ekubo's spot market; without the section nothing of it is loaded."""

from pathlib import Path

import pytest

from config.load import ConfigError, load, redacted
from config.node import node_config
from operations.venues import KEYS, HyperliquidReady, ParadexReady, Ready, StarknetAccount, StarknetReady, VenuesError, use

ROOT = Path(__file__).parents[3]
SECTION = """
[venues.ekubo]
private_key = "env:FARB_SIM_STARKNET_KEY"
account_address = "env:FARB_SIM_STARKNET_ACCOUNT"
pairs = ["ETH-USDC", "STRK-USDC"]
max_slippage_bps = 15
written_off = ["0xabc"]
"""
STARKNET = StarknetReady("http://127.0.0.1:3", "http://127.0.0.1:3/rpc", (StarknetAccount("main", "0x123", "0x7"),))


@pytest.fixture
def write(tmp_path: Path):
    for file in (ROOT / "config").glob("limits*.toml"):
        (tmp_path / file.name).write_text(file.read_text())

    def _write(name: str, text: str, *, has_starknet: bool = True) -> Path:
        path = tmp_path / f"{name}.toml"
        base = (ROOT / f"config/{name}.toml").read_text()
        if name == "sim" and has_starknet:
            base = base.replace("[simulators]\n", "[simulators]\nhas_starknet = true\n")
        path.write_text(base + text)
        return path

    return _write


def ready(starknet: StarknetReady | None) -> Ready:
    hyperliquid = HyperliquidReady("http://127.0.0.1:1", "ws://127.0.0.1:1", (use_account("address", "private_key"),))
    paradex = ParadexReady("http://127.0.0.1:2/v1", "ws://127.0.0.1:2/v1", (use_account("l2_address", "l2_private_key"),))
    return Ready(1, 10.0, hyperliquid, paradex, starknet)


def use_account(*names: str):
    return type("Account", (), dict.fromkeys(names, "0x9"))()


def test_a_simulated_config_with_the_section_gets_both_clients(write, monkeypatch, tmp_path):
    for name in (*KEYS.values(), "FARB_SIM_STARKNET_ACCOUNT", "FARB_SIM_PARADEX_ACCOUNT"):
        monkeypatch.setenv(name, "")
    config = use(load(write("sim", SECTION)), ready(STARKNET))
    made = node_config(config, log_dir=tmp_path)
    data, trading = made.data_clients["EKUBO"], made.exec_clients["EKUBO"]
    assert data.rpc_url == trading.rpc_url == STARKNET.rpc_url
    assert data.avnu_url == data.prices_url == STARKNET.avnu_url
    assert trading.account_address == "0x123"
    assert trading.private_key == "env:FARB_SIM_STARKNET_KEY"  # a reference still
    assert trading.pairs == ("ETH-USDC", "STRK-USDC")
    assert trading.references == {"ETH-USDC": "ETH-USD-PERP.PARADEX"}  # nobody trades a perpetual of STRK here
    assert trading.max_slippage_bps == 15
    assert trading.written_off == ("0xabc",)
    with pytest.raises(VenuesError, match="--with starknet"):
        use(load(write("sim", SECTION)), ready(None))


def test_without_the_section_there_is_no_such_client(write, monkeypatch, tmp_path):
    for name in (*KEYS.values(), "FARB_SIM_PARADEX_ACCOUNT"):
        monkeypatch.setenv(name, "")
    made = node_config(use(load(write("sim", "")), ready(STARKNET)), log_dir=tmp_path)
    assert set(made.data_clients) == set(made.exec_clients) == {"HYPERLIQUID", "PARADEX"}


def test_paper_trading_has_prices_and_no_swaps(write, tmp_path):
    urls = 'avnu_url = "https://avnu.example"\nrpc_url = "https://node.example"\n'
    made = node_config(load(write("paper", f"\n[venues.ekubo]\n{urls}")), log_dir=tmp_path)
    assert "EKUBO" in made.data_clients
    assert "EKUBO" not in made.exec_clients


@pytest.mark.parametrize(
    ("name", "text", "has_starknet", "words"),
    [
        ("sim", SECTION, False, "needs has_starknet"),
        ("sim", SECTION + 'rpc_url = "https://node.example"\n', True, "speaks to 127.0.0.1 only"),
        ("paper", '\n[venues.ekubo]\nrpc_url = "https://node.example"\n', True, "venues.ekubo.avnu_url: required"),
        ("testnet", '\n[venues.ekubo]\navnu_url = "https://a.example"\nrpc_url = "https://b.example"\n', True, "nothing to swap"),
        ("sim", SECTION + "max_impact_bps = 0\n", True, "max_impact_bps"),
        ("sim", SECTION.replace("env:FARB_SIM_STARKNET_KEY", "0x7"), True, "private_key"),
    ],
)
def test_a_section_that_cannot_be_is_refused(write, name, text, has_starknet, words):
    with pytest.raises(ConfigError, match=words):
        load(write(name, text, has_starknet=has_starknet))


def test_the_section_is_shown_without_its_secrets(write):
    shown = redacted(load(write("sim", SECTION + 'api_key = "env:MY_AVNU_KEY"\n')))
    assert '"ekubo"' in shown
    assert "FARB_SIM_STARKNET_KEY" not in shown
    assert "MY_AVNU_KEY" not in shown
