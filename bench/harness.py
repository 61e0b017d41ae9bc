"""Processes of a measurement: upstream, gateway, load generator, each where it belongs and ended when done."""

import contextlib
import http.client
import json
import os
import pathlib
import platform
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
CHAT = {"max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]}
CHAT_PATH = "/v1/chat/completions"


def target_dir():
    if "CARGO_TARGET_DIR" in os.environ:
        return pathlib.Path(os.environ["CARGO_TARGET_DIR"])
    out = subprocess.run([HERE.parent / "scripts" / "target-dir"], capture_output=True, text=True, check=True)
    return pathlib.Path(out.stdout.strip())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def busy_cpus(seconds=1.0):
    """How many CPUs are busy now."""

    def ticks():
        v = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(v), v[3] + v[4]

    total, idle = ticks()
    time.sleep(seconds)
    total2, idle2 = ticks()
    return (1 - (idle2 - idle) / max(1, total2 - total)) * os.cpu_count()


def rss_mib(root):
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        try:
            total += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            pass
    return total / 2**20


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {
        "cpu": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else None,
        "kernel": platform.release(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


class Served:
    """A gateway that answers: where, and how it is asked."""

    def __init__(self, process, port, upstream, headers=(), path=CHAT_PATH, took=0.0, log=None):
        self.process, self.port, self.upstream = process, port, upstream
        self.headers, self.path, self.took, self.log = list(headers), path, took, log
        self.spent = 1  # tokens that this process has seen, that of the start included

    def panics(self):
        """What it printed of each panic: one call's connection ends with it, which a client may take for something else."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log else []
        return [" ".join(lines[at : at + 2]) for at, line in enumerate(lines) if " panicked at " in line]

    def direct(self):
        return Served(None, self.upstream, self.upstream)


class Bench:
    def __init__(self, args, binaries, defaults):
        self.args, self.bin, self.defaults = args, binaries, defaults
        self.scratch = HERE / ".run"
        self.jwt = self.scratch / "jwt"
        self.scratch.mkdir(exist_ok=True)
        # Gateways are sessions of their own: whoever ends this ends them by its `finally`.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        # 2,000 streams are 4,000 sockets; children inherit the limit.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))

    def wanted_scenario(self, name):
        return not self.args.scenario or name in self.args.scenario or name == "c32" and any("quarter" in s for s in self.args.scenario)

    def mint(self):
        """Keys and tokens, once; again when they no longer last the day."""
        stamp = self.jwt / f"stamp-{self.args.tokens}-{self.args.users}"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < 5 * 86400:
            return
        shutil.rmtree(self.jwt, ignore_errors=True)
        command = [self.bin / "mkjwt", "--out", self.jwt, "--count", str(self.args.tokens), "--users", str(self.args.users)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.scratch / "directory", ignore_errors=True)  # its users belong to these tokens
        stamp.touch()

    def crypto(self):
        """What the raw primitives cost here: {row: µs}."""
        command = ["taskset", "-c", self.args.gateway_cpu, self.bin / "cryptobench", "--jwt", self.jwt, "--seconds", "0.2", "--rounds", "5"]
        out = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
        return {m[1]: float(m[2]) for m in re.finditer(r"^\| ([^|]+?) \| \d+ \| ([\d.]+) \|", out, re.M)}

    def fill(self, text, more):
        known = {"HERE": HERE, "BIN": self.bin, "JWT": self.jwt, **more}
        if "@JWT_SECRET@" in text:
            known["JWT_SECRET"] = (self.jwt / "hs256.secret").read_text()

        def value(m):
            v = known.get(m[1], os.environ.get(m[1], self.defaults.get(m[1])))
            if v is None:
                raise KeyError(f"@{m[1]}@ is not set")
            return str(v)

        for _ in range(2):  # a value may itself hold placeholders
            text = re.sub(r"@([A-Z_]+)@", value, text)
        return text

    # --- processes -------------------------------------------------------------------------

    def pinned(self, cpu, command, **kw):
        return subprocess.Popen(["taskset", "-c", str(cpu), *map(str, command)], start_new_session=True, **kw)

    @staticmethod
    def stop(process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    @contextlib.contextmanager
    def upstream(self, flags):
        port = free_port()
        mock = self.pinned(self.args.load_cpu, [self.bin / "mockllm", "--listen", f"127.0.0.1:{port}", *flags], stderr=subprocess.DEVNULL)
        mock.port = port
        try:
            if served(port, "GET", "/plain", {}, None, 5) is None:
                raise RuntimeError("mockllm did not start")
            yield mock
        finally:
            self.stop(mock)

    @contextlib.contextmanager
    def running(self, gateway, upstream):
        """Starts a gateway, waits until it serves, ends it."""
        if "start" not in gateway:
            yield Served(None, upstream, upstream)
            return
        run = self.scratch / re.sub(r"\W+", "-", gateway["name"])
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        os.chmod(run, 0o777)  # nginx workers drop privileges
        more = {"RUN": run, "PORT": free_port(), "CONTROL": free_port(), "UPSTREAM": upstream, "MODEL": "mock-model"}
        more |= {k: self.fill(v, more) for k, v in gateway.get("vars", {}).items()}
        if "conf" in gateway:
            source = HERE / gateway["conf"]
            more["CONF"] = run / source.name
            more["CONF"].write_text(self.fill(source.read_text(), more))
        if gateway.get("directory"):
            self.directory(more, run)
        headers = [self.fill(h, more) for h in gateway.get("headers", [])]
        path = gateway.get("path", CHAT_PATH)
        asked = dict(h.split(": ", 1) for h in headers)
        if "tokens" in gateway:
            with open(self.jwt / f"{gateway['tokens']}.tokens") as f:
                asked["authorization"] = "Bearer " + f.readline().strip()
        environment = os.environ | {k: self.fill(v, more) for k, v in gateway.get("env", {}).items()}
        log = open(run / "log", "wb")
        command = shlex.split(self.fill(gateway["start"], more))
        began = time.monotonic()
        process = self.pinned(self.args.gateway_cpu, command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=run)
        try:
            if served(more["PORT"], "POST", path, asked, CHAT | {"model": gateway.get("model", "mock-model")}, 60) is None:
                raise RuntimeError(f"{gateway['name']} did not serve; see {run / 'log'}")
            yield Served(process, more["PORT"], upstream, headers, path, time.monotonic() - began, run / "log")
        finally:
            self.stop(process)

    def directory(self, more, run):
        """A data directory with the users of the tokens: made once by this program, then copied for every start."""
        template = self.scratch / "directory"
        data = template / "data"
        # What an older program made would be brought up to date at every start, and measured with it.
        if not data.exists() or data.stat().st_ctime < (self.bin / "portcullis").stat().st_mtime:
            shutil.rmtree(template, ignore_errors=True)
            template.mkdir()
            conf = template / "portcullis.toml"
            conf.write_text(more["CONF"].read_text().replace(str(run), str(template)))
            log = open(template / "log", "wb")
            process = subprocess.Popen([self.bin / "portcullis", "serve", "--config", conf], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                if served(more["CONTROL"], "GET", "/health/ready", {}, None, 20) is None:
                    raise RuntimeError(f"portcullis did not start; see {template / 'log'}")
                create_users(more["CONTROL"], (template / "data" / "admin-credential").read_text().strip(), self.args.users)
            finally:
                self.stop(process)
        shutil.copytree(template / "data", run / "data", ignore=shutil.ignore_patterns("*.sock", "lock"))

    # --- measuring -------------------------------------------------------------------------

    def load(self, gateway, target, asked, mock):
        gateway = gateway or {}
        command = [self.bin / "loadgen", f"http://127.0.0.1:{target.port}{target.path}", "--model", gateway.get("model", "mock-model"), "--watch", f"mock={mock.pid}"]
        for flag in ("duration", "warmup"):
            if f"--{flag}" not in asked:
                command += [f"--{flag}", getattr(self.args, flag)]
        if target.process:
            command += ["--watch", f"gateway={target.process.pid}"]
        for header in target.headers:
            command += ["--header", header]
        asked = shlex.split(asked)
        fresh = "tokens" in gateway and "--token-limit" not in asked
        if "tokens" in gateway:
            command += ["--tokens", self.jwt / f"{gateway['tokens']}.tokens"]
        elif "--token-limit" in asked:
            at = asked.index("--token-limit")
            del asked[at : at + 2]
        for attempt in range(self.args.attempts):
            # A token that this process has seen is remembered, and not fresh.
            begin = ["--token-from", target.spent] if fresh else []
            done = subprocess.run(["taskset", "-c", str(self.args.load_cpu), *map(str, command + begin), *asked], capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise RuntimeError(done.stderr)
            r = json.loads(done.stdout)
            enough = True
            if fresh:
                target.spent += r["tokens"]
                r["reused"] = target.spent > self.args.tokens
                enough = target.spent + r["tokens"] <= self.args.tokens
            # CPU time that belongs to nobody in this test.
            foreign = sum(c["busy"] for c in r["machine_busy"]) - sum(p["cpu"] for p in r["process"].values())
            r["noisy"] = foreign >= self.args.noise
            if not r["noisy"]:
                break
            print(f"    noisy ({foreign:.2f} CPUs used by others), attempt {attempt + 1}", file=sys.stderr)
            if not enough:
                break  # another attempt would have no fresh tokens
            if attempt + 1 < self.args.attempts:
                self.quiet()
        return r

    @staticmethod
    def settled(pid, most=30):
        """Waits until a gateway has done what the scenario before has left it to do, such as storing records."""
        def ticks():
            return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        until = time.monotonic() + most
        while time.monotonic() < until:
            before = ticks()
            time.sleep(0.5)
            if ticks() - before <= 2:
                return

    def quiet(self):
        """Waits, within reason, until other work on the machine is done."""
        until = time.monotonic() + self.args.max_wait
        while busy_cpus() > self.args.noise and time.monotonic() < until:
            time.sleep(2)


def served(port, method, path, headers, body, limit):
    """Seconds until a request is answered with 200, or None."""
    began = time.monotonic()
    while time.monotonic() - began < limit:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            c.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json", **headers})
            if c.getresponse().status == 200:
                return time.monotonic() - began
        except (OSError, http.client.HTTPException):
            pass
        finally:
            c.close()
        time.sleep(0.002)
    return None


def create_users(port, credential, count):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"authorization": f"Bearer {credential}", "content-type": "application/json"}
    for i in range(count):
        while True:
            c.request("POST", "/admin/v1/users", json.dumps({"tenant": "bench", "external_id": f"user-{i:06}"}), headers)
            answer = c.getresponse()
            text = answer.read()
            if answer.status != 429:
                break
            time.sleep(float(answer.headers.get("retry-after", "1")))
        if answer.status not in (200, 201, 409):
            raise RuntimeError(f"creating a user: {answer.status} {text.decode()}")
    c.close()
