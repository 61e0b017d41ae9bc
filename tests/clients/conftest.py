"""One gateway for the whole run: the real binary on free loopback ports, in a temporary directory, with real issuers
and upstreams around it."""

import pytest

from support.ai_gateway import AiGateway, Simulated
from support.gateway import Gateway
from support.jose.ours import Ours
from support.jose.tries import Keyring
from support.keys import Issuers
from support.live_issuer import LiveIssuer
from support.upstream import Upstream


def pytest_addoption(parser):
    parser.addoption("--write-compliance", action="store_true", help="write what the compliance suite says into docs/reference/compliance.md")
    parser.addoption("--matrix", action="store_true", help="every case of every AI client at every provider's format, not the sample alone")
    parser.addoption("--write-interop", action="store_true", help="write what is measured into docs/reference/interoperability.md")


@pytest.fixture(scope="session")
def upstream():
    with Upstream() as server:
        yield server


@pytest.fixture(scope="session")
def issuers(tmp_path_factory):
    return Issuers(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def live_issuer():
    with LiveIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, upstream, issuers, live_issuer):
    with Gateway(tmp_path_factory.mktemp("gateway"), upstream, issuers, live_issuer) as running:
        for name in ("ada", "eve", "Grace"):
            running.create_user(name)
        yield running


@pytest.fixture(scope="session")
def simulated():
    with Simulated() as simulators:
        yield simulators


@pytest.fixture(scope="session")
def ai_gateway(tmp_path_factory, simulated, issuers):
    with AiGateway(tmp_path_factory.mktemp("ai_gateway"), simulated, issuers) as running:
        running.create_user("ada")
        yield running


@pytest.fixture(scope="session")
def ai_gateway_tls(tmp_path_factory, simulated, issuers):
    """The same behind TLS: boto3 gives a bearer token to nobody else."""
    with AiGateway(tmp_path_factory.mktemp("ai_gateway_tls"), simulated, issuers, tls=True) as running:
        running.create_user("ada")
        yield running


@pytest.fixture()
def token(issuers):
    """A good token of `ada`."""
    return issuers.token("ES256", sub="ada")


@pytest.fixture(scope="session")
def ours(tmp_path_factory):
    """Our side of the JOSE suites: the workbench of a gateway of its own."""
    with Ours(tmp_path_factory.mktemp("workbench")) as running:
        yield running


@pytest.fixture(scope="session")
def keyring(ours):
    return Keyring(ours)
