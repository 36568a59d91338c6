import functools
import json
import random
import subprocess
import sys
from decimal import Decimal

import msgspec
import pytest
from fast_stark_crypto import pedersen_hash, verify

from adapters.paradex import onboarding
from adapters.paradex.signing import OrderTerms, Signer, quantums

CHAIN = "PRIVATE_SN_POTC_SEPOLIA"
# The published test key of the venue's own SDK.
ADDRESS = "0x129c135ed63df9353885e292be4426b8ed6122b13c6c0e1bb787288a1f5adfa"
KEY = "0x543b6cf6c91817a87174aaea4fb370ac1c694e864d7740d728f8344d53e815"


@pytest.fixture
def signer() -> Signer:
    return Signer(CHAIN, ADDRESS, KEY)


def terms_of(fields: dict) -> OrderTerms:
    return OrderTerms(
        timestamp_ms=fields["timestamp_ms"],
        market=fields["market"],
        side=fields["side"],
        kind=fields["order_type"],
        size=Decimal(fields["size"]),
        price=Decimal(fields["price"] or 0),
    )


def test_golden_vectors(shared_data, signer):
    golden = json.loads((shared_data / "raw/paradex/paradex_golden_vectors.json").read_text())
    assert signer.public_key == golden["l2_public_key"]
    vectors = {vector["name"]: vector for vector in golden["vectors"]}
    first, market, modify, auth = (vectors[name] for name in ("order_limit_buy", "order_market_sell", "order_modify", "auth"))
    hashes = (
        (signer.order_hash(terms_of(first["fields"])), first),
        (signer.order_hash(terms_of(market["fields"])), market),
        (signer.modify_hash(terms_of(modify["fields"]), modify["fields"]["id"]), modify),
        (signer.auth_hash(auth["fields"]["timestamp_s"], auth["fields"]["expiration_s"]), auth),
    )
    for message_hash, vector in hashes:
        assert hex(message_hash) == vector["hash"]
        assert signer.sign(message_hash) == f'["{vector["r_without_seed"]}","{vector["s_without_seed"]}"]'


def test_the_onboarding_vector(shared_data, signer):
    golden = json.loads((shared_data / "raw/paradex/paradex_golden_vectors.json").read_text())
    vector = next(vector for vector in golden["vectors"] if vector["name"] == "onboarding")
    assert hex(signer.onboarding_hash()) == vector["hash"]
    assert signer.sign(signer.onboarding_hash()) == f'["{vector["r_without_seed"]}","{vector["s_without_seed"]}"]'


def test_the_published_derivation_vector(shared_data):
    """The SDKs' common vector: an Ethereum test key gives this L2 key, public key and address."""
    config = json.loads((shared_data / "raw/paradex/system_config_testnet.json").read_text())
    chain = msgspec.convert(config, onboarding.ChainConfig)
    l1_key = "0xf8e4d1d772cdd44e5e77615ad11cc071c94e4c06dc21150d903f28e6aa6abdff"
    account = onboarding.derive(chain, "0xd2c7314539dCe7752c8120af4eC2AA750Cf2035e", l1_key)
    assert (account.address, account.private_key) == (ADDRESS, KEY)
    assert account.public_key == "0x2c144d2f2d4fc61b6f8967f3ba0012a87d90140bcfe5a3e92e8df83258c960f"
    for address, key in (("0xd2c7", "not a key"), ("nobody", l1_key)):
        with pytest.raises(ValueError, match="hexadecimal"):
            onboarding.derive(chain, address, key)


def test_a_subkeys_registration_is_signed_over_a_plain_array(signer):
    array = functools.reduce(pedersen_hash, (int(ADDRESS, 16), 0xABC, 1000, 2000, 4), 0)
    assert signer.subkey_hash("0xabc", 1000, 2000) == array
    r, s = json.loads(signer.sign(array))
    assert verify(int(signer.public_key, 16), array, int(r), int(s))


def test_hashes_equal_the_vendors_over_random_orders(vendor, signer):
    random_numbers = random.Random(5)
    for number in range(1000):
        is_market = number % 3 == 0
        side = random_numbers.choice(("BUY", "SELL"))
        terms = OrderTerms(
            timestamp_ms=random_numbers.randrange(1_600_000_000_000, 2_000_000_000_000),
            market=random_numbers.choice(("BTC-USD-PERP", "ETH-USD-PERP", "HYPE-USD-PERP")),
            side=side,
            kind="MARKET" if is_market else "LIMIT",
            size=Decimal(random_numbers.randrange(1, 10**12)).scaleb(-8),
            price=Decimal(0) if is_market else Decimal(random_numbers.randrange(1, 10**14)).scaleb(-8),
        )
        order_id = "" if number % 2 else str(random_numbers.randrange(10**27, 10**28))
        order = vendor.Order(
            market=terms.market,
            order_type=vendor.OrderType(terms.kind),
            order_side=vendor.OrderSide(side),
            size=terms.size,
            limit_price=terms.price,
            signature_timestamp=terms.timestamp_ms,
            order_id=order_id,
        )
        ours = signer.modify_hash(terms, order_id) if order_id else signer.order_hash(terms)
        assert ours == vendor.message_hash(order, int(ADDRESS, 16))


def test_a_signature_verifies_and_is_text_of_two_numbers(signer):
    message_hash = signer.auth_hash(1_759_500_000, 1_759_501_800)
    r, s = (int(part) for part in json.loads(signer.sign(message_hash)))
    assert verify(int(signer.public_key, 16), message_hash, r, s)
    assert not verify(int(signer.public_key, 16), message_hash + 1, r, s)


def test_each_side_verifies_the_others_signatures(vendor, signer):
    """Ours by the vendor's library and theirs by ours, over orders and with another nonce."""
    from paradex_py.account.utils import message_signature, verify_message_signature

    random_numbers = random.Random(6)
    for _ in range(25):
        message_hash = random_numbers.randrange(1, 2**250)
        ours = [int(part) for part in json.loads(signer.sign(message_hash))]
        assert verify_message_signature(message_hash, ours, int(signer.public_key, 16))
        theirs = message_signature(message_hash, int(KEY, 16))
        assert verify(int(signer.public_key, 16), message_hash, *theirs)


def test_quantums_are_exact_or_an_error():
    assert quantums(Decimal("62000.5")) == 6_200_050_000_000
    assert quantums(Decimal("1E+2")) == 10_000_000_000
    with pytest.raises(ValueError, match="more than 8 decimals"):
        quantums(Decimal("0.123456789"))


def test_the_running_node_does_not_load_the_vendors_library():
    code = (
        "import sys, adapters.paradex.execution, adapters.paradex.factories;"
        "print([name for name in sys.modules if name.split('.')[0] in ('paradex_py', 'starknet_py', 'sympy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("key", ["0xnot-a-key-but-perhaps-a-password", "0x0", hex(1 << 252)])
def test_a_key_that_is_none_is_refused_and_not_repeated(key):
    with pytest.raises(ValueError, match="the private key is") as e:
        Signer("PRIVATE_SN_POTC_SEPOLIA", "0x1", key)
    assert key not in str(e.value)
    assert e.value.__context__ is None or e.value.__suppress_context__, "its context repeats it"
