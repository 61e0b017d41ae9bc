"""Every token of the corpus given to every library."""

from .algorithms import MANAGEMENT, SIGNATURES, public
from .cases import ACCEPT
from .worker import Refused, Silent

ACCEPTS, REFUSES, THROWS, CRASHES, HANGS, NOTHING = "accepts", "refuses", "throws", "crashes", "hangs", "–"
# Longer than anything honest takes, on a busy machine too; what hangs here hangs for minutes.
PATIENCE = 60


def knows(library, alg):
    return alg == "RSA1_5" or alg in {SIGNATURES[name][0] for name in library.signatures} | {MANAGEMENT[name][0] for name in library.management}


def outcome(library, case):
    """What it does with the token, or that the question does not arise: it lacks the algorithm, or what is tried."""
    if case.kind == "jwe" and not library.management or not knows(library, case.alg) or case.jwt_only and not library.claims:
        return NOTHING
    if case.jwk and not library.takes_jwk:
        return NOTHING
    key = case.jwk or (None if library.claims else public(case.key.jwk))
    material = {"key": key} if key else {"secret": case.key.secret} if case.key.secret is not None else {"pem": case.key.pem}
    if case.kind == "jwe":
        material["enc"] = case.enc
    if case.audience:
        material["audience"] = case.audience
    try:
        library.worker.ask("accept", kind=case.kind, token=case.token, alg=case.alg, timeout=PATIENCE, **material)
    except Refused as refused:
        return REFUSES if refused.own else THROWS
    except Silent as silent:
        return str(silent)
    return ACCEPTS


def wrong(case, seen):
    """Whether that is not what the source demands. To be refused by whatever error is to be refused."""
    if seen == NOTHING:
        return False
    if seen in (CRASHES, HANGS):
        return True
    accepted = seen == ACCEPTS
    return case.should in ("accept", "refuse") and accepted != (case.should == ACCEPT)
