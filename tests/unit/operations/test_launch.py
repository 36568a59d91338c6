"""What a node needs before it is assembled, and where its journal lies."""

import os
import signal
from pathlib import Path

import msgspec
import pytest

import run
from config.load import ConfigError, load
from config.node import node_config
from config.schema import RedisSection
from operations import launch
from strategies.journal import IN_MEMORY

ROOT = Path(__file__).parents[3]


def config(name: str = "paper", **redis):
    loaded = load(ROOT / f"config/{name}.toml")
    return msgspec.structs.replace(loaded, redis=RedisSection(**redis)) if redis else loaded


def test_a_cache_that_is_away_is_told_with_its_setting(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("Connection refused (os error 111)")

    monkeypatch.setattr(launch, "assemble", refuse)
    with pytest.raises(ConfigError, match=r"redis.url cannot be reached, and is_cache = true needs it .*Connection refused"):
        launch._assemble(config(url="redis://127.0.0.1:1/0", is_cache=True), None, None, None)
    for other in (config(), config(url="redis://127.0.0.1:1/0")):
        with pytest.raises(RuntimeError, match="Connection refused"):
            launch._assemble(other, None, None, None)


def test_only_venues_that_end_with_the_node_leave_no_journal():
    assert launch.journal_path(config("sim"), outlives=False) == IN_MEMORY
    assert launch.journal_path(config("sim"), outlives=True) == "var/FARB-001-sim.journal"
    assert launch.journal_path(config("live"), outlives=False) == "var/FARB-001-live.journal"


def test_nautilus_gets_a_cache_only_where_it_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("FARB_TEST_REDIS", "rediss://bot:p%40ss@example.org:7000/0")
    assert node_config(config(url="env:FARB_TEST_REDIS"), log_dir=tmp_path).cache is None
    database = node_config(config(url="env:FARB_TEST_REDIS", is_cache=True), log_dir=tmp_path).cache.database
    assert (database.host, database.port, database.username, database.password) == ("example.org", 7000, "bot", "p@ss")
    assert database.ssl
    assert database.number_of_retries == 2, "the default of a hundred hangs a start for minutes"
    assert "p@ss" not in repr(database)


@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:6379/0", "127.0.0.1", "http://127.0.0.1", "env:"])
def test_a_redis_url_holds_no_password(url, tmp_path):
    for name in ("limits.toml", "paper.toml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text())
    path = tmp_path / "paper.toml"
    path.write_text(path.read_text() + f'[redis]\nurl = "{url}"\n')
    with pytest.raises(ConfigError, match="without a password, or a reference") as e:
        load(path)
    assert "secret" not in str(e.value)


def test_a_flatten_signal_during_the_imports_is_kept_for_the_node():
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    stop = run.EarlyStop()
    try:
        stop.listen()
        os.kill(os.getpid(), signal.SIGUSR1)
        stop.check()
        assert (stop.is_flatten_asked, stop.is_asked) == (True, False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
