"""What a token is, who should take it, and on whose word."""

from dataclasses import dataclass

ACCEPT, REFUSE, MAY = "accept", "refuse", "may"


@dataclass
class Case:
    """One token for one verifier.

    `should` says what the source demands; `MAY` leaves it to the implementation, and then `ours` says what we do."""

    name: str
    token: str
    key: object
    should: str
    source: str
    alg: str = "ES256"
    enc: str = None
    kind: str = "jwt"
    audience: str = None
    ours: str = None
    # The key has to be given as a JWK, because what the JWK says beside the key is what is tried.
    jwk: dict = None
    # It is about what RFC 7519 adds, of which a library for signatures alone knows nothing.
    jwt_only: bool = False

    def __post_init__(self):
        self.ours = self.ours or self.should
        assert self.ours in (ACCEPT, REFUSE) and self.should in (ACCEPT, REFUSE, MAY), self.name
