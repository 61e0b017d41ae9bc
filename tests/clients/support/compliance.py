"""Runs the suite `llm-comply` against the gateway, and writes what it says into docs/reference/compliance.md."""

import importlib.metadata
import json
import pathlib
import re
import subprocess
import sys

from .ai_gateway import PROVIDERS

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/reference/compliance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
FORMATS = {
    "openai-chat": ("/openai/v1", [], "gpt-5"),
    "open-responses": ("/openai/v1", [], "gpt-5"),
    "anthropic": ("/anthropic/v1", ["--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01"], "claude-sonnet-4-5"),
    "google-genai": ("/gemini", ["--auth-header", "x-goog-api-key", "--no-bearer"], "gemini-3-flash"),
}
"""The base, how the key is given, and what a model has to be called for the suite to try everything."""
# Where the provider speaks the caller's format bytes pass, and it is the simulator that would be tried.
NOT_TRIED = {("open-responses", "openai")}
EXPLAINED = [
    ("openai-chat", "chat-reasoning-summary", "openai", ""),
    ("openai-chat", "chat-tool-calling", "ollama", ""),
    ("open-responses", "tool-calling", "ollama", ""),
    ("anthropic", "anth-tool-calling", "ollama", ""),
    ("google-genai", "google-tool-calling", "ollama", ""),
    (None, None, None, r"\(model may"),
]
"""Format, test, provider, what it says: the page says why, above the marks."""
PLACED = re.compile(r"((?:^|: )content\.)\d+: \{.*?\}(?= is not)", re.S)


def measured(gateway, key):
    """What it says: format → provider → test → (outcome, why)."""
    program = pathlib.Path(sys.executable).with_name("llm-comply")
    return {form: {via: one_run(program, gateway, key, form, via) for via in PROVIDERS if (form, via) not in NOT_TRIED} for form in FORMATS}


def one_run(program, gateway, key, form, via):
    base, way, name = FORMATS[form]
    call = [program, "-u", gateway.url + base, "-k", key, "-m", f"{name}-via-{via}", "--format", form, "--timeout", "60", "--json", *way]
    done = subprocess.run(call, capture_output=True, text=True, timeout=600)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return {test["id"]: (test["status"], [*test.get("errors", []), *test.get("warnings", [])]) for test in json.loads(done.stdout)["results"]}


def rendered(runs):
    parts = [f"`llm-comply` {importlib.metadata.version('llm-comply')}, through the real binary, at simulators of the providers."]
    for form, by_provider in runs.items():
        tests = list(next(iter(by_provider.values())))
        lines = [f"| {' | '.join(['test', *by_provider])} |", "|" + "---|" * (len(by_provider) + 1)]
        lines += [f"| `{test}` | {' | '.join(outcomes[test][0] for outcomes in by_provider.values())} |" for test in tests]
        parts.append(f"## {form}\n\n" + "\n".join(lines) + "\n\n" + remarks(by_provider))
    return "\n\n".join(parts)


def remarks(by_provider):
    """Each thing that it says, and where."""
    said = {}
    for via, outcomes in by_provider.items():
        for test, (outcome, why) in outcomes.items():
            for one in why:
                said.setdefault(PLACED.sub(r"\1 …", one), {}).setdefault(outcome, []).append(f"{test} at {via}")
    lines = []
    for one, by_outcome in sorted(said.items()):
        where = [f"{outcome}: {', '.join(dict.fromkeys(at)) if len(at) < 4 else f'{len(set(at))} times'}" for outcome, at in sorted(by_outcome.items())]
        lines.append(f"- {one} ({'; '.join(where)})")
    return "It remarks:\n\n" + ("\n".join(lines) or "nothing")


def unexplained(runs):
    """What fails for a reason that `EXPLAINED` does not have."""
    failed = [(form, test, via, one) for form, by in runs.items() for via, tests in by.items() for test, (outcome, why) in tests.items() if outcome == "failed" for one in why]
    return [at for at in failed if not any(all(one in (is_, None) for one, is_ in zip(where, at, strict=False)) and re.search(what, at[3]) for *where, what in EXPLAINED)]


def written():
    return PAGE.read_text().split(BEGIN)[1].split(END)[0].strip()


def write(text):
    head, tail = PAGE.read_text().split(BEGIN)[0], PAGE.read_text().split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")
