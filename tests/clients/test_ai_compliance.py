"""A public compliance suite of AI formats, and the page that says what it finds."""

import pytest
from support import compliance

WRITE = "write it again: scripts/test-clients -k ai_compliance --write-compliance"


@pytest.fixture(scope="module")
def runs(ai_gateway, issuers):
    return compliance.measured(ai_gateway, issuers.token("ES256", sub="ada", exp=4000000000))


def test_nothing_fails_that_is_not_explained(runs):
    assert not compliance.unexplained(runs)


def test_the_page_says_what_is_measured(request, runs):
    fresh = compliance.rendered(runs)
    if request.config.getoption("--write-compliance"):
        compliance.write(fresh)
    assert compliance.written() == fresh, WRITE
