"""`python -m tests.fuzz --frames 1000000`: the whole campaign, with progress; ends with code 1 at the first fault."""

import argparse
import os
import sys
from pathlib import Path

from tests.fuzz import campaign, hyperliquid_target, paradex_target

TARGETS = {
    "hyperliquid": (hyperliquid_target.HyperliquidTarget, hyperliquid_target),
    "paradex": (paradex_target.ParadexTarget, paradex_target),
}


def shared_folder() -> Path | None:
    """Return the folder of recorded payloads, None where it is not at hand."""
    folder = Path(os.environ.get("FARB_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    return folder if folder.is_dir() else None


def run(venue: str, frames: int, seed: int, *, is_quiet: bool = False) -> campaign.Report:
    """Fuzz one venue; raises `campaign.Broken` at the first fault."""
    target, module = TARGETS[venue]

    def say(number: int, report: campaign.Report) -> None:
        refused = ", ".join(f"{name} {count:,}" for name, count in report.refused.most_common())
        print(f"{venue}: {number:,} of {frames:,} in {report.secs:.0f} s; taken {report.accepted:,}; {refused}", flush=True)

    corpus = module.frames(shared_folder())
    return campaign.run(target, corpus, module.closing_frames(), frames=frames, seed=seed, say=None if is_quiet else say)


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description="Feed broken frames to the adapters.")
    parser.add_argument("--frames", type=int, default=1_000_000, help="frames for each venue")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venue", choices=TARGETS, help="one venue only")
    options = parser.parse_args()
    for venue in [options.venue] if options.venue else TARGETS:
        try:
            report = run(venue, options.frames, options.seed)
        except campaign.Broken as e:
            print(f"{venue}: {e}", file=sys.stderr)
            return 1
        print(f"{venue}: {report}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
