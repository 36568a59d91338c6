"""What keeps a node from starting, found without connecting anywhere."""

from pathlib import Path

import pytest

from config.load import load
from operations.check import check, problems

ROOT = Path(__file__).parents[3]
KEYS = ("HYPERLIQUID_AGENT_KEY", "HYPERLIQUID_ACCOUNT_ADDRESS", "PARADEX_SUBKEY", "PARADEX_ACCOUNT_ADDRESS")


@pytest.fixture
def live(monkeypatch, tmp_path):
    """A place where the live config could start."""
    monkeypatch.chdir(tmp_path)
    for name in KEYS:
        monkeypatch.setenv(name, "0x1")
    return ROOT / "config/live.toml"


def test_a_live_node_could_start_where_all_is_there(live):
    text, found = check(live)
    assert found == []
    assert "0x1" not in text


@pytest.mark.parametrize("name", KEYS)
def test_each_reference_that_leads_nowhere_is_named(live, monkeypatch, name):
    monkeypatch.delenv(name)
    (found,) = problems(load(live))
    assert f"environment variable {name} is not set" in found
    assert found.startswith("venues.")


def test_a_folder_that_cannot_be_written_is_named(live, tmp_path):
    (tmp_path / "var").write_text("")
    assert any(f"{Path('var')} is no folder that can be written" in found for found in problems(load(live)))


def test_redis_by_reference_has_to_lead_somewhere(live, tmp_path, monkeypatch):
    for name in ("live.toml", "limits-live.toml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text())
    path = tmp_path / "live.toml"
    path.write_text(path.read_text() + '[redis]\nurl = "env:FARB_TEST_NO_REDIS"\n')
    monkeypatch.delenv("FARB_TEST_NO_REDIS", raising=False)
    (found,) = problems(load(path))
    assert found.startswith("redis.url: environment variable FARB_TEST_NO_REDIS is not set")
