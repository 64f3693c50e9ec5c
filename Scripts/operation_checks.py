"""Checks of `Scripts/check-operation` about what a daemon keeps, and about what the system denies it."""

import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from rig import BUNDLE, MODEL, ROOT, eventually, expect, free_port, make_certificate, make_key

PREDICT = "/v1/models/fashion:predict"


def protected(gateway, victim):
    """A configuration whose protected route asks every query for work."""
    make_key(gateway.folder)
    return (
        f"listen: [{{address: '127.0.0.1:{gateway.port}'}}]\n"
        f"upstreams: {{victim: {{url: 'http://127.0.0.1:{victim}'}}}}\n"
        f"models: {{fashion: {{bundle: '{BUNDLE}'}}}}\n"
        f"routes:\n  - {{name: predict, path: '{PREDICT}', methods: [POST], upstream: victim, protect: {{model: fashion, "
        "protocol: tensorflow-serving, input: {layout: HWC, range: [0, 1]}, answer: {kind: probabilities}, policy: p}}\n"
        "policies: {p: {bands: [{above: p1, verdict: proof-of-work, work: {hashes: [64, 128], growth: 1}}]}}\n"
        f"secrets: {{key_file: '{gateway.folder}/samegate.key'}}\n"
        f"logs: {{decisions: {{path: '{gateway.folder}/decisions.jsonl'}}}}\n"
        f"admin: {{address: '127.0.0.1:{gateway.admin}'}}\nshutdown: {{drain: 20s}}\n")


def query(seed):
    """A query of random pixels, which every policy finds strange."""
    source = random.Random(seed)
    picture = [[[source.randrange(256) / 255] for _ in range(28)] for _ in range(28)]
    return json.dumps({"instances": [picture]})


