"""Start the local venues as a process of their own, or attach to ones that run already."""

import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from config.schema import AppConfig, EkuboSection, SimulatorsSection

ROOT = Path(__file__).parents[1]
KEYS = {"hyperliquid": "FARB_SIM_HYPERLIQUID_KEY", "paradex": "FARB_SIM_PARADEX_KEY", "ekubo": "FARB_SIM_STARKNET_KEY"}
PARADEX_ACCOUNT, STARKNET_ACCOUNT = "FARB_SIM_PARADEX_ACCOUNT", "FARB_SIM_STARKNET_ACCOUNT"


class VenuesError(RuntimeError):
    """The local venues did not start, or what was given to attach to is not theirs."""


class HyperliquidAccount(msgspec.Struct, frozen=True):
    """A funded account with a published test key."""

    name: str
    address: str
    private_key: str


class ParadexAccount(msgspec.Struct, frozen=True):
    """A funded account with a published test key."""

    name: str
    l2_address: str
    l2_private_key: str


class HyperliquidReady(msgspec.Struct, frozen=True):
    """Where the Hyperliquid simulator listens."""

    http_url: str
    ws_url: str
    accounts: tuple[HyperliquidAccount, ...]


class ParadexReady(msgspec.Struct, frozen=True):
    """Where the Paradex simulator listens."""

    http_url: str
    ws_url: str
    accounts: tuple[ParadexAccount, ...]


class StarknetAccount(msgspec.Struct, frozen=True):
    """A funded account with a published test key."""

    name: str
    address: str
    private_key: str


class StarknetReady(msgspec.Struct, frozen=True):
    """Where the simulators of AVNU and of a Starknet node listen."""

    avnu_url: str
    rpc_url: str
    accounts: tuple[StarknetAccount, ...]


class Ready(msgspec.Struct, frozen=True):
    """The line the simulators print when they can be used."""

    seed: int
    hour_secs: float
    hyperliquid: HyperliquidReady
    paradex: ParadexReady
    starknet: StarknetReady | None = None


def use(config: AppConfig, ready: Ready) -> AppConfig:
    """Return the config with the venues' urls and clock, and put the test keys where its references look."""
    os.environ[KEYS["hyperliquid"]] = ready.hyperliquid.accounts[0].private_key
    os.environ[KEYS["paradex"]] = ready.paradex.accounts[0].l2_private_key
    os.environ[PARADEX_ACCOUNT] = ready.paradex.accounts[0].l2_address
    assert config.simulators is not None
    replace = msgspec.structs.replace
    venues = replace(
        config.venues,
        hyperliquid=replace(config.venues.hyperliquid, http_url=ready.hyperliquid.http_url, ws_url=ready.hyperliquid.ws_url),
        paradex=replace(config.venues.paradex, http_url=ready.paradex.http_url, ws_url=ready.paradex.ws_url),
    )
    if venues.ekubo is not None:
        venues = replace(venues, ekubo=_use_starknet(venues.ekubo, ready.starknet))
    clock = replace(config.simulators, seed=ready.seed, hour_secs=ready.hour_secs)
    return replace(config, venues=venues, simulators=clock)


def _use_starknet(section: EkuboSection, ready: StarknetReady | None) -> EkuboSection:
    if ready is None:
        raise VenuesError("the config has a section venues.ekubo: start the simulators with --with starknet")
    os.environ[KEYS["ekubo"]] = ready.accounts[0].private_key
    os.environ[STARKNET_ACCOUNT] = ready.accounts[0].address
    return msgspec.structs.replace(section, avnu_url=ready.avnu_url, prices_url=ready.avnu_url, rpc_url=ready.rpc_url)


def attach(path: Path) -> Ready:
    """Read the ready line of simulators that run already."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ready)
    except OSError as e:
        raise VenuesError(f"{path}: {e.strerror}") from None
    except msgspec.MsgspecError as e:
        raise VenuesError(f"{path} does not hold the ready line of both simulators: {e}") from None


@contextlib.contextmanager
def started(section: SimulatorsSection, log_path: Path, timeout_secs: float = 30.0) -> Iterator[Ready]:
    """Run the simulators until the block ends; they end by themselves should this process die."""
    command = [sys.executable, "-m", "simulators", "--exit-with-parent", "--seed", str(section.seed)]
    command += ["--hour-secs", str(section.hour_secs), "--scenario", section.scenario, "--tape", section.tape]
    command += ["--with", "starknet"] if section.has_starknet else []
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        # Their own session: Ctrl-C reaches this process alone, so the venues outlive its orderly stop.
        process = subprocess.Popen(  # noqa: S603
            command,
            env=os.environ | {"PYTHONPATH": str(ROOT)},  # found from whichever folder the node was started in
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield _await_ready(process, log_path, timeout_secs)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def _await_ready(process: "subprocess.Popen[bytes]", log_path: Path, timeout_secs: float) -> Ready:
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_secs
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(timeout=max(0.0, deadline - time.monotonic())):
            raise VenuesError(f"the simulators were not ready after {timeout_secs:.0f} s; see {log_path}")
        line = process.stdout.readline()
    try:
        return msgspec.json.decode(line, type=Ready)
    except msgspec.MsgspecError:
        tail = log_path.read_text(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise VenuesError(f"the simulators did not start: {tail[0]} (see {log_path})") from None
