"""A user's account as the venue publishes it: margin summaries, positions, limits and fees."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulators.accounts import ZERO, Position
from simulators.hyperliquid import frames
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.universe import ASSET_IDS, MAKER_RATE, MAX_DECIMALS, TAKER_RATE, UNIVERSE, Coin
from simulators.hyperliquid.users import FundingPaid, User

FREE_REQUESTS = 10_000


def clearinghouse_state(engine: Engine, user: User | None, now_ms: int) -> dict[str, Any]:
    """Return margin and positions; a stranger's account is empty. Every position is cross."""
    if user is None:
        user = User("")
    marks, account = engine.marks, user.account
    equity, used = account.equity_usd(marks), account.initial_margin_usd(marks)
    notional = sum((abs(p.size) * marks[name] for name, p in account.positions.items()), ZERO)
    net = sum((p.size * marks[name] for name, p in account.positions.items()), ZERO)
    summary = {
        "accountValue": frames.usd(equity),
        "totalNtlPos": frames.usd(notional),
        "totalRawUsd": frames.usd(equity - net),
        "totalMarginUsed": frames.usd(used),
    }
    return {
        "marginSummary": summary,
        "crossMarginSummary": summary,
        "crossMaintenanceMarginUsed": frames.usd(maintenance_usd(engine, user)),
        "withdrawable": frames.usd(max(equity - max(used, notional / 10), ZERO)),
        "assetPositions": [
            {"type": "oneWay", "position": _position(engine, user, name, position)}
            for name, position in account.positions.items()
        ],
        "time": now_ms,
    }


def maintenance_usd(engine: Engine, user: User) -> Decimal:
    """Return the maintenance margin: half the initial margin at each coin's greatest leverage (first tier)."""
    rows = user.account.positions.items()
    return sum((abs(p.size) * engine.marks[name] / (2 * _coin(name).max_leverage) for name, p in rows), ZERO)


def liquidation_price(engine: Engine, user: User, name: str, position: Position) -> Decimal | None:
    """Return the mark at which this position's move alone uses up the margin; None when no price does.

    mark - side * (equity - maintenance) / |size| / (1 - side / (2 * greatest leverage)).
    """
    side = 1 if position.size > 0 else -1
    free = user.account.equity_usd(engine.marks) - maintenance_usd(engine, user)
    ratio = 1 - Decimal(side) / (2 * _coin(name).max_leverage)
    price = engine.marks[name] - side * free / abs(position.size) / ratio
    return price if price > 0 else None


def active_asset_data(engine: Engine, user: User | None, address: str, coin: str) -> dict[str, Any]:
    """Return a user's leverage and buying power on a coin, buy first; a reversal adds its closing size."""
    account = user.account if user else User("").account
    mark, leverage = engine.marks[coin], account.leverage_of(coin)
    free = max(engine.available_usd(user), ZERO) if user else ZERO
    freed = abs(account.size(coin)) * mark / leverage * 2
    available = [free + (freed if account.size(coin) * sign < 0 else ZERO) for sign in (1, -1)]
    sizes = [(usd * leverage / mark).quantize(_coin(coin).size_step, ROUND_DOWN) for usd in available]
    return {
        "user": address,
        "coin": coin,
        "leverage": {"type": "cross", "value": leverage},
        "maxTradeSzs": [frames.number(size) for size in sizes],
        "availableToTrade": [frames.usd(usd) for usd in available],
        "markPx": frames.number(mark),
    }


def spot_state(user: User | None) -> dict[str, Any]:
    """Return the spot balances."""
    total = user.spot_usdc if user else ZERO
    if not total:
        return {"balances": []}
    return {"balances": [{"coin": "USDC", "token": 0, "total": frames.usd(total), "hold": "0.0", "entryNtl": "0.0"}]}


def rate_limit(user: User | None) -> dict[str, Any]:
    """Return the requests used, and allowed: one per USDC traded and a starting allowance."""
    traded, used = (user.traded_usd, user.requests) if user else (ZERO, 0)
    return {
        "cumVlm": frames.usd(traded),
        "nRequestsUsed": used,
        "nRequestsCap": int(traded) + FREE_REQUESTS,
        "nRequestsSurplus": 0,
    }


_RATES = {"cross": str(TAKER_RATE), "add": str(MAKER_RATE), "spotCross": "0.0007", "spotAdd": "0.0004"}
_VIP = {"ntlCutoff": "5000000.0", "cross": "0.0004", "add": "0.00012", "spotCross": "0.0006", "spotAdd": "0.0003"}
_NO_STAKE = {"bpsOfMaxSupply": "0.0", "discount": "0.0"}
FEES: dict[str, Any] = {  # every user is in the lowest tier
    "dailyUserVlm": [],
    "feeSchedule": {
        **_RATES,
        "tiers": {"vip": [_VIP], "mm": [{"makerFractionCutoff": "0.005", "add": "-0.00001"}]},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": [_NO_STAKE],
    },
    "userCrossRate": str(TAKER_RATE),
    "userAddRate": str(MAKER_RATE),
    "userSpotCrossRate": "0.0007",
    "userSpotAddRate": "0.0004",
    "activeReferralDiscount": "0.0",
    "trial": None,
    "feeTrialReward": "0.0",
    "nextTrialAvailableTimestamp": None,
    "stakingLink": None,
    "activeStakingDiscount": _NO_STAKE,
}


def _position(engine: Engine, user: User, name: str, position: Position) -> dict[str, Any]:
    mark, leverage = engine.marks[name], user.account.leverage_of(name)
    value, unrealized = abs(position.size) * mark, position.unrealized_usd(mark)
    liquidation = liquidation_price(engine, user, name, position)
    paid = user.funding_paid.get(name, FundingPaid())
    return {
        "coin": name,
        "szi": frames.number(position.size),
        "leverage": {"type": "cross", "value": leverage},
        "entryPx": frames.ratio(position.entry_usd, MAX_DECIMALS),
        "positionValue": frames.usd(value),
        "unrealizedPnl": frames.usd(unrealized),
        "returnOnEquity": frames.ratio(unrealized / (abs(position.cost_usd) / leverage)),
        "liquidationPx": None if liquidation is None else frames.ratio(liquidation),
        "marginUsed": frames.usd(value / leverage),
        "maxLeverage": _coin(name).max_leverage,
        "cumFunding": {
            "allTime": frames.usd(paid.all_time),
            "sinceOpen": frames.usd(paid.since_open),
            "sinceChange": frames.usd(paid.since_change),
        },
    }


def _coin(name: str) -> Coin:
    return UNIVERSE[ASSET_IDS[name]]
