"""The HTTP side, with curl, a WebSocket client and raw sockets."""

import json
import socket
import subprocess
import threading
import time

import pytest
import websockets
import websockets.sync.client
import websockets.sync.server
from support.certificate import certificate
from support.gateway import PATIENCE, Gateway, eventually, within_a_second


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE), *arguments], capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def raw(gateway, data, timeout=PATIENCE):
    """Sends bytes as they are and reads until the gateway closes, or says nothing for a while. (Half-closing would be
    hanging up: the gateway cancels the call of a caller who does that.)"""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout) as s:
        s.sendall(data)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except (ConnectionResetError, TimeoutError):
            pass
        return got.decode("latin-1")


def test_http2_by_prior_knowledge(gateway, token):
    body = json.dumps({"model": "echo", "stream": True, "messages": [{"role": "user", "content": "over two"}]})
    out = curl("--http2-prior-knowledge", "-N", f"{gateway.url}/v1/chat/completions", "-H", f"authorization: Bearer {token}", "-H", "content-type: application/json", "-d", body, "-w", "\n%{http_version} %{http_code}")
    assert out.endswith("2 200") and "data: [DONE]" in out


def test_http2_upgrade_in_the_clear_is_not_taken(gateway, token):
    out = curl("--http2", f"{gateway.url}/orders", "-H", f"authorization: Bearer {token}", "-o", "/dev/null", "-w", "%{http_version} %{http_code}")
    assert out == "1.1 200"


def test_a_stream_comes_as_it_is_made(gateway, token):
    body = json.dumps({"model": "echo", "stream": True, "messages": [{"role": "user", "content": "one two three"}]})
    out = curl("-N", f"{gateway.url}/v1/chat/completions", "-H", f"authorization: Bearer {token}", "-d", body, "-H", "content-type: application/json")
    events = [line for line in out.split("\n\n") if line]
    assert len(events) > 4 and events[-1] == "data: [DONE]"


def test_identity_headers_from_outside_do_not_pass(gateway, upstream, token):
    upstream.take()
    spoofed = {"X-User-Id": "spoof", "x_user_id": "spoof", "X-USER-ROLES": "spoof", "X-Tenant": "spoof", "X-User-External-Id": "spoof", "X-Application-Id": "spoof", "x-user_id": "spoof"}
    assert gateway.bearer(token, **spoofed).status == 200
    (seen,) = upstream.take()
    assert "spoof" not in json.dumps(seen["headers"])
    headers = dict(seen["headers"])
    assert headers["x-user-external-id"] == "ada" and len(headers["x-user-id"]) == 36
    assert "authorization" not in headers
    # Nobody is known on an open route, so nobody is claimed.
    assert gateway.call("GET", "/open", spoofed).status == 200
    (seen,) = upstream.take()
    assert "spoof" not in json.dumps(seen["headers"]) and "x-user-id" not in dict(seen["headers"])


@pytest.mark.parametrize("nominated", ["X-User-Id", "x-user-id, close", "X-User-External-Id, X-User-Roles", "keep-alive, X-User-Id"])
def test_connection_cannot_remove_our_headers(gateway, upstream, token, nominated):
    upstream.take()
    raw(gateway, f"GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: {nominated}, close\r\nX-Private: 1\r\n\r\n".encode())
    (seen,) = upstream.take()
    assert dict(seen["headers"])["x-user-external-id"] == "ada" and len(dict(seen["headers"])["x-user-id"]) == 36


def test_nominated_headers_do_not_pass(gateway, upstream, token):
    upstream.take()
    raw(gateway, f"GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Stays: 1\r\n\r\n".encode())
    (seen,) = upstream.take()
    assert "x-hop" not in dict(seen["headers"]) and dict(seen["headers"])["x-stays"] == "1"


