import json

import starknet_crypto_py as curve


def test_signatures_hashes_and_keys_equal_the_reference_implementation(shared_data):
    rows = (shared_data / "raw/paradex/paradex_ref_vectors.jsonl").read_text().splitlines()
    assert len(rows) == 300
    for row in map(json.loads, rows):
        private_key, msg_hash, public_key = (int(row[key], 16) for key in ("private_key", "msg_hash", "public_key"))
        r, s = int(row["r"], 16), int(row["s"], 16)
        assert curve.get_public_key(private_key) == public_key
        assert curve.sign(private_key=private_key, msg_hash=msg_hash, seed=row["seed"]) == (r, s)
        assert curve.verify(public_key=public_key, msg_hash=msg_hash, r=r, s=s)
        assert not curve.verify(public_key=public_key, msg_hash=msg_hash ^ 1, r=r, s=s)
        assert curve.pedersen_hash(int(row["pedersen_a"], 16), int(row["pedersen_b"], 16)) == int(row["pedersen"], 16)


def test_the_published_order_signature_is_reproduced():
    # Paradex' published test account signing a limit order; needs no recorded data.
    key = 0x543B6CF6C91817A87174AAEA4FB370AC1C694E864D7740D728F8344D53E815
    order = 0x2ABC7151D4399FFCAB15E925C54E359342931D2163AD621A2A5655FD33AB455
    r = 260134276297261626404170159752005553080307502172148561734793860926912759833
    s = 3326836518535774621353209331194027315529007134677627160719284400214202689485
    assert curve.sign(key, order, seed=32) == (r, s)
    assert curve.get_public_key(key) == 0x2C144D2F2D4FC61B6F8967F3BA0012A87D90140BCFE5A3E92E8DF83258C960F


def test_without_a_seed_the_signature_differs_and_is_as_valid():
    key, message = 0x1234567, 0x7654321
    r, s = curve.sign(key, message)
    assert (r, s) != curve.sign(key, message, seed=32)
    assert curve.verify(curve.get_public_key(key), message, r, s)
