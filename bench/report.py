"""The table: medians, ratios to nginx in the same run, and what is held against a target."""

import statistics

BASE = "nginx"


def median(runs, *path):
    values = []
    for r in runs or []:
        for key in path:
            r = r.get(key) if isinstance(r, dict) else None
        if r is not None:
            values.append(r)
    return statistics.median(values) if values else None


def show(v, digits=0):
    return "–" if v is None else f"{v:,.{digits}f}"


def per_call(runs):
    """CPU µs of the gateway per call."""
    values = [r["process"]["gateway"]["cpu"] / r["rps"] * 1e6 for r in runs or [] if r["rps"] and "gateway" in r["process"]]
    return statistics.median(values) if values else None


def added(own, scenario, q):
    """Latency in µs over the direct call at the same rate, measured next to it."""
    with_gateway, direct = median(own.get(scenario), "latency_us", q), median(own.get(scenario + " direct"), "latency_us", q)
    return with_gateway - direct if with_gateway is not None and direct is not None else None


def errors(runs):
    return sum(sum(r["errors"].values()) for r in runs or [])


METRICS = [
    # (row, digits, value of a gateway's results, ratio shown, for direct too)
    ("requests/s, 32 connections", 0, lambda r: median(r.get("c32"), "rps"), True),
    ("requests/s, 128 connections", 0, lambda r: median(r.get("c128"), "rps"), True),
    ("requests/s, 32 connections, a fresh token per call", 0, lambda r: median(r.get("c32 fresh"), "rps"), False),
    ("CPU µs per call, 32 connections", 1, lambda r: per_call(r.get("c32")), True),
    ("CPU µs per call, 128 connections", 1, lambda r: per_call(r.get("c128")), True),
    ("CPU µs per call, everybody at 3,000 requests/s", 1, lambda r: per_call(r.get("steady")), True),
    ("CPU µs per call, at 3,000 requests/s, a fresh token per call", 1, lambda r: per_call(r.get("steady fresh")), False),
    ("CPU µs per call, a fresh token per call", 1, lambda r: per_call(r.get("c32 fresh")), False),
    ("rate of the latency rows, requests/s", 0, lambda r: median(r.get("quarter"), "rps"), False),
    ("p50 added, µs", 0, lambda r: added(r, "quarter", "p50"), True),
    ("p99 added, µs", 0, lambda r: added(r, "quarter", "p99"), True),
    ("p99.9 added, µs", 0, lambda r: added(r, "quarter", "p999"), True),
    ("p50 added, fresh tokens, µs", 0, lambda r: added(r, "quarter fresh", "p50"), False),
    ("p99 added, fresh tokens, µs", 0, lambda r: added(r, "quarter fresh", "p99"), False),
    ("100 streams: time to first event p50, µs", 0, lambda r: median(r.get("streams"), "ttft_us", "p50"), True),
    ("100 streams: time to first event p99, µs", 0, lambda r: median(r.get("streams"), "ttft_us", "p99"), True),
    ("100 streams at full speed: chunks/s", 0, lambda r: median(r.get("flood"), "chunks_per_s"), True),
    ("memory idle, MiB", 1, lambda r: median(r.get("start"), "rss_idle_mib"), True),
    ("memory under load (128 connections), MiB", 1, lambda r: median(r.get("c128"), "process", "gateway", "rss_peak_mib"), True),
    ("memory with 2,000 open streams, MiB", 1, lambda r: median(r.get("open"), "process", "gateway", "rss_peak_mib"), True),
    ("start to first answer, ms", 0, lambda r: (lambda s: s and s * 1e3)(median(r.get("start"), "seconds")), True),
    ("failed calls", 0, lambda r: sum(errors(v) for k, v in r.items() if k != "start"), False),
]


def gateways(results):
    return [name for name in results if name not in ("machine", "crypto")]


