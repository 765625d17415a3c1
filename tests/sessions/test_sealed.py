import json

import pytest

from tsuzuki.sessions.sealed import NotSealedError, is_sealed, seal, unseal

BODY = b'{"a":1,"b":[2]}'


def test_round_trip_is_json():
    data = seal(BODY)
    assert is_sealed(data)
    assert unseal(data) == BODY
    assert json.loads(data).keys() == {"checksum", "a", "b"}


def test_every_flipped_bit_is_seen():
    data = seal(BODY)
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises(NotSealedError):
                unseal(bytes(flipped))


def test_every_cut_is_seen():
    data = seal(BODY)
    for length in range(len(data)):
        with pytest.raises(NotSealedError):
            unseal(data[:length])
