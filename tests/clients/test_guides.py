"""The commands in the guides, as whoever pastes them finds them: each is one that the binary has, with flags that it has."""

import pathlib
import re
import shlex
import subprocess

import pytest
from support.gateway import BINARY

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("docs/guides/*.md"), *ROOT.glob("docs/concepts/*.md"), *ROOT.glob("examples/*.*"), ROOT / "README.md"]
FENCED = re.compile(r"```sh\n(.*?)```", re.S)
INLINE = re.compile(r"`(portcullis [^`]+)`")
BETWEEN = re.compile(r"[|;&()#<>]")
PLACE = re.compile(r"<[\w -]+>")


def commands(text):
    lines = [line.strip() for block in FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    lines += INLINE.findall(text) + [line for line in text.splitlines() if line.startswith("#")]
    for line in lines:
        for part in BETWEEN.split(PLACE.sub("PLACE", line)):
            if re.match(r"\s*portcullis [a-z]", part):
                yield part.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_there(page):
    for command in dict.fromkeys(commands(page.read_text())):
        done = subprocess.run([BINARY, *shlex.split(command)[1:], "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_there_are_commands():
    assert sum(len(list(commands(page.read_text()))) for page in PAGES) > 60