def table(results):
    names = gateways(results)
    base = results.get(BASE, {})
    out = ["| | " + " | ".join(names) + " |", "|---" + "|---:" * len(names) + "|"]
    for row, digits, value, ratio in METRICS:
        cells = []
        for name in names:
            v, b = value(results[name]), value(base) if base else None
            cells.append(show(v, digits) + (f" ({v / b:.2f}×)" if ratio and v and b and b > 0 and name not in (BASE, "direct") else ""))
        if any(cell != "–" for cell in cells):
            out.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def targets(results):
    """(what, measured, bound, held) with everything on: for the plain API route, and for streams of AI."""
    own, base = results.get("portcullis", {}), results.get(BASE, {})
    es256 = next((v for k, v in results.get("crypto", {}).items() if "ES256" in k and "parsed once" in k), None)
    cpu, cpu_base, fresh = per_call(own.get("c32")), per_call(base.get("c32")), per_call(own.get("c32 fresh"))
    steady, steady_base, steady_fresh = per_call(own.get("steady")), per_call(base.get("steady")), per_call(own.get("steady fresh"))
    p99, p99_base = added(own, "quarter", "p99"), added(base, "quarter", "p99")
    direct = median(results.get("direct", {}).get("streams"), "ttft_us", "p99")

    def first(name):
        there = median(results.get(name, {}).get("streams"), "ttft_us", "p99")
        return there - direct if there is not None and direct is not None else None

    def open_streams(name):
        return median(results.get(name, {}).get("open"), "process", "gateway", "rss_peak_mib")

    rows = [
        ("CPU per call with a known token at full speed, × nginx", cpu / cpu_base if cpu and cpu_base else None, 1.7, 2),
        ("CPU per call with a known token at 3,000 requests/s, × nginx", steady / steady_base if steady and steady_base else None, 1.7, 2),
        ("CPU that a fresh token adds at 3,000 requests/s, × one raw ES256 verification", (steady_fresh - steady) / es256 if steady_fresh and steady and es256 else None, 1.2, 2),
        ("CPU that a fresh token adds, each at full speed, × one raw ES256 verification", (fresh - cpu) / es256 if fresh and cpu and es256 else None, 1.2, 2),
        ("p99 added at a quarter of the maximum, µs (or 2 × nginx's)", p99, max(500, 2 * (p99_base or 0)), 0),
        ("memory idle, MiB", median(own.get("start"), "rss_idle_mib"), 40, 1),
        ("memory with 2,000 open streams, MiB", open_streams("portcullis ai"), 150, 1),
        ("the same, translated, MiB", open_streams("portcullis translated"), 150, 1),
        ("p99 added to the first event, 100 streams of 50 chunks/s, µs", first("portcullis ai"), 1_000, 0),
        ("the same, translated, µs", first("portcullis translated"), 1_000, 0),
        ("start to first answer, ms", (median(own.get("start"), "seconds") or 0) * 1e3 or None, 300, 0),
    ]
    return [(what, show(v, d), show(bound, d if d < 2 else 1), "–" if v is None else "yes" if v <= bound else "**no**") for what, v, bound, d in rows]


def write(page, results):
    m = results["machine"]
    raw = next((v for k, v in results["crypto"].items() if "ES256" in k and "parsed once" in k), None)
    lines = [
        f"Measured {m['date']} on {m['cores']} cores of {m['cpu']}, {m['memory_gib']} GiB, Linux {m['kernel']}; "
        f"one raw ES256 verification costs {show(raw, 1)} µs here. Medians of interleaved rounds; in brackets the ratio to nginx in the same run.",
        "",
        table(results),
        "",
        "| target | measured | bound | held |",
        "|---|---:|---:|---|",
        *("| " + " | ".join(row) + " |" for row in targets(results)),
    ]
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    text = page.read_text() if page.exists() else f"# Performance\n\n{begin}\n{end}\n"
    head, rest = text.split(begin)
    page.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])
