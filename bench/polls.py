#!/usr/bin/env python3
"""How long the worker that serves calls computes without coming back for the next one.

Watches the scheduler (`perf`, as root) while the gateway's only worker has a mixture of calls, and the control plane is
asked for what costs most: RSA keys and signatures, passwords stretched by PBES2, tokens. A stretch is the time on the CPU from
one wait to the next; it holds one poll or several, so no poll is longer than the longest stretch. Only the Python standard
library is needed.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import harness
import run as bench_run

CHAT = "--chat-bytes 300 --warmup 0"
CALLS = [
    f"--connections 8 {CHAT} --token-limit 1 --rate 60",
    f"--connections 8 {CHAT} --rate 40",
    f"--connections 4 {CHAT} --stream --expect-chunks 50 --rate 2 --token-limit 1",
    "--connections 2 --chat-bytes 500000 --warmup 0 --rate 5 --token-limit 1",
]
# Beside the operation: seconds that it may well take, elsewhere.
HEAVY = [
    ("/workbench/v1/keys/generate", {"kty": "RSA", "bits": 3072}),
    ("/workbench/v1/encrypt", {"content": {"text": "x"}, "keys": [{"secret": "correct horse battery staple"}], "algorithm": "PBES2-HS512+A256KW", "iterations": 600_000}),
    ("/admin/v1/tokens", {"tenant": "bench", "subject": "user-000001"}),
]
SWITCH = re.compile(r"\[(\d+)\]\s+(\d+\.\d+): sched:sched_switch: .*prev_pid=(\d+) .*prev_state=(\S+) ==> .*next_pid=(\d+)")


def heavy(port, credential, seconds):
    """Asks for each of `HEAVY` in turn; how often each was answered with success."""
    done, until = {path: 0 for path, _ in HEAVY}, time.monotonic() + seconds
    while time.monotonic() < until:
        for path, body in HEAVY:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("POST", path, json.dumps(body), {"authorization": f"Bearer {credential}", "content-type": "application/json"})
            answer = c.getresponse()
            text = answer.read()
            c.close()
            if answer.status not in (200, 201):
                raise RuntimeError(f"{path}: {answer.status} {text.decode()[:300]}")
            done[path] += 1
        time.sleep(0.05)
    return done


def stretches(trace, tids):
    """For each thread, milliseconds on the CPU from one wait to the next, preemption taken off."""
    on, spent, found = {}, dict.fromkeys(tids, 0.0), {tid: [] for tid in tids}
    for line in trace:
        m = SWITCH.search(line)
        if not m:
            continue
        cpu, at, before, state, after = m[1], float(m[2]), int(m[3]), m[4], int(m[5])
        tid, since = on.pop(cpu, (None, 0.0))
        if tid == before:
            spent[tid] += at - since
            if not state.startswith("R"):  # it waits; otherwise somebody else was let in
                found[tid].append(spent[tid] * 1000)
                spent[tid] = 0.0
        elif tid is not None:
            spent[tid] = 0.0  # it left unseen: the trace has a gap
        if after in spent:
            on[cpu] = after, at
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--bound", type=float, default=1.0, help="milliseconds that no stretch may pass")
    asked = p.parse_args()
    sys.argv = ["polls.py", "--noise", "99", "--max-wait", "0", "--rounds", "1", "--duration", str(asked.seconds)]
    args = bench_run.arguments()
    target = harness.target_dir()
    environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=harness.HERE, check=True, env=environment | {"CARGO_TARGET_DIR": str(target)})
    bench = harness.Bench(args, target / "release", {})
    bench.mint()
    _, gateways = bench_run.selected(args)
    gateway = next(g for g in gateways if g["name"] == "portcullis ai")
    with bench.upstream(["--gap-ms", "20"]) as mock, bench.running(gateway, mock.port) as served:
        pid = served.process.pid
        run = pathlib.Path(bench.scratch) / "portcullis-ai"
        control = int(re.search(r'\[control\]\s*listen = "127.0.0.1:(\d+)"', next(run.glob("*.toml")).read_text())[1])
        credential = (run / "data" / "admin-credential").read_text().strip()
        data = bench.scratch / "polls.data"
        watch = subprocess.Popen(
            ["perf", "record", "-q", "-a", "-e", "sched:sched_switch", "-o", data, "--", "sleep", str(asked.seconds)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        with concurrent.futures.ThreadPoolExecutor(len(CALLS) + 1) as pool:
            costly = pool.submit(heavy, control, credential, asked.seconds)
            loads = [pool.submit(bench.load, gateway, served, flags, mock) for flags in CALLS]
            results = [load.result() for load in loads]
            done = costly.result()
        watch.wait()
        tids = [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
        panics = served.panics()
    with subprocess.Popen(["perf", "script", "-i", data, "--ns"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as trace:
        threads = stretches(trace.stdout, tids)
    # Pinned to one CPU it has one worker, and that is the thread which is woken most.
    found = sorted(max(threads.values(), key=len))
    data.unlink()
    if not found:
        raise SystemExit("the scheduler's trace has nothing of the worker: is this root, and is `perf` there?")
    over = [s for s in found if s > asked.bound]
    errors = [r["errors"] for r in results if r["errors"]]
    print(json.dumps({
        "calls": sum(r["ok"] for r in results),
        "errors": errors,
        "panics": panics,
        "costly": done,
        "stretches": len(found),
        "median_ms": round(found[len(found) // 2], 3),
        "p99.9_ms": round(found[int(len(found) * 0.999)], 3),
        "longest_ms": [round(s, 3) for s in found[-5:]],
        "over_bound": len(over),
    }, indent=2))
    return 1 if over or errors or panics else 0


if __name__ == "__main__":
    sys.exit(main())
