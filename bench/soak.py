#!/usr/bin/env python3
"""Soak: the same mixture of calls round after round, for minutes. Nothing may grow, nothing may be lost.

Each round has known tokens, fresh tokens, streams, tokens that are no good, and callers that hang up in the middle. After
each, memory, open files and threads are looked at. At the end the gateway is asked to stop, and the records in its
database are counted: one for each call that was answered, none twice. Only the Python standard library is needed.
"""

import argparse
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import harness
import run as bench_run

CHAT = "--chat-bytes 300 --warmup 0"
# What loadgen is asked. Bad tokens come so slowly that the failure budget of their source lasts.
MIXTURE = {
    "known token": f"--connections 32 {CHAT} --token-limit 1 --rate 1500",
    "fresh tokens": f"--connections 16 {CHAT} --rate 600",
    # Larger than what is reserved, read and worked on in one go.
    "long bodies": "--connections 4 --chat-bytes 500000 --warmup 0 --token-limit 1 --rate 20",
    "streams": f"--connections 100 {CHAT} --stream --expect-chunks 50 --rate 100 --token-limit 1",
    "bad tokens": f"--connections 2 {CHAT} --rate 3 --expect-status 401 --header 'authorization: Bearer e30.e30.e30'",
}
# Calls that 50 callers can begin within the second after which they are gone, and more.
HUNG_UP = 5_000
# How much resident memory may grow from the second round to the last, in MiB and as a share.
GROWTH_MIB, GROWTH = 8, 0.10


def state(pid):
    return {
        "rss_mib": round(harness.rss_mib(pid), 1),
        "files": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
    }


def hang_up(bench, served, asked, after):
    """Callers that are gone in the middle of a stream."""
    command = [bench.bin / "loadgen", f"http://127.0.0.1:{served.port}{served.path}", *asked]
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(after)
        process.send_signal(signal.SIGKILL)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=float, default=180)
    p.add_argument("--phase", type=float, default=5, help="seconds of each kind of call in a round")
    asked = p.parse_args()

    sys.argv = ["soak.py", "--noise", "99", "--max-wait", "0", "--rounds", "1", "--duration", str(asked.phase)]
    args = bench_run.arguments()
    environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
    target = harness.target_dir()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=harness.HERE, check=True, env=environment | {"CARGO_TARGET_DIR": str(target)})
    bench = harness.Bench(args, target / "release", {})
    bench.mint()
    _, gateways = bench_run.selected(args)
    gateway = next(g for g in gateways if g["name"] == "portcullis ai")
    untokened = {k: v for k, v in gateway.items() if k != "tokens"}

    problems, states, answered, hung_up = [], [], 0, 0
    with bench.upstream(["--gap-ms", "2"]) as mock, bench.running(gateway, mock.port) as served:
        answered += 1  # the harness's own first call
        until = time.monotonic() + asked.seconds
        while time.monotonic() < until:
            for name, flags in MIXTURE.items():
                result = bench.load(untokened if name == "bad tokens" else gateway, served, flags, mock)
                answered += result["ok"]
                if result["errors"] or result["streams_without_done"]:
                    problems.append(f"{name}: {result['errors']}, {result['streams_without_done']} streams without an end")
            hang_up(bench, served, ["--connections", "50", "--chat-bytes", "300", "--stream", "--duration", "10", "--tokens", bench.jwt / "es256.tokens"], 1.0)
            hung_up += 1
            states.append(state(served.process.pid))
            print(f"  {len(states):3}. {states[-1]}  {answered} answered", file=sys.stderr, flush=True)
        pid = served.process.pid
        os.killpg(pid, signal.SIGTERM)
        try:
            code = served.process.wait(60)
            if code:
                problems.append(f"the gateway ended with {code}")
        except subprocess.TimeoutExpired:
            problems.append("the gateway did not stop within a minute")

    if panics := served.panics():
        problems.append(f"panics: {panics}")
    data = next(pathlib.Path(bench.scratch).glob("portcullis-ai/data"))
    with sqlite3.connect(data / "portcullis.db") as database:
        records, ids = database.execute("SELECT count(*), count(DISTINCT id) FROM records").fetchone()
        outcomes = dict(database.execute("SELECT outcome, count(*) FROM records GROUP BY outcome"))
    left = [f.name for f in (data / "spool").iterdir() if f.suffix == ".spool" and f.stat().st_size > 8]
    if records != ids:
        problems.append(f"{records} records have only {ids} ids")
    # What was under way when a load or its caller ended has a record too, and nobody counted its answer.
    uncounted = len(states) * sum(int(flags.split()[1]) for flags in MIXTURE.values()) + hung_up * HUNG_UP
    if not answered <= records <= answered + uncounted:
        problems.append(f"{answered} calls were answered, and there are {records} records")
    if left:
        problems.append(f"records were left in the spool: {left}")
    if len(states) > 3:
        first, last = states[1], states[-1]
        if last["rss_mib"] > first["rss_mib"] * (1 + GROWTH) + GROWTH_MIB:
            problems.append(f"memory grew from {first['rss_mib']} to {last['rss_mib']} MiB")
        for what in ("files", "threads"):
            if last[what] > first[what] + 16:
                problems.append(f"{what} grew from {first[what]} to {last[what]}")
    print(json.dumps({"rounds": len(states), "answered": answered, "records": records, "outcomes": outcomes, "last": states[-1], "problems": problems}, indent=2))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
