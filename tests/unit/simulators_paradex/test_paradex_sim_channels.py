import pytest

from simulators.paradex.channels import ChannelError, parse_channel
from simulators.paradex.limits import Bucket, RateLimiter

MARKETS = ("BTC-USD-PERP", "ETH-USD-PERP")


@pytest.mark.parametrize(
    "name", ["bbo.BTC-USD-PERP", "bbo.BTC-USD-PERP.interactive", "trades.ALL", "orders.ALL", "markets_summary", "positions"]
)
def test_known_channels(name):
    channel = parse_channel(name, MARKETS, is_sbe=True)
    assert channel.covers("BTC-USD-PERP")
    assert channel.is_private == name.startswith(("orders", "positions"))


@pytest.mark.parametrize(
    "name", ["bbo_interactive.BTC-USD-PERP", "nothing", "", "order_book.DOGE-USD-PERP.deltas", "order_book.BTC-USD-PERP.snapshot"]
)
def test_unknown_channels_are_refused(name):
    with pytest.raises(ChannelError):
        parse_channel(name, MARKETS, is_sbe=True)


@pytest.mark.parametrize("name", ["bbo.BTC-USD-PERP.Interactive", "bbo.DOGE-USD-PERP", "trades.BTC-USD-PERP.x"])
def test_misspelt_channels_are_taken_and_stay_silent(name):
    assert not parse_channel(name, MARKETS, is_sbe=True).covers("BTC-USD-PERP")


def test_deltas_take_no_parameters_on_an_sbe_socket():
    with pytest.raises(ChannelError, match="no parameters expected for deltas topic"):
        parse_channel("order_book.BTC-USD-PERP.deltas@15@50ms", MARKETS, is_sbe=True)
    assert parse_channel("order_book.BTC-USD-PERP.deltas@15@50ms", MARKETS, is_sbe=False).feed == "deltas"
    assert parse_channel("order_book.BTC-USD-PERP.interactive_deltas", MARKETS, is_sbe=True).feed == "deltas"
    assert parse_channel("order_book.BTC-USD-PERP.snapshot@15@50ms@0_1", MARKETS, is_sbe=True).interval_ms == 50


def test_a_bucket_refills_continuously():
    bucket = Bucket(2, 1.0)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [True, True, False]
    assert bucket.headers(10.0) == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "11",
        "X-Ratelimit-Window": "1",
    }
    assert bucket.take(0.5)
    assert not bucket.take(0.6)


def test_limits_are_kept_per_scope_and_caller():
    limiter = RateLimiter()
    for _ in range(120):
        assert limiter.take("private", "0x1", 0.0)[0]
    assert not limiter.take("private", "0x1", 0.0)[0]
    assert limiter.take("private", "0x2", 0.0)[0]
    assert limiter.take("orders", "0x1", 0.0)[0]
