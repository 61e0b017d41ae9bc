#!/usr/bin/env python3
"""Measure Portcullis beside nginx (and whoever else is installed) on this machine, and print one table.

Every round visits every gateway: start it on a CPU of its own, run all scenarios, stop it. What is shown are medians
over the rounds, so a slow drift of the machine hits all alike. Only the Python standard library is needed.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

import harness
import report
from harness import HERE

# name -> what loadgen is asked. {quarter} is a quarter of the gateway's own maximum at 32 connections. Scenarios named
# "… fresh" use a new token for every call and are run where the gateway checks tokens.
CHAT = "--chat-bytes 300"
SCENARIOS = {
    "c32": f"--connections 32 {CHAT} --token-limit 1",
    "c32 fresh": f"--connections 32 {CHAT}",
    "c128": f"--connections 128 {CHAT} --token-limit 1",
    # The same rate for everybody: below saturation a call's wake-ups cost more than its work.
    "steady": f"--connections 32 {CHAT} --rate 3000 --token-limit 1",
    "steady fresh": f"--connections 32 {CHAT} --rate 3000",
    "quarter": f"--connections 32 {CHAT} --rate {{quarter}} --token-limit 1",
    "quarter fresh": f"--connections 32 {CHAT} --rate {{quarter}}",
    "flood": f"--connections 100 {CHAT} --stream --expect-chunks 50 --token-limit 1",
    # 100 streams of one second: 50 chunks, 20 ms apart.
    "streams": f"--connections 100 {CHAT} --stream --expect-chunks 50 --stagger-ms 1000 --token-limit 1",
    # 2,000 streams that stay open for 8 s: what an open stream costs in memory.
    "open": f"--connections 2000 {CHAT} --stream --expect-chunks 8 --stagger-ms 2000 --warmup 2 --duration 6 --token-limit 1",
}
# A gateway may drop headers and queries that it does not know, so paced answers come from upstreams of their own.
UPSTREAMS = {"fast": [], "paced": ["--gap-ms", "20"], "slow": ["--gap-ms", "1000", "--chunks", "8", "--chunk-bytes", "512"]}
USES = {"streams": "paced", "open": "slow"}


def visit(bench, gateway, results):
    own = results.setdefault(gateway["name"], {})
    for upstream in UPSTREAMS:
        group = {k: v for k, v in SCENARIOS.items() if USES.get(k, "fast") == upstream}
        group = {k: v for k, v in group.items() if bench.wanted_scenario(k) and ("tokens" in gateway or "fresh" not in k)}
        if not group:
            continue
        with bench.upstream(UPSTREAMS[upstream]) as mock, bench.running(gateway, mock.port) as served:
            if served.process:
                time.sleep(5)  # until what starting took is given back
                own.setdefault("start", []).append({"seconds": served.took, "rss_idle_mib": harness.rss_mib(served.process.pid)})
            for scenario, asked in group.items():
                # Of its own maximum, which with fresh tokens is another one.
                best = report.median(own.get("c32 fresh" if "fresh" in scenario else "c32"), "rps")
                if served.process:
                    bench.settled(served.process.pid)
                if "{quarter}" in asked:
                    if not best:
                        continue
                    asked = asked.replace("{quarter}", f"{best / 4:.0f}")
                    if served.process:  # the same rate without a gateway, next to it in time
                        own.setdefault(scenario + " direct", []).append(bench.load(None, served.direct(), asked, mock))
                result = bench.load(gateway, served, asked, mock)
                show(gateway["name"], scenario, result)
                if result.get("reused"):
                    print(f"{gateway['name']}, {scenario}: does not count, the tokens were through; give more with --tokens", file=sys.stderr)
                    continue
                own.setdefault(scenario, []).append(result)


def show(name, scenario, r):
    latency = r["latency_us"] or {"p50": 0, "p99": 0}
    cpu = r["process"].get("gateway", {"cpu": 0})["cpu"]
    per_call = f"{cpu / r['rps'] * 1e6:6.1f} µs CPU a call" if r["rps"] and cpu else ""
    errors = f"  errors {r['errors']}" if r["errors"] else ""
    print(f"  {name:16} {scenario:14} {r['rps']:9.0f}/s  p50 {latency['p50']:7.0f}  p99 {latency['p99']:7.0f} µs  {per_call}{errors}", file=sys.stderr)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--gateways", default=HERE / "gateways.toml", help="list of gateways")
    p.add_argument("--only", action="append", help="regular expression of a gateway's whole name; repeatable (default: those marked `default`)")
    p.add_argument("--all", action="store_true", help="every gateway of the list that is installed")
    p.add_argument("--scenario", action="append", help="only this scenario; repeatable")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--duration", type=float, default=4, help="seconds measured per scenario")
    p.add_argument("--warmup", type=float, default=1)
    p.add_argument("--gateway-cpu", default="0")
    p.add_argument("--load-cpu", default="1", help="for the upstream and the load generator")
    p.add_argument("--users", type=int, default=1000, help="users in the directory")
    p.add_argument("--tokens", type=int, default=100000, help="pre-minted tokens; each is fresh once for every process that is measured")
    p.add_argument("--noise", type=float, default=0.15, help="measure again when other processes use more CPUs than this")
    p.add_argument("--attempts", type=int, default=4, help="but no more often than this")
    p.add_argument("--max-wait", type=float, default=120, help="wait so long for a quiet machine before each gateway")
    p.add_argument("--out", help="write raw results to this JSON file after every round")
    p.add_argument("--show", help="print the table of an earlier --out file and stop")
    p.add_argument("--write", help="write the table, with machine and date, into this page")
    return p.parse_args()


def selected(args):
    listing = tomllib.loads(pathlib.Path(args.gateways).read_text())
    gateways = listing["gateway"]
    if args.only:
        gateways = [g for g in gateways if any(re.fullmatch(p, g["name"]) for p in args.only)]
    elif not args.all:
        gateways = [g for g in gateways if g.get("default")]
    return listing.get("defaults", {}), gateways


def main():
    args = arguments()
    if args.show:
        return print(report.table(json.loads(pathlib.Path(args.show).read_text())))
    environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
    target = harness.target_dir()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=HERE, check=True, env=environment | {"CARGO_TARGET_DIR": str(target)})
    defaults, gateways = selected(args)
    bench = harness.Bench(args, target / "release", defaults)
    bench.mint()
    results, missing = {"machine": harness.machine()}, set()
    try:
        results["crypto"] = bench.crypto()
        for n in range(args.rounds):
            print(f"round {n + 1} of {args.rounds}", file=sys.stderr)
            for gateway in gateways:
                if gateway["name"] in missing:
                    continue
                bench.quiet()
                try:
                    visit(bench, gateway, results)
                except (RuntimeError, KeyError, FileNotFoundError) as e:
                    print(f"  left out: {gateway['name']}: {e}", file=sys.stderr)
                    missing.add(gateway["name"])
            if args.out:
                pathlib.Path(args.out).write_text(json.dumps(results))
    except KeyboardInterrupt:
        pass
    print(report.table(results))
    if args.write:
        report.write(pathlib.Path(args.write), results)
    return 1 if any(name.startswith("portcullis") for name in missing) else 0


if __name__ == "__main__":
    sys.exit(main())
