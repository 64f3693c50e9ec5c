"""What the scripts that try a running gateway share: ports, certificates, processes and what the kernel says of them."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / ".build" / "release" / "samegate"
MODEL = ROOT / "Config" / "demo" / "victim.model"
BUNDLE = ROOT / "Config" / "demo" / "fashion.bundle"
PICTURES = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")


class Failure(Exception):
    """A check that did not hold, in words."""


def expect(condition, words):
    """Fails with `words` unless `condition` holds."""
    if not condition:
        raise Failure(words)


def built_program():
    """The release build, brought up to date."""
    os.environ["PATH"] += f":{os.environ.get('SWIFT_PREFIX', str(Path.home() / '.local/swift'))}/usr/bin:/opt/swift/usr/bin"
    build = ["swift", "build", "--configuration", "release", "--package-path", str(ROOT)]
    subprocess.run([*build, "--product", "samegate"], check=True, stdout=sys.stderr)
    shown = subprocess.run([*build, "--show-bin-path"], check=True, capture_output=True, text=True)
    return Path(shown.stdout.strip()) / "samegate"


def tool(name):
    """Where a program is that Scripts/setup --bench installs."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return found or sys.exit(f"{name} is missing; run Scripts/setup --bench")


def free_port():
    """A port of the loopback that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder, name):
    """Makes a self-signed certificate for a host name; returns the paths of the certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, stderr=subprocess.DEVNULL)
    key.chmod(0o600)
    return certificate, key


def make_key(folder):
    """Makes the key that a gateway with a protected route asks for."""
    path = folder / "samegate.key"
    path.write_bytes(os.urandom(32))
    path.chmod(0o600)
    return path


class Daemon:
    """A process of the program, and what /proc says of it."""

    def __init__(self, arguments, log, program=PROGRAM):
        self.arguments, self.program = arguments, program
        self.log_path = Path(log)
        self.log = self.log_path.open("ab")
        self.start()

    def start(self):
        """Starts it, or starts it again after `kill`."""
        self.process = subprocess.Popen(
            [str(self.program), *map(str, self.arguments)], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid

    @property
    def alive(self):
        """Whether it still runs."""
        return self.process.poll() is None

    def text(self):
        """What it has said."""
        return self.log_path.read_text(errors="replace")

    def status(self, name):
        """A number of /proc/PID/status, such as VmRSS in KiB or Threads."""
        try:
            text = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def descriptors(self):
        """What its open descriptors are, by number."""
        kinds = {}
        try:
            for number in os.listdir(f"/proc/{self.pid}/fd"):
                try:
                    kinds[int(number)] = re.sub(r":\[.*", "", os.readlink(f"/proc/{self.pid}/fd/{number}"))
                except OSError:
                    continue
        except OSError:
            pass
        return kinds

    def kill(self, number=signal.SIGKILL):
        """Ends it with a signal and waits for it."""
        if self.alive:
            self.process.send_signal(number)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.program.name} {self.arguments[0]} did not end within 60 s of signal {number}")


def eventually(words, condition, patience=60.0, daemon=None):
    """Waits until `condition` gives something true, and returns that."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if daemon is not None and not daemon.alive:
            raise Failure(f"the process ended while waiting for {words}:\n{daemon.text()}")
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure(f"never happened: {words}")


def ask(port, path="/", method="GET", body=None, headers=None, timeout=30):
    """The status and body of an answer on the loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answers(port, path="/"):
    """Whether something answers 200 there."""
    try:
        return ask(port, path, timeout=5)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def metrics(port):
    """The samples of a side door's /metrics, by name with labels."""
    status, text = ask(port, "/metrics")
    expect(status == 200, f"/metrics answered {status}")
    samples = {}
    for line in text.decode().splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


def total(samples, name, **labels):
    """The sum of the samples of a name that have the labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(value for key, value in samples.items()
               if key.split("{", 1)[0] == name and all(word in key for word in wanted))


def processor_seconds(daemon, threads=""):
    """The processor time that a daemon's threads have used, or those whose names begin so."""
    nanoseconds = 0
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        if (task / "comm").read_text().startswith(threads):
            nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def whole_status(text):
    """The status of an answer, once all of it is there."""
    head, _, content = text.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *([0-9]+)", head)
    return int(head[9:12]) if length and len(content) >= int(length[1]) else None
