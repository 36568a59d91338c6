"""A user's account as the venue publishes it: margin summaries, positions, limits and fees."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulators.accounts import ZERO
from simulators.hyperliquid import frames
from simulators.hyperliquid.engine import Engine
from simulators.hyperliquid.limits import FREE_REQUESTS
from simulators.hyperliquid.margin import Holding, Margin, coin_named
from simulators.hyperliquid.universe import MAKER_RATE, MAX_DECIMALS, TAKER_RATE
from simulators.hyperliquid.users import FundingPaid, User


def clearinghouse_state(engine: Engine, user: User | None, now_ms: int) -> dict[str, Any]:
    """Return margin and positions; a stranger's account is empty, a unified one shows no money here."""
    user = user or User("")
    margin = engine.margin(user)
    holdings, cross = margin.holdings, list(margin.cross)
    return {
        "marginSummary": _summary(user, margin.equity_usd, holdings),
        "crossMarginSummary": _summary(user, margin.cross_equity_usd, cross),
        "crossMaintenanceMarginUsed": frames.usd(margin.cross_maintenance_usd),
        "withdrawable": "0.0" if user.is_unified else frames.usd(margin.withdrawable_usd),
        "assetPositions": [{"type": "oneWay", "position": _position(margin, holding)} for holding in holdings],
        "time": now_ms,
    }


def _summary(user: User, equity_usd: Decimal, holdings: list[Holding]) -> dict[str, str]:
    equity_usd = ZERO if user.is_unified else equity_usd
    net_usd = sum((holding.side * holding.notional_usd for holding in holdings), ZERO)
    return {
        "accountValue": frames.usd(equity_usd),
        "totalNtlPos": frames.usd(sum((holding.notional_usd for holding in holdings), ZERO)),
        "totalRawUsd": frames.usd(equity_usd - net_usd),
        "totalMarginUsed": frames.usd(sum((holding.margin_usd for holding in holdings), ZERO)),
    }


def _position(margin: Margin, holding: Holding) -> dict[str, Any]:
    position, liquidation = holding.position, margin.liquidation_usd(holding.name)
    paid = margin.user.funding_paid.get(holding.name, FundingPaid())
    return {
        "coin": holding.name,
        "szi": frames.number(position.size),
        "leverage": _leverage(holding),
        "entryPx": frames.ratio(position.entry_usd, MAX_DECIMALS),
        "positionValue": frames.usd(holding.notional_usd),
        "unrealizedPnl": frames.usd(holding.unrealized_usd),
        "returnOnEquity": frames.ratio(holding.unrealized_usd / (abs(position.cost_usd) / holding.leverage)),
        "liquidationPx": None if liquidation is None else frames.ratio(liquidation),
        "marginUsed": frames.usd(holding.margin_usd),
        "maxLeverage": coin_named(holding.name).max_leverage,
        "cumFunding": {
            "allTime": frames.usd(paid.all_time),
            "sinceOpen": frames.usd(paid.since_open),
            "sinceChange": frames.usd(paid.since_change),
        },
    }


def _leverage(holding: Holding) -> dict[str, Any]:
    """Return the margin mode; an isolated position's `rawUsd` is its margin less its signed value."""
    if not holding.is_isolated:
        return {"type": "cross", "value": holding.leverage}
    raw_usd = holding.margin_usd - holding.side * holding.notional_usd
    return {"type": "isolated", "value": holding.leverage, "rawUsd": frames.usd(raw_usd)}


def active_asset_data(engine: Engine, user: User | None, address: str, coin: str) -> dict[str, Any]:
    """Return a user's leverage and buying power on a coin, buy first; a reversal adds its closing size."""
    account = user.account if user else User("").account
    mark, leverage = engine.marks[coin], account.leverage_of(coin)
    free = max(engine.available_usd(user), ZERO) if user else ZERO
    freed = abs(account.size(coin)) * mark / leverage * 2
    available = [free + (freed if account.size(coin) * sign < 0 else ZERO) for sign in (1, -1)]
    sizes = [(usd * leverage / mark).quantize(coin_named(coin).size_step, ROUND_DOWN) for usd in available]
    shown: dict[str, Any] = {"type": "cross", "value": leverage}
    if user and coin in user.isolated:
        shown = {"type": "isolated", "value": leverage, "rawUsd": "0.0"}
        if account.size(coin):
            shown = _leverage(engine.margin(user).holding(coin))
    return {
        "user": address,
        "coin": coin,
        "leverage": shown,
        "maxTradeSzs": [frames.number(size) for size in sizes],
        "availableToTrade": [frames.usd(usd) for usd in available],
        "markPx": frames.number(mark),
    }


def spot_state(engine: Engine, user: User | None) -> dict[str, Any]:
    """Return the spot balances; in a unified account they hold the money of the perpetuals too."""
    if user is None:
        return {"balances": []}
    total, hold = user.spot_usdc, ZERO
    if user.is_unified:
        total += user.account.cash_usd
        margin = engine.margin(user)
        hold = max(margin.equity_usd - margin.available_usd, ZERO)
    extra = {"portfolioMarginEnabled": True, "portfolioMarginRatio": "0.0"} if user.abstraction == "portfolioMargin" else {}
    if not total:
        return {"balances": [], **extra}
    row = {"coin": "USDC", "token": 0, "total": frames.usd(total), "hold": frames.usd(hold), "entryNtl": "0.0"}
    return {"balances": [row], **extra}


def rate_limit(user: User | None) -> dict[str, Any]:
    """Return the requests used, and allowed: one per USDC traded and a starting allowance."""
    user = user or User("")
    return {
        "cumVlm": frames.usd(user.traded_usd),
        "nRequestsUsed": user.requests,
        "nRequestsCap": int(user.traded_usd) + FREE_REQUESTS,
        "nRequestsSurplus": user.bought_requests,
    }


def portfolio(engine: Engine, user: User | None, now_ms: int) -> list[Any]:
    """Return what the account is worth now, and its volume, under every period's name."""
    user = user or User("")
    worth = frames.usd(engine.margin(user).equity_usd)
    row = {"accountValueHistory": [[now_ms, worth]], "pnlHistory": [[now_ms, "0.0"]], "vlm": frames.usd(user.traded_usd)}
    periods = ("day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime")
    return [[period, row] for period in periods]


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
