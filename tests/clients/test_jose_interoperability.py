"""Who accepts what: the same tokens, good and bad, for everybody; and the page that says so."""

import datetime
import warnings
from itertools import zip_longest

import pytest
from support.jose import page
from support.jose.algorithms import OURS
from support.jose.cases import ACCEPT
from support.jose.corpus import Keys, corpus
from support.jose.corpus_encrypted import encrypted
from support.jose.libraries import LIBRARIES
from support.jose.measure import ACCEPTS, outcome


@pytest.fixture(scope="module")
def sections():
    keys = Keys()
    return [*corpus(keys), ("Encryption", list(encrypted(keys)))]


@pytest.fixture(scope="module")
def measured(ours, sections):
    everybody = [ours, *LIBRARIES.values()]
    return [(title, [(case, {library.name: outcome(library, case) for library in everybody}) for case in cases]) for title, cases in sections]


def test_ours_does_as_it_should(measured):
    wrong = [f"{title}: {case.name}: {seen[OURS]}" for title, cases in measured for case, seen in cases if (seen[OURS] == ACCEPTS) != (case.ours == ACCEPT)]
    assert not wrong, "\n".join(wrong)


def test_the_names_of_tokens_are_unique(sections):
    for title, cases in sections:
        names = [case.name for case in cases]
        assert len(set(names)) == len(names), title


WRITE = "write it again: scripts/test-clients -k interoperability --write-interop"


def test_the_page_says_what_is_measured(request, measured):
    versions = {library.name: library.worker.ask("version") | {"source": library.source} for library in LIBRARIES.values()}
    fresh = page.rendered(datetime.date.today().isoformat(), versions, list(LIBRARIES.values()), measured)
    if request.config.getoption("--write-interop"):
        page.write(fresh)
    written = page.read()
    was, elsewhere = page.said_versions(written), []
    for name in [OURS, *LIBRARIES]:
        if name != OURS:
            now = (versions[name]["version"], versions[name]["runtime"])
            if was.get(name) != now and brought_by_the_machine(LIBRARIES[name], was.get(name), now):
                elsewhere.append(f"{name} is {now} here and was {was[name]} when the page was written")
                continue
            assert was.get(name) == now, f"{name}: {was.get(name)} on the page, {now} installed; {WRITE}"
        pairs = zip_longest(page.columns_of(fresh, name), page.columns_of(written, name))
        differing = [pair for pair in pairs if pair[0] != pair[1]]
        assert not differing, f"{name} is measured otherwise than the page says (measured, page): {differing[:5]}; {WRITE}"
    if elsewhere:
        warnings.warn(f"not compared with the page: {'; '.join(elsewhere)}", stacklevel=1)
    else:
        assert undated(fresh) == undated(written), WRITE


def brought_by_the_machine(library, was, now):
    """Whether the versions differ only in what nothing here pins: Debian's package, the platform that a library runs on."""
    return was is not None and (library.source == "Debian" or was[0] == now[0])


def undated(generated):
    return generated.split("\n", 1)[1]
