"""Small things that the suites do again and again."""

from .crafts import b64, unb64
from .worker import Refused


def refuses(side, op, **members):
    """Whether it says no: by an answer, not by silence."""
    try:
        side.ask(op, **members)
    except Refused:
        return True
    return False


def altered(token, part):
    """With one bit of one part turned over; the spelling stays right."""
    parts = token.split(".")
    raw = bytearray(unb64(parts[part]))
    raw[len(raw) // 2] ^= 4
    parts[part] = b64(bytes(raw))
    return ".".join(parts)


class Keyring:
    """Keys made once for each side and kind: `keyring(side, spec)`. A side that makes none gets one made by `ours`."""

    def __init__(self, ours):
        self.ours, self.keys = ours, {}

    def __call__(self, side, spec):
        maker = side if side.generates(spec) else self.ours
        place = (maker.name, tuple(spec.items()))
        if place not in self.keys:
            self.keys[place] = maker.ask("generate", **spec)["key"]
        return self.keys[place]
