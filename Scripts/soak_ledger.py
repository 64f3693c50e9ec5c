"""The books of Scripts/soak: what clients saw, held against what the gateway's logs and metrics say of it."""

import collections
import gzip
import json
import re
import threading
import zlib

from rig import Failure, expect, total

ROUTES = ("predict", "files", "mixed")
# What each verdict comes to for the client.
VERDICTS = {"pass": {"equal"}, "unscored": {"equal"}, "perturb": {"equal", "perturbed"}, "proof-of-work": {428},
            "reject": {403}}
NOISE = 0.2


class Entry:
    """One request: its route, the query that it asked, what came, and which log lines have told of it."""

    __slots__ = ("route", "query", "state", "status", "length", "seen", "decided", "accessed")

    def __init__(self, route, query):
        self.route, self.query, self.state = route, query, "open"
        self.status = self.length = self.seen = self.decided = self.accessed = None


class Ledger:
    """Requests by their traces. A request leaves it when everything that must tell of it has done so."""

    def __init__(self, folder):
        self.folder, self.entries, self.lock = folder, {}, threading.Lock()
        self.turns, self.refusals, self.proofs = {}, collections.Counter(), 0
        # (route, class of status) → answers; route → requests whose answer nobody saw whole.
        self.answers, self.unresolved = collections.Counter(), collections.Counter()
        self.lines, self.verdicts, self.files, self.dropped = collections.Counter(), collections.Counter(), 0, 0
        self.faults = []

    # What clients saw

    def begin(self, trace, route, query=None):
        """A request is about to be sent."""
        with self.lock:
            self.entries[trace] = Entry(route, query)

    def facts(self, trace):
        """What a request that is sent again is begun with."""
        return {"query": self.entries[trace].query}

    def unanswered(self, trace):
        """Nobody will see the answer, or there was none."""
        with self.lock:
            entry = self.entries[trace]
            entry.state = "unanswered"
            self.unresolved[entry.route] += 1

    def cut(self, trace):
        """The answer broke off; the access log must say so."""
        self.unanswered(trace)
        with self.lock:
            self.entries[trace].state = "cut"
            self.settle(trace, self.entries[trace])

    def answered(self, trace, answer, whole=True):
        """An answer came whole. `whole` says whether the request was sent whole too."""
        with self.lock:
            entry = self.entries[trace]
            if not whole:
                # A request that broke off is counted, but by which route depends on how far it came.
                entry.state = "unanswered"
                self.unresolved[entry.route] += 1
                return
            entry.state, entry.status, entry.length = "answered", answer.status, len(answer.body)
            self.answers[f"{entry.route} {answer.status // 100}xx"] += 1
            if entry.query is not None:
                entry.seen = self.kind(entry.query, answer) if answer.status == 200 else answer.status
            self.settle(trace, entry)

    @staticmethod
    def kind(query, answer):
        """Whether a prediction is the victim's own, or that with noise within the policy's bound."""
        seen = json.loads(answer.body)
        if seen == query.answer:
            return "equal"
        expect(set(seen) == set(query.answer), f"another form of answer: {answer.body[:300]!r}")
        row, own = seen["predictions"][0], query.answer["predictions"][0]
        distance = sum(abs(a - b) for a, b in zip(row, own, strict=True))
        expect(distance <= NOISE * 1.01 and row.index(max(row)) == own.index(max(own)),
               f"a prediction that is not the query's own: {distance:.3f} away, {row} instead of {own}")
        return "perturbed"

    def refused(self, kind, what):
        """A client met a refusal that is documented."""
        self.refusals[(kind, what)] += 1

    def settle(self, trace, entry):
        """Forgets a request of which everything is known."""
        if entry.state == "cut" and entry.accessed:
            if not entry.accessed[2]:
                self.faults.append(f"the client saw an answer break off, the access log says {entry.accessed} (trace {trace})")
            del self.entries[trace]
            return
        if entry.state != "answered" or not entry.accessed:
            return
        if entry.route == "predict" and entry.status in (200, 403, 428):
            if entry.decided is None:
                return
            if entry.query is not None and entry.seen not in VERDICTS.get(entry.decided, ()):
                self.faults.append(f"the decision log says {entry.decided}, the client saw {entry.seen} (trace {trace})")
        if entry.accessed[0] != entry.status or entry.accessed[1] != entry.length:
            self.faults.append(f"the access log says {entry.accessed}, the client saw {entry.status} with {entry.length} "
                               f"bytes (trace {trace})")
        del self.entries[trace]

    # What the logs say

    def read_rotated(self):
        """Takes in the files that the gateway has set aside and gzipped, and removes them."""
        for path in sorted(self.folder.glob("*.jsonl.*.gz")):
            self.read(path)
            path.unlink()
        if self.faults:
            raise Failure(self.faults[0])

    def read_all(self):
        """Takes in everything that is left; for when the gateway has ended."""
        for path in sorted(self.folder.glob("*.jsonl*")):
            if not path.name.endswith(".partial"):
                self.read(path)

    def read(self, path):
        """Takes in one file of either log."""
        log = "access" if "access" in path.name else "decisions"
        data = path.read_bytes()
        if path.suffix == ".gz":
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise Failure(f"{path.name} is no gzip file: {error}") from error
        self.files += bool(re.search(r"\.\d{6,}(\.gz)?$", path.name))
        if data and not data.endswith(b"\n"):
            self.faults.append(f"{path.name} ends within a line: {data[-100:]!r}")
        for line in data.splitlines():
            try:
                record = json.loads(line)
                assert isinstance(record, dict)
            except (ValueError, AssertionError):
                self.faults.append(f"a line of {path.name} that is no JSON object: {line[:300]!r}")
                continue
            if "request_id" in record:
                self.lines[log] += 1
                with self.lock:
                    (self.access if log == "access" else self.decision)(record)

    def access(self, record):
        """A line of the access log."""
        trace = record.get("trace")
        entry = self.entries.get(trace)
        if entry is None:
            return
        if entry.accessed is not None:
            self.faults.append(f"two lines of access for one request: {record}")
        entry.accessed = (record["status"], record["answer_bytes"], record.get("cut"))
        self.settle(trace, entry)

    def decision(self, record):
        """A line of the decision log."""
        self.verdicts[record["verdict"]] += 1
        trace = record.get("trace")
        entry = self.entries.get(trace)
        if entry is None:
            self.faults.append(f"a decision of a query that nobody asked, or a second one: {record}")
            return
        if entry.decided is not None:
            self.faults.append(f"two decisions of one query: {record}")
        entry.decided = record["verdict"]
        self.settle(trace, entry)

    # The end

    def balance(self, samples):
        """What does not add up, in words."""
        faults = list(self.faults[:10])
        dropped = {log: int(total(samples, "samegate_log_lines_dropped_total", log=log)) for log in ("access", "decisions")}
        self.dropped = sum(dropped.values())
        missing = [(trace, entry) for trace, entry in self.entries.items() if entry.state == "answered"
                   # A proof that is used again is refused before there is anything to decide.
                   and not (entry.accessed and entry.route == "predict" and entry.query is None and entry.status == 403)]
        if len(missing) > self.dropped:
            told = [f"{trace}: {e.route} {e.status} accessed={e.accessed} decided={e.decided}" for trace, e in missing[:5]]
            faults.append(f"{len(missing)} answers are not told of in the logs, {self.dropped} lines were dropped: {told}")
        for route in ROUTES:
            for digit in "12345":
                metric = total(samples, "samegate_requests_total", route=route, status=f"{digit}xx")
                seen = self.answers[f"{route} {digit}xx"]
                if not seen <= metric <= seen + self.unresolved[route]:
                    faults.append(f"samegate_requests_total of {route} {digit}xx is {metric:.0f}; clients saw {seen}, and "
                                  f"{self.unresolved[route]} answers nobody saw")
        rows = total(samples, "samegate_rows_total")
        if rows != self.lines["decisions"] + dropped["decisions"]:
            faults.append(f"samegate_rows_total is {rows:.0f}, the decision log has {self.lines['decisions']} lines and "
                          f"{dropped['decisions']} were dropped")
        requests = total(samples, "samegate_requests_total")
        if requests != self.lines["access"] + dropped["access"]:
            faults.append(f"samegate_requests_total is {requests:.0f}, the access log has {self.lines['access']} lines and "
                          f"{dropped['access']} were dropped")
        for name in ("samegate_log_write_errors_total",):
            if total(samples, name):
                faults.append(f"{name} is {total(samples, name):.0f}")
        return faults