def test_trailers_do_not_carry_identity(gateway, upstream, token):
    upstream.take()
    answer = raw(gateway, f"POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-User-Id\r\n\r\n3\r\nabc\r\n0\r\nX-User-Id: spoof\r\n\r\n".encode())
    assert " 200 " in answer.split("\r\n")[0]
    assert "spoof" not in json.dumps(upstream.take())


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
        "Content-Length: 4, 5",
        "Content-Length: -1",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "X: 1\r\n folded: 1",
    ],
)
def test_smuggling(gateway, upstream, token, framing):
    """What follows a request of two readings is never taken for a request, and its framing never reaches the upstream."""
    upstream.take()
    inner = f"GET /orders/smuggled HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    answer = raw(gateway, f"POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{framing}\r\n\r\n0\r\n\r\n{inner}".encode("latin-1"), timeout=1)
    seen = upstream.take()
    assert not any("smuggled" in s["path"] for s in seen), seen
    assert len(seen) <= 1 and answer.count("HTTP/1.1 200") <= 1, (seen, answer)
    for s in seen:
        names = [name for name, _ in s["headers"]]
        assert not {"content-length", "transfer-encoding"} <= set(names), names


@pytest.mark.parametrize(
    "path",
    ["/orders/../foreign", "/orders/%2e%2e/foreign", "/orders/%2E%2e%2fforeign", "/orders/..%2fforeign", "/orders%2f..%2fforeign", "/orders/..;/foreign", "/orders;x=1/7", "/orders/%5c..%5cforeign", "/orders\\..\\foreign", "//orders", "/orders//7", "/./orders", "/orders/%00", "/orders/%", "/orders/%zz", "/orders/%ff"],
)
def test_paths_with_two_readings(gateway, upstream, token, path):
    upstream.take()
    answer = raw(gateway, f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode())
    assert int(answer.split(" ")[1]) in (400, 404), answer
    assert upstream.take() == []


def test_what_matched_is_what_is_forwarded(gateway, upstream, token):
    upstream.take()
    for path in ("/orders/7", "/orders/caf%C3%A9?q=%2F..%2F&x=;", "/orders/a%20b/", "/orders/~x.y-z_0"):
        assert gateway.bearer(token, path=path).status == 200
    assert [s["path"] for s in upstream.take()] == ["/orders/7", "/orders/caf%C3%A9?q=%2F..%2F&x=;", "/orders/a%20b/", "/orders/~x.y-z_0"]
    assert gateway.bearer(token, path="/orders2").status == 404


def test_forwarding_the_callers_credential(gateway, upstream, token):
    upstream.take()
    assert gateway.bearer(token, path="/forwarding").status == 200
    assert dict(upstream.take()[0]["headers"])["authorization"] == f"Bearer {token}"
    gateway.cli("app", "create", "--tenant", "acme", "forwarder")
    key = gateway.cli("key", "create", "--tenant", "acme", "--app", "forwarder")["secret"]
    assert eventually(lambda: gateway.bearer(key, path="/forwarding").status == 200)
    assert all(key not in json.dumps(seen) for seen in upstream.take()), "an API key of ours is never forwarded"


def test_monitor_lets_through_and_reports(gateway, upstream, issuers):
    upstream.take()
    expired = issuers.token(exp=1)
    assert gateway.bearer(expired, path="/watched").status == 200
    assert gateway.call("GET", "/watched").status == 200
    assert all("x-user-id" not in dict(s["headers"]) for s in upstream.take())

    def found():
        return sorted(record.get("would_refuse") for record in gateway.cli("record", "list", "--service", "watched")["items"])

    eventually(lambda: len(found()) >= 2)
    assert found() == ["credential_missing", "token_expired"]


def test_a_head_section_too_large(gateway):
    assert " 431 " in raw(gateway, b"GET /orders HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n").split("\r\n")[0]
    many = b"".join(b"X-%d: 1\r\n" % i for i in range(300))
    assert " 431 " in raw(gateway, b"GET /orders HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n").split("\r\n")[0]


