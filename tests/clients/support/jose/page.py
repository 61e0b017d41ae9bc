"""Writes what was measured into docs/reference/interoperability.md, between the marks, and reads it back."""

import pathlib
import re

from .algorithms import ENCS, MANAGEMENT, OURS, SIGNATURES
from .measure import NOTHING, wrong

PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs/reference/interoperability.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
FORMS = {
    "compact": "compact", "flattened": "flattened JSON", "general": "general JSON, two signatures", "detached": "detached payload",
    "unencoded": "unencoded payload, detached (RFC 7797)", "unencoded_json": "unencoded payload in JSON (RFC 7797)",
}
ENCRYPTED_FORMS = {"compact": "compact", "flattened": "flattened JSON", "general": "general JSON, two recipients"}


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def library_table(versions):
    return table(["library", "version", "from", "on"], [[name, f"`{told['version']}`", told["source"], told["runtime"] or "–"] for name, told in versions.items()])


def known_table(title, names, libraries, known):
    """Rows of names, columns of libraries; our own knows all."""
    libraries = [library for library in libraries if any(known(library, name) for name in names)]
    rows = [[f"`{name}`", "yes", *("yes" if known(library, name) else NOTHING for library in libraries)] for name in names]
    return table([title, OURS, *(library.name for library in libraries)], rows)


def forms_table(title, forms, libraries, known):
    libraries = [library for library in libraries if known(library)]
    return table([title, OURS, *(library.name for library in libraries)], [[said, "yes", *("yes" if form in known(library) else NOTHING for library in libraries)] for form, said in forms.items()])


def outcome_table(measured, columns):
    """`measured` is a list of (case, {library: outcome})."""
    rows = [[case.name, f"{case.should} ({case.source})", *(f"**{seen[name]}**" if wrong(case, seen[name]) else seen[name] for name in columns)] for case, seen in measured]
    return table(["token", "should", *columns], rows)


def counted(sections, columns):
    """How often each does what it should not, of the tokens about which the source leaves no choice."""
    asked = [(case, seen) for _, measured in sections for case, seen in measured if case.should != "may"]
    rows = [
        [name, str(sum(seen[name] != NOTHING for _, seen in asked)), str(sum(wrong(case, seen[name]) and case.should == "refuse" for case, seen in asked)), str(sum(wrong(case, seen[name]) and case.should == "accept" for case, seen in asked))]
        for name in columns
    ]
    return table(["library", "tokens asked about", "accepted and should not be", "refused and should not be"], rows)


def cannot_write_zip(libraries):
    names = [library.name for library in libraries if library.management and not library.writes_zip]
    return f"; what {', '.join(names)} writes under that header is not compressed, and nobody reads it" if names else " and writes it"


def rendered(date, versions, libraries, sections):
    columns = [OURS, *(library.name for library in libraries)]
    parts = [
        f"Measured on {date}.",
        library_table(versions),
        "### Both ways: signatures",
        known_table("`alg`", SIGNATURES, libraries, lambda library, name: name in library.signatures),
        forms_table("form", FORMS, libraries, lambda library: library.forms),
        "### Both ways: encryption",
        known_table("`alg`", MANAGEMENT, libraries, lambda library, name: name in library.management),
        "Each of them knows every `enc`: " + ", ".join(f"`{enc}`" for enc in ENCS) + ". Each reads `zip` `DEF`" + cannot_write_zip(libraries) + ".",
        forms_table("form", ENCRYPTED_FORMS, libraries, lambda library: library.encrypted_forms),
        "### Who accepts what",
        counted(sections, columns),
    ]
    for title, measured in sections:
        with_opinion = [name for name in columns if any(seen[name] != NOTHING for _, seen in measured)]
        parts += [f"#### {title}", outcome_table(measured, with_opinion)]
    return "\n\n".join(parts)


def read():
    """The part between the marks."""
    page = PAGE.read_text()
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip()


def write(generated):
    page = PAGE.read_text()
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n{generated}\n{page[end:]}")


def said_versions(text):
    """What the page says it was measured with: {library: (version, runtime)}."""
    return {name: (version, "" if runtime == "–" else runtime) for name, version, runtime in re.findall(r"^\| ([^|]+) \| `([^`]*)` \| [^|]+ \| ([^|]+) \|$", text, re.M)}


def columns_of(text, name):
    """Every cell in the column of a library, with the first cell of its row: to compare two pages where one library differs."""
    found, at = [], None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else None
        if cells is None:
            at = at if line.startswith("|---") else None
        elif at is None:
            at = cells.index(name) if name in cells else -1
        elif at >= 0:
            found.append((cells[0], cells[at]))
    return found