def check_challenges(context):
    """A challenge outlives a reload, and a hand-over: its answer and its single use are the successor's."""
    port = free_port()
    victim = subprocess.Popen(
        [str(context.program), "victim", "--model", str(MODEL), "--name", "fashion", "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    gateway = context.gateway(configuration=lambda gateway: protected(gateway, port))

    def ask(body, proof=None):
        headers = {"Content-Type": "application/json"} | ({"Samegate-Proof": proof} if proof else {})
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)
        try:
            connection.request("POST", PREDICT, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def challenge(body):
        status, text = ask(body)
        expect(status == 428, f"a strange query was answered {status}: {text[:200]!r}")
        solved = subprocess.run([str(context.program), "solve", "--quiet"], input=text, stdout=subprocess.PIPE, check=True)
        # The solver prints the whole field's value.
        return solved.stdout.decode().strip()

    try:
        gateway.says("listening")
        eventually("the victim", lambda: answers(port))
        first, second, third = query(1), query(2), query(3)
        before, spent = challenge(first), challenge(second)
        expect(ask(second, spent)[0] == 200, "a proof was not taken")
        gateway.process.send_signal(signal.SIGHUP)
        gateway.says("configuration reloaded")
        across = challenge(third)
        gateway.process.send_signal(signal.SIGUSR2)
        gateway.says("a successor serves")
        gateway.pids.append(int(re.search(r"a successor serves pid=(\d+)", gateway.text())[1]))
        expect(gateway.process.wait(120) == 0, "the predecessor did not end well")
        for body, proof in ((first, before), (third, across)):
            status, text = ask(body, proof)
            expect(status == 200 and b"predictions" in text, f"a challenge was lost: {status} {text[:200]!r}")
            status, text = ask(body, proof)
            expect(status == 403 and b"used already" in text, f"a proof was taken twice: {status} {text[:200]!r}")
        expect(ask(second, spent)[0] == 403, "a proof that the predecessor had taken was taken again")
        return "two challenges answered by the successor, each once; a spent proof stays spent"
    finally:
        gateway.stop()
        victim.kill()
        victim.wait()


def answers(port):
    """Whether somebody answers HTTP at a port."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
        return True
    except OSError:
        return False


def check_descriptors(context):
    """Too low a limit is said at the start; clients cannot take the last descriptors, and the side door answers meanwhile."""
    limit = 96
    gateway = context.gateway(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    held = []
    try:
        gateway.says("listening")
        gateway.says("need more descriptors than this process may open")
        expect(f"allowed={limit}" in gateway.text(), f"the limit is not named:\n{gateway.text()}")
        allowed, pid, most = gateway.metric("samegate_connections_limit"), gateway.process.pid, 0
        expect(0 < allowed < limit, f"{allowed} client connections are to be served with {limit} descriptors")
        for _ in range(2 * limit):
            try:
                held.append(socket.create_connection(("127.0.0.1", gateway.port), 30))
            except ConnectionError:
                pass
            most = max(most, len(os.listdir(f"/proc/{pid}/fd")))
        eventually("refusals", lambda: gateway.metric('samegate_connections_refused_total{limit="gateway"}') > 0)
        expect(most < limit, f"{most} of {limit} descriptors were open")
        for one in held:
            one.close()
        held.clear()
        eventually("service again", lambda: gateway.ask()[0] == 200)
        return f"warned; {allowed:.0f} connections, {most} of {limit} descriptors open at most, then served again"
    finally:
        for one in held:
            one.close()
        gateway.stop()


def check_socket(context):
    """The side door at a Unix socket: its mode, a hand-over, what a killed process leaves, and the end."""
    folder = Path(context.folder)
    path = folder / "admin.sock"
    extra = f"socket: '{path}', socket_mode: 0660"
    gateway = context.gateway(side_door=extra)

    def curl(place, *more):
        ran = subprocess.run(["curl", "-sS", "--unix-socket", str(path), *more, f"http://localhost{place}"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return ran.stdout

    try:
        gateway.says("listening")
        expect(curl("/healthz") == "alive\n", f"no answer at the socket: {curl('/healthz')}")
        expect(path.stat().st_mode & 0o777 == 0o660, f"the mode is {path.stat().st_mode:o}")
        status = curl("/reload", "-X", "POST", "-o", "/dev/null", "-w", "%{http_code}")
        expect(status == "200", f"POST /reload at the socket was answered {status}")
        gateway.says("configuration reloaded")
        gateway.process.send_signal(signal.SIGUSR2)
        gateway.says("a successor serves")
        gateway.pids.append(int(re.search(r"a successor serves pid=(\d+)", gateway.text())[1]))
        expect(gateway.process.wait(120) == 0, "the predecessor did not end well")
        expect(curl("/readyz").startswith("ready"), f"the successor does not answer: {curl('/readyz')}")
    finally:
        gateway.stop()
    for number in (signal.SIGKILL, signal.SIGTERM):
        gateway = context.gateway(side_door=extra)
        gateway.says("listening")
        expect(curl("/healthz") == "alive\n", "what a dead process has left was not replaced")
        gateway.stop(number)
    expect(not path.exists(), "the file stayed when the process ended well")
    return "mode 0660, handed over, replaced after a kill, gone after the end"


def check_probe(context):
    """`check --probe` says of every place whether it works, and its status is the answer."""
    folder = Path(context.folder)
    certificate, key = make_certificate(folder, "one.example")
    tls = context.gateway(listener=f"tls: {{certificates: [{{certificate: '{certificate}', key: '{key}'}}]}}")
    dead = free_port()
    try:
        tls.says("listening")

        def run(upstreams, port=None):
            path = folder / "probe.yaml"
            path.write_text(
                f"listen: [{{address: '127.0.0.1:{port or free_port()}'}}]\nupstreams:\n{upstreams}"
                "routes: [{name: all, path: '/*', upstream: u}]\n"
                f"logs: {{access: {{path: '{folder}/probe.jsonl'}}}}\n")
            ran = subprocess.run([str(context.program), "check", "--config", str(path), "--probe", "--probe-timeout", "5"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            return ran.returncode, ran.stdout

        plain = f"  u: {{url: 'http://127.0.0.1:{context.upstream}'"
        cases = [
            (f"{plain}}}\n", 0, "takes connections"),
            (f"{plain}, health: {{path: /health}}}}\n", 0, "answers GET /health as it should"),
            (f"{plain}, health: {{path: /health, status: 204}}}}\n", 1, "it answered 200"),
            (f"  u: {{url: 'http://127.0.0.1:{dead}'}}\n", 1, "Connection refused"),
            (f"  u: {{servers: [{{url: 'http://127.0.0.1:{context.upstream}'}}, {{url: 'http://127.0.0.1:{dead}'}}]}}\n", 1,
             "3 of 4 places work"),
            ("  u: {url: 'http://no-such-host.invalid'}\n", 1, "no-such-host.invalid"),
            (f"  u: {{url: 'https://localhost:{tls.port}', tls: {{ca_file: '{certificate}'}}}}\n", 0, "its certificate is good"),
            (f"  u: {{url: 'https://localhost:{tls.port}'}}\n", 1, "TLS: "),
            (f"  u: {{url: 'https://localhost:{tls.port}', tls: {{ca_file: '{certificate}', server_name: other.example}}}}\n", 1,
             "TLS: "),
            (f"  u: {{url: 'https://127.0.0.1:{context.upstream}'}}\n", 1, "TLS: "),
        ]
        for upstreams, status, words in cases:
            got, text = run(upstreams)
            expect(got == status and words in text, f"{upstreams.strip()} ended with {got}, not {status}:\n{text}")
        got, text = run(f"{plain}}}\n", tls.port)
        expect(got == 0 and "listened at already" in text, f"a listener of a running gateway: {got}\n{text}")
        return f"{len(cases) + 1} configurations"
    finally:
        tls.stop()


def check_logs(context):
    """A log that cannot be written stands in the way of a start; one that cannot be written later does not, and is named."""
    folder = Path(context.folder)
    (folder / "file").write_text("")
    gateway = context.gateway(log=f"{folder}/file/access.jsonl")
    expect(gateway.process.wait(120) == 1, "it started without its log")
    expect("logs.access.path" in gateway.text() and "is no directory" in gateway.text(), f"not named:\n{gateway.text()}")
    gateway.stop()
    gateway = context.gateway(log="/dev/full")
    try:
        gateway.says("listening")
        expect(gateway.ask()[0] == 200, "a full disk stops traffic")
        gateway.says("the access log cannot be written: No space left on device")
        expect("/dev/full" in gateway.text(), f"the file is not named:\n{gateway.text()}")
    finally:
        gateway.stop()
    gateway = context.gateway()
    path = gateway.folder / "access.jsonl"
    try:
        gateway.says("listening")
        expect(gateway.ask()[0] == 200, "no answer")
        eventually("a line", lambda: path.exists() and path.stat().st_size)
        path.unlink()
        eventually("a new file after somebody removed it", lambda: gateway.ask()[0] == 200 and path.exists())
        path.rename(gateway.folder / "moved")
        eventually("a new file after somebody moved it", lambda: gateway.ask()[0] == 200 and path.exists())
        with path.open("r+") as file:
            file.truncate(0)
        eventually("lines after a truncation", lambda: gateway.ask()[0] == 200 and path.stat().st_size)
        expect(b"\0" not in path.read_bytes(), "a truncated file was filled up with zeros")
        return "refused at the start; a full disk named; removed, moved and truncated files are begun anew"
    finally:
        gateway.stop()


# Denies the system calls of a list with EPERM and becomes the program: what systemd does with SystemCallFilter=.
DENYING = """
import ctypes, os, struct, sys
numbers = [int(each) for each in sys.argv[1].split(',')]
step = lambda code, k, yes=0, no=0: struct.pack('HBBI', code, yes, no, k)
steps = [step(0x20, 0)] + [step(0x15, each, len(numbers) - at) for at, each in enumerate(numbers)]
steps += [step(0x06, 0x7FFF0000), step(0x06, 0x00050001)]
code = ctypes.create_string_buffer(b''.join(steps))
class Filter(ctypes.Structure):
    _fields_ = [('count', ctypes.c_ushort), ('code', ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
given = Filter(len(steps), ctypes.cast(code, ctypes.c_void_p).value)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(given)) == 0, ctypes.get_errno()
os.execv(sys.argv[2], sys.argv[2:])
"""


def system_calls(group):
    """The names of the system calls of a group of systemd's."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", group], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return {word for word in words if not word.startswith("@")}.union(
        *(system_calls(word) for word in words if word.startswith("@")))


def check_unit(context):
    """systemd finds nothing to say about the unit files, and the daemon serves with the system calls that the unit leaves it."""
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not shutil.which("systemd-analyze") or not header.exists():
        return "skipped: systemd-analyze and the kernel's headers are needed"
    folder = Path(context.folder)
    unit = (ROOT / "Config" / "samegate.service").read_text()
    for name in ("samegate.service", "samegate.socket"):
        text = (ROOT / "Config" / name).read_text().replace("/usr/bin/samegate", str(context.program))
        (folder / name).write_text(text)
    ran = subprocess.run(["systemd-analyze", "verify", str(folder / "samegate.service"), str(folder / "samegate.socket")],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = [line for line in ran.stdout.splitlines() if "samegate" in line]
    expect(ran.returncode == 0 and not said, f"systemd-analyze verify: {ran.returncode}\n{ran.stdout}")
    left = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        calls = set().union(*map(system_calls, line.lstrip("~").split()))
        left = left - calls if line.startswith("~") else left | calls
    left |= system_calls("@default")
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", header.read_text()))
    denied = ",".join(number for name, number in numbers.items() if name not in left)
    gateway = context.gateway(start=[sys.executable, "-c", DENYING, denied])
    try:
        gateway.says("listening")
        expect(gateway.ask()[0] == 200, "no answer")
        gateway.process.send_signal(signal.SIGHUP)
        gateway.says("configuration reloaded")
        gateway.process.send_signal(signal.SIGUSR2)
        gateway.says("a successor serves")
        gateway.pids.append(int(re.search(r"a successor serves pid=(\d+)", gateway.text())[1]))
        expect(gateway.ask()[0] == 200, "no answer of the successor")
        return f"verified; serves, reloads and hands over without {denied.count(',') + 1} of the system calls"
    finally:
        gateway.stop()


# Starts a program that is told whose child it is, waits for its first line, says which process it is, and is killed.
DYING = """
import os, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:], env={**os.environ, 'SAMEGATE_PARENT': str(os.getpid())}, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def check_parent(context):
    """What the demonstration starts ends with it, even when it is killed; a parent that is gone already is an error."""
    words = [str(context.program), "victim", "--model", str(MODEL), "--listen", "127.0.0.1:0"]
    ran = subprocess.run([sys.executable, "-c", DYING, *words], stdout=subprocess.PIPE, text=True)
    child = Path(f"/proc/{int(ran.stdout)}/stat")

    def has_ended():
        try:
            return child.read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    eventually("the end of what a killed process has started", has_ended)
    # This script is not the first process of all.
    ran = subprocess.run(words, env={**os.environ, "SAMEGATE_PARENT": "1"}, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    expect(ran.returncode != 0 and "follow process 1" in ran.stdout, f"a wrong parent: {ran.returncode} {ran.stdout}")
    return "a victim ends with its killed parent"


CHECKS = [check_parent, check_unit, check_challenges, check_descriptors, check_socket, check_probe, check_logs]
