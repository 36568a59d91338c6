"""One node from its config to its summary: signs of life, watchdog, journal, session."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console

from actors.terminal import LineScreen, LiveScreen
from config.load import ConfigError
from config.schema import AppConfig, Mode
from config.secret import resolve_url
from operations.assembly import Assembled, assemble
from operations.ears import Channel, Ears
from operations.guard import Guard
from operations.places import LOGS, VAR
from operations.presence import Presence, presence_path, socket_path
from operations.session import Session, StartError
from operations.summary import show, summarise
from strategies.journal import IN_MEMORY, Journal

VERSION = "0.1.0"


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks; `config` and `ready` are the files a watchdog is to read as well."""

    config: Path
    ready: Path | None
    summary: Path | None
    flatten: bool
    watchdog: bool
    plain: bool
    is_stop_asked: Callable[[], bool]
    is_flatten_asked: Callable[[], bool]


def run(config: AppConfig, wishes: Wishes) -> int:
    """Show that a node runs here, set a watchdog beside it where one is due, run it and return its exit code.

    Raises `PresenceError` where a node of this name runs here already, `JournalError` and `ConfigError`
    where something it needs cannot be had.
    """
    presence, is_orderly = Presence(presence_path(config.trader_id)), False
    try:
        guard = None
        if wishes.watchdog or config.mode in (Mode.TESTNET, Mode.LIVE):
            guard = Guard(wishes.config, wishes.ready, LOGS / "watchdog.log")
            guard.start()
        code = _run(config, wishes, presence.beat, guard)
        is_orderly = True
        return code
    finally:
        presence.close(is_orderly=is_orderly)


def _run(config: AppConfig, wishes: Wishes, beat: Callable[[], None], guard: Guard | None) -> int:
    console = Console()
    if not console.is_terminal:
        console.width = 120  # a file or pipe has no width of its own, and tables need one
    with LiveScreen(console) if console.is_terminal and not wishes.plain else LineScreen() as screen:
        journal = Journal(journal_path(config, outlives=wishes.ready is not None))
        node = _assemble(config, screen, journal, beat)
        session = _session(config, wishes, node, guard)
        try:
            node.loop.run_until_complete(session.run())
            summary = summarise(
                node,
                mode=config.mode.value,
                ended_because=session.ended_because,
                wall_secs=session.wall_secs,
                now_ns=time.time_ns(),
            )
            is_written = _write(wishes.summary, summary.to_json())  # first: the terminal may be gone
        except StartError as e:
            print(f"run.py: {e} ({LOGS})", file=sys.stderr)
            return 1
        finally:
            node.dispose()
    show(summary, node.ledger, console, venues_end=config.simulators is not None and wishes.ready is None)
    if wishes.summary is not None and is_written:
        print(f"summary written to {wishes.summary}")
    return 0 if session.is_complete and is_written else 1


def _assemble(config: AppConfig, screen: LiveScreen | LineScreen, journal: Journal, beat: Callable[[], None]) -> Assembled:
    try:
        return assemble(config, screen, journal, log_dir=LOGS, version=VERSION, beat=beat)
    except RuntimeError as e:  # what Nautilus raises where its cache's database is away
        if config.redis is None or not config.redis.is_cache:
            raise
        raise ConfigError(f"redis.url cannot be reached, and is_cache = true needs it at the start: {e}") from None


def _session(config: AppConfig, wishes: Wishes, node: Assembled, guard: Guard | None) -> Session:
    ears = Ears(
        node.publish,
        socket=socket_path(config.trader_id),
        is_running=lambda: bool(node.node.trader.is_running),
        now_ns=time.time_ns,
        tell=node.tell,
    )
    if wishes.is_flatten_asked():
        ears.on_signal()
    return Session(
        node,
        config.run,
        flatten=wishes.flatten,
        is_interrupted=wishes.is_stop_asked(),
        ears=ears,
        channels=_channels(config, node, ears, guard),
    )


def _channels(config: AppConfig, node: Assembled, ears: Ears, guard: Guard | None) -> list[Channel]:
    """Return what has to be listened to beside the trader: Redis, and the watchdog's end."""
    found: list[Channel] = []
    if config.redis is not None:
        from operations.redis_channel import RedisChannel  # noqa: PLC0415 - half a second, and only for who has Redis

        found.append(RedisChannel(resolve_url(config.redis.url), config.trader_id, ears.hear, node.alert))
    if guard is not None:
        found.append(guard.watched(node.alert))
    return found


def journal_path(config: AppConfig, *, outlives: bool) -> str:
    """Return where the node's journal is: in memory for venues that end with the node, for then nothing is left to take up."""
    if config.simulators is not None and not outlives:
        return IN_MEMORY
    return str(VAR / f"{config.trader_id}-{config.mode.value}.journal")


def _write(path: Path | None, document: bytes) -> bool:
    """Write the summary if one is wanted; return False where that fails, which is said."""
    try:
        if path is not None:
            path.write_bytes(document)
    except OSError as e:
        print(f"run.py: {path} cannot be written: {e.strerror}", file=sys.stderr)
        return False
    return True
