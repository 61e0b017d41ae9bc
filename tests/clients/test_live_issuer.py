"""A real OpenID provider beside the gateway, its keys rotated while calls are under way."""

import http.client
import threading
import time

from support.gateway import eventually, timed, within_a_second


def test_users_and_machines(gateway, live_issuer):
    assert gateway.bearer(live_issuer.token("ada"), path="/forwarding").status == 200
    # The machine's `sub` is its client id. Even when a user has that very id, a machine is never a user.
    gateway.create_user("robot")
    machine = live_issuer.machine_token()
    refused = gateway.bearer(machine, path="/forwarding")
    assert refused.status == 401 and gateway.code(refused) == "subject_unresolved"
    application = gateway.cli("app", "create", "--tenant", "acme", "robot-app")
    gateway.cli("app", "link", "--tenant", "acme", "robot-app", "--issuer", "live", "--client", "robot")
    answers = []
    eventually(lambda: answers.append(gateway.bearer(machine, path="/-/whoami")) or answers[-1].status == 200)
    assert answers[-1].status == 200, answers[-1].text
    who = gateway.whoami(machine)
    assert who["application"]["id"] == application["id"] and who.get("user") is None


def test_rotation_during_traffic(gateway, live_issuer):
    """No good token is refused while keys rotate; a removed key is refused within its set's life."""
    old = live_issuer.token("ada")
    stop, wrong, count = threading.Event(), [], [0]

    def traffic():
        while not stop.is_set():
            answer = gateway.bearer(live_issuer.token("ada"), path="/forwarding")
            count[0] += 1
            # Told to wait is no refusal, but it must say for how long.
            if answer.status != 200 and not (answer.status == 503 and answer.headers["retry-after"]):
                wrong.append((answer.status, answer.text))

    callers = [threading.Thread(target=traffic) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        assert eventually(lambda: count[0] > 10)
        live_issuer.ask("/test/rotate", "POST")
        new = live_issuer.token("ada")
        assert gateway.bearer(new, path="/forwarding").status in (200, 503)
        assert gateway.bearer(old, path="/forwarding").status == 200, "the previous key is still published"
        before, until = count[0], time.monotonic() + 1.5
        assert eventually(lambda: count[0] > before + 10 and time.monotonic() > until)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert not wrong, wrong[:3]
    assert gateway.bearer(live_issuer.token("ada"), path="/forwarding").status == 200


def test_an_unknown_kid_storm_is_few_fetches(gateway, issuers, live_issuer):
    before = live_issuer.ask("/test/fetches")["fetches"]
    now, began = int(time.time()), time.monotonic()
    claims = {"iss": live_issuer.url, "aud": live_issuer.audience, "sub": "ada", "iat": now, "exp": now + 600, "client_id": "x", "jti": "x"}
    for n in range(60):
        answer = gateway.bearer(issuers.raw({"alg": "ES256", "kid": f"storm-{n}", "typ": "at+jwt"}, claims), path="/forwarding")
        assert answer.status in (401, 503), answer.text
    assert live_issuer.ask("/test/fetches")["fetches"] - before <= 4 + (time.monotonic() - began) / 10, "one in ten seconds, and what is asked for anyway"


def first_finding(gateway, token):
    told = gateway.cli("doctor", token)
    return told["findings"][0]["code"] if told["findings"] else None, told


def test_the_doctor_tells_a_rotated_key_from_one_that_never_was(gateway, issuers, live_issuer):
    old = live_issuer.token("ada")
    assert gateway.bearer(old, path="/forwarding").status == 200
    live_issuer.ask("/test/rotate", "POST")
    live_issuer.ask("/test/forget", "POST")
    # The first token of the new key makes the gateway look, within its ration.
    assert eventually(lambda: gateway.bearer(live_issuer.token("ada"), path="/forwarding").status == 200), "the new key is not found"
    code, told = first_finding(gateway, old)
    assert code == "key_removed" and told["code"] == "key_unknown", told
    now = int(time.time())
    claims = {"iss": live_issuer.url, "aud": live_issuer.audience, "sub": "ada", "iat": now, "exp": now + 60, "client_id": "x", "jti": "x"}
    code, told = first_finding(gateway, issuers.raw({"alg": "ES256", "kid": "never-was", "typ": "at+jwt"}, claims))
    assert code in ("kid_unknown", "signed_by_other_issuer"), told


def served(gateway, token):
    """Whether a call is served whole. One that is under way when its ground is taken away is cut."""
    try:
        return gateway.bearer(token, path="/forwarding").status == 200
    except http.client.IncompleteRead:
        return False


def test_a_distrusted_key_is_refused_at_once(gateway, live_issuer):
    def attempt(_):
        token = live_issuer.token("ada")
        assert eventually(lambda: served(gateway, token)), "the key is not found"
        kid = live_issuer.ask("/test/token", sub="ada")["kid"]
        gateway.cli("issuer", "distrust", "live", kid)
        took = timed(lambda: not served(gateway, token), "a distrusted key is still good")
        live_issuer.ask("/test/rotate", "POST")
        return took

    within_a_second(attempt, "a key distrusted")
