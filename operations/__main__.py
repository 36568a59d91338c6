"""`python -m operations COMMAND`: what people run beside a node, or when none can start."""

import argparse
import sys
from pathlib import Path

from config.load import ConfigError
from operations.check import check


def main(argv: list[str] | None = None) -> int:
    """Run one command; return 0 when all is well, 1 when something would keep a node from starting, 2 for a bad config."""
    parser = argparse.ArgumentParser(prog="python -m operations", description="Commands beside a running node.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="check a node config without connecting, and print it redacted")
    command.add_argument("config", type=Path, metavar="CONFIG")
    args = parser.parse_args(argv)
    try:
        text, problems = check(args.config)
    except ConfigError as e:
        print(f"operations: {e}", file=sys.stderr)
        return 2
    print(text)
    for problem in problems:
        print(f"operations: {problem}", file=sys.stderr)
    print("the config is valid" if not problems else "the config is valid, but a node could not start here", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