def test_error_pages(gateway):
    for language, word in (("en", "What it means"), ("zh", "含义")):
        page = gateway.call("GET", "/-/errors/token_expired", {"accept": "text/html", "accept-language": language})
        assert page.status == 200 and page.headers["content-type"].startswith("text/html") and word in page.text
    assert json.loads(gateway.call("GET", "/-/errors/token_expired", {"accept": "application/json"}).text)["code"] == "token_expired"
    assert gateway.call("GET", "/-/errors/token_expired.md").text.startswith("# ")
    assert gateway.call("GET", "/-/errors/no_such_code").status == 404
    link = json.loads(gateway.call("GET", "/orders").text)["type"]
    assert link == "/-/errors/credential_missing", "relative, unless `public_url` says where the gateway is"
    assert gateway.call("GET", link).status == 200


def test_tls_with_http2_and_a_renewed_certificate(tmp_path, upstream, issuers, live_issuer):
    certificate(tmp_path, "first")
    listener = f'[gateway.tls]\ncertificate_file = "{tmp_path}/cert.pem"\nkey_file = "{tmp_path}/key.pem"\n'
    with Gateway(tmp_path, upstream, issuers, live_issuer, listener=listener, scheme="https") as gateway:
        gateway.create_user("ada")
        asked = ["--cacert", tmp_path / "cert.pem", "-H", f"authorization: Bearer {issuers.token(sub='ada')}", f"{gateway.url}/orders", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
        assert curl("--http2", *asked) == "2 200"
        assert curl("--http1.1", *asked) == "1.1 200"
        # A new certificate is taken over while running; the old one is no longer trusted by the caller.
        certificate(tmp_path, "second")
        renewed = ["curl", "-s", "--max-time", str(PATIENCE), *asked]
        assert eventually(lambda: subprocess.run(renewed, capture_output=True).returncode == 0), "the renewed certificate is not served"


@pytest.fixture(scope="module")
def socket_service(tmp_path_factory, upstream, issuers, live_issuer):
    """A gateway of its own in front of a WebSocket echo server."""

    def echo(connection):
        for message in connection:
            connection.send(message)

    with websockets.sync.server.serve(echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        extra = f'\n[[services]]\nname = "talk"\ntenant = "acme"\npath = "/talk"\nupstream = "http://127.0.0.1:{port}"\nwebsocket = true\n'
        with Gateway(tmp_path_factory.mktemp("sockets"), upstream, issuers, live_issuer, extra) as gateway:
            yield gateway
        server.shutdown()


def talk(gateway, token):
    return websockets.sync.client.connect(f"ws://127.0.0.1:{gateway.port}/talk", additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=PATIENCE, close_timeout=5)


def test_websocket(socket_service, issuers):
    socket_service.create_user("ada")
    with talk(socket_service, issuers.token(sub="ada")) as connection:
        for message in ("hello", b"\x00\x01" * 5000, "ü" * 70000):
            connection.send(message)
            assert connection.recv(timeout=PATIENCE) == message


def test_a_websocket_without_a_user_is_refused(socket_service, issuers):
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
        talk(socket_service, issuers.token(sub="nobody"))
    assert caught.value.response.status_code == 401


def test_a_websocket_ends_with_its_user(socket_service, issuers):
    def attempt(number):
        name = f"leaving-{number}"
        user = socket_service.create_user(name)
        with talk(socket_service, issuers.token(sub=name)) as connection:
            connection.send("hello")
            assert connection.recv(timeout=PATIENCE) == "hello"
            socket_service.cli("user", "suspend", user["id"], "--reason", "test")
            began = time.monotonic()
            with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
                connection.recv(timeout=PATIENCE)
            assert caught.value.rcvd.code == 1008
            return time.monotonic() - began

    within_a_second(attempt, "closed after the suspension")


def test_a_websocket_ends_with_its_token(socket_service, issuers):
    socket_service.create_user("expiring")
    with talk(socket_service, issuers.token(sub="expiring", exp=int(time.time()) + 5)) as connection:
        connection.send("hello")
        assert connection.recv(timeout=PATIENCE) == "hello"
        with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
            connection.recv(timeout=PATIENCE)
        assert caught.value.rcvd.code == 1008
