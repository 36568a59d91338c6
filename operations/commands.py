"""The commands of `python -m operations` that act on accounts or on a running node; each returns its exit code."""

import asyncio
import getpass
import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from config.load import ConfigError, load
from config.schema import AppConfig
from config.secret import PASSPHRASE, encrypt, resolve_url
from messages import Command
from operations.accounts import open_accounts
from operations.control import Request, ask
from operations.flatten import Flattening
from operations.presence import Record, look, presence_path, socket_path
from operations.status import status
from operations.venues import attach, use
from operations.watchdog import Watchdog

ASK_SECS = 3.0


def configured(path: Path, ready: Path | None) -> AppConfig:
    """Return the config, with the urls and test keys of running simulators where it is for those."""
    config = load(path)
    if config.simulators is None:
        return config
    if ready is None:
        raise ConfigError("a config with simulators needs --attach FILE, their ready line")
    return use(config, attach(ready))


def run_flatten(args: Namespace) -> int:
    """Ask a running node first, then act on the venues; 0 when both were seen flat."""
    config = configured(args.config, args.attach)
    return asyncio.run(_flatten(config, args))


async def _flatten(config: AppConfig, args: Namespace) -> int:
    work = Flattening(open_accounts(config), _say)
    node = look(presence_path(config.trader_id))
    is_flat = False
    if node.is_alive and not args.no_node:
        pid = "?" if node.record is None else node.record.pid
        answer = await ask(socket_path(config.trader_id), Request(command=Command.FLATTEN, reason=args.reason), ASK_SECS)
        _say(f"a node runs here (process {pid}), asked it to flatten: {answer.detail}")
        if answer.is_accepted:
            is_flat = await work.watch(args.node_secs)
            _say("the node has flattened" if is_flat else f"not flat after {args.node_secs:.0f} s: acting from here as well")
        else:
            _say("acting from here; the node may trade again unless it is stopped")
    elif not node.is_alive:
        _say("no node runs here: acting on the venues")
    left = work.leftovers() if is_flat else await work.run(args.within_secs)
    for venue in left:
        print(venue.words(), flush=True)
    return 0 if all(venue.is_flat for venue in left) else 1


def run_status(args: Namespace) -> int:
    """Print what the venues hold; 0 when both could be read."""
    config = configured(args.config, args.attach)
    node = look(presence_path(config.trader_id))
    state = (
        "no node runs here" if not node.is_alive else f"a node runs here{'' if node.record is None else _node_words(node.record)}"
    )
    text, is_whole = asyncio.run(status(open_accounts(config)))
    print(f"{state}\n{text}")
    return 0 if is_whole else 1


def _node_words(record: Record) -> str:
    return f": process {record.pid}, {record.state.value}"


def run_tell(args: Namespace) -> int:
    """Hand a command to the node of this folder, or by Redis to one elsewhere; 0 when it has taken it."""
    config = load(args.config)
    request = Request(command=Command(args.order.upper()), reason=args.reason)
    is_here = look(presence_path(config.trader_id)).is_alive
    url = None if is_here or config.redis is None else resolve_url(config.redis.url)
    if url is None:
        answer = asyncio.run(ask(socket_path(config.trader_id), request, ASK_SECS))
    else:
        from operations.redis_channel import send  # noqa: PLC0415 - half a second, and only for who has Redis

        answer = asyncio.run(send(url, config.trader_id, request, ASK_SECS))
    print(answer.detail)
    return 0 if answer.is_accepted else 1


def run_watchdog(args: Namespace) -> int:
    """Watch a node until its end; see `operations.watchdog.Exit`."""
    config = configured(args.config, args.attach)
    section = config.deadman
    watchdog = Watchdog(
        open_accounts(config),
        presence_path(config.trader_id),
        _say,
        silence_secs=section.silence_secs,
        start_secs=section.start_secs,
        cancel_secs=args.cancel_secs,
    )
    return asyncio.run(watchdog.run())


def run_keystore(args: Namespace) -> int:
    """Encrypt one private key into a file of its owner's."""
    key = getpass.getpass("private key (hexadecimal): ") if sys.stdin.isatty() else sys.stdin.readline()
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None:
        passphrase = getpass.getpass("passphrase: ")
        if getpass.getpass("again: ") != passphrase:
            raise ConfigError("the passphrases differ")
    content = encrypt(key, passphrase)
    try:
        with os.fdopen(os.open(args.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as e:
        raise ConfigError(f"{args.file}: {e.strerror}") from None
    print(f'written; use it as private_key = "keystore:{args.file.resolve()}"')
    return 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", flush=True)
