"""JSON objects that carry the checksum of themselves as their first member."""

from __future__ import annotations

import hashlib
import re

_HEAD = b'{"checksum":"'
_BODY = len(_HEAD) + 64 + 2
_LIKE_A_CHECKSUM = re.compile(rb'\{"[^"]{8}":"[0-9a-f]{64}",')


class NotSealedError(ValueError):
    """The bytes are not what was written; the message says in what way."""


def seal(body: bytes) -> bytes:
    """Put the checksum (SHA-256) of a JSON object with members, UTF-8, into it."""
    digest = hashlib.sha256(body).hexdigest().encode()
    return _HEAD + digest + b'",' + body[1:]


def is_sealed(data: bytes) -> bool:
    """Whether ``data`` has a checksum, right or wrong, be it that a bit of its key has changed."""
    return data.startswith(_HEAD) or _LIKE_A_CHECKSUM.match(data) is not None


def unseal(data: bytes) -> bytes:
    """Return the object that `seal` was given; `NotSealedError` if a bit of it has changed."""
    if not data.startswith(_HEAD):
        raise NotSealedError("it has no checksum")
    body = b"{" + data[_BODY:]
    if data[:_BODY] != _HEAD + hashlib.sha256(body).hexdigest().encode() + b'",':
        raise NotSealedError("its checksum does not agree with its contents")
    return body
