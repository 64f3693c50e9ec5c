"""The clients of Scripts/soak: good ones, slow ones and hostile ones.

Every request of a good or slow client has a trace id of its own, by which the gateway's logs are held against what the
client saw. A good client takes the right answer or a refusal that the documentation names, and nothing else.
"""

import asyncio
import gzip
import hashlib
import json
import random
import re
import ssl
import struct
import zlib

from rig import Failure, expect
from soak_upstreams import pattern, reset

PATIENCE = 45.0
PREDICT = "/v1/models/fashion:predict"
# What the documentation lets the gateway answer to a good request: shed or no upstream, and a failed or late one.
UPSTREAM_REFUSALS = {502, 503, 504}


class NoAnswer(Exception):
    """The connection ended before a byte of the answer."""


class Cut(Exception):
    """The connection ended within the answer."""


class Answer:
    """A final answer: status, fields by small name, body, and whether the connection ends with it."""

    def __init__(self, status, fields, body, last):
        self.status, self.fields, self.body, self.last = status, fields, body, last


class Wire:
    """A connection to the gateway whose answers are read strictly."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.used = reader, writer, 0

    @staticmethod
    async def open(place, tls=False, name=None):
        """Connects to the clear listener, or to the one with TLS asking for the name."""
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        coming = asyncio.open_connection(
            "127.0.0.1", place.tls_port if tls else place.port, ssl=context, server_hostname=name if tls else None,
            limit=1 << 17)
        wire = Wire(*await asyncio.wait_for(coming, PATIENCE))
        if tls:
            # The first certificate is for every name that has none.
            wanted = place.certificates.get(name, next(iter(place.certificates.values())))
            shown = wire.writer.get_extra_info("ssl_object").getpeercert(True)
            expect(shown == wanted, f"{name} was shown the certificate of another name")
        return wire

    def send(self, data):
        """Sends bytes."""
        self.writer.write(data)

    async def answer(self, method="GET", pause=0.0):
        """The next final answer; interim ones are passed over. `pause` is waited between two pieces of the body."""
        async with asyncio.timeout(PATIENCE):
            while True:
                head = await self.head()
                lines = head.decode("latin-1").split("\r\n")
                found = re.fullmatch(r"HTTP/1\.1 (\d{3}) [^\r\n]*", lines[0])
                expect(found, f"a status line that is none: {lines[0]!r}")
                status = int(found[1])
                if status >= 200:
                    break
        fields = {}
        for line in lines[1:-2]:
            name, value = line.split(":", 1)
            name = name.lower()
            expect(name not in fields or name not in ("content-length", "transfer-encoding"), f"{name} said twice")
            fields[name] = value.strip()
        last = "close" in fields.get("connection", "").lower()
        try:
            body, framed = await self.body(method, status, fields, pause)
        except (asyncio.IncompleteReadError, OSError, ssl.SSLError) as error:
            raise Cut(str(error)) from error
        self.used += 1
        return Answer(status, fields, body, last or not framed)

    async def head(self):
        """A head with its empty line."""
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise (Cut("in the head") if error.partial else NoAnswer("closed")) from error
        except (OSError, ssl.SSLError) as error:
            raise NoAnswer(str(error)) from error

    async def body(self, method, status, fields, pause):
        """The body, and whether the connection can go on behind it."""
        if method == "HEAD" or status in (204, 304):
            return b"", True
        pieces = []
        if fields.get("transfer-encoding", "").lower() == "chunked":
            expect("content-length" not in fields, "an answer framed twice")
            while size := int((await self.read_line()).split(b";")[0], 16):
                pieces.append(await self.exactly(size, pause))
                expect(await self.exactly(2, 0) == b"\r\n", "no CRLF behind a chunk")
            while await self.read_line():
                pass
            return b"".join(pieces), True
        if "content-length" in fields:
            return await self.exactly(int(fields["content-length"]), pause), True
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(), False

    async def read_line(self):
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readuntil(b"\r\n"))[:-2]

    async def exactly(self, size, pause):
        """`size` bytes; slowly when there is a pause."""
        if not pause:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.readexactly(size)
        pieces = bytearray()
        while len(pieces) < size:
            async with asyncio.timeout(PATIENCE):
                piece = await self.reader.read(min(16384, size - len(pieces)))
            if not piece:
                raise asyncio.IncompleteReadError(bytes(pieces), size)
            pieces += piece
            await asyncio.sleep(pause)
        return bytes(pieces)

    async def close(self):
        """Closes in order."""
        self.writer.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.wait_closed()
        except (OSError, ssl.SSLError, asyncio.TimeoutError):
            self.writer.transport.abort()


class Place:
    """Where the gateway is, what its clients know, and what they have seen."""

    def __init__(self, seed, port, tls_port, ledger, queries, payloads):
        self.seed, self.port, self.tls_port, self.ledger = seed, port, tls_port, ledger
        self.queries, self.payloads = queries, payloads
        # The certificate of each name, in DER.
        self.program, self.certificates = None, {}
        self.ending = asyncio.Event()

    @property
    def going(self):
        """Whether the soak goes on."""
        return not self.ending.is_set()


class Client:
    """One client, with random numbers of its own that the seed and its name give."""

    def __init__(self, place, kind, number):
        self.place, self.kind, self.name = place, kind, f"{kind}-{number}"
        self.random = random.Random(f"{place.seed}/{self.name}")
        self.count, self.wire = 0, None

    async def run(self):
        """Goes on until the end of the soak; a wrong answer ends it with a Failure that says whose it was."""
        turns = getattr(self, self.kind)
        while self.place.going:
            try:
                await turns()
            except Failure as failure:
                raise Failure(f"client {self.name}, request {self.count}: {failure}") from failure
            except (TimeoutError, asyncio.TimeoutError) as error:
                raise Failure(f"client {self.name}, request {self.count}: no answer within {PATIENCE:.0f} s") from error
            self.place.ledger.turns[self.kind] = self.place.ledger.turns.get(self.kind, 0) + 1
            await asyncio.sleep(self.random.random() * 0.04)
        if self.wire is not None:
            await self.wire.close()

    # Requests

    def begin(self, route, **facts):
        """A new request's id, which is also its trace."""
        self.count += 1
        trace = hashlib.sha256(f"{self.place.seed}/{self.name}/{self.count}".encode()).hexdigest()[:32]
        self.place.ledger.begin(trace, route, **facts)
        return trace

    def head(self, method, target, trace, fields=(), length=None):
        """The bytes of a request's head."""
        lines = [f"{method} {target} HTTP/1.1", "Host: soak.example", f"traceparent: 00-{trace}-00000000000000ab-01"]
        lines += [f"{name}: {value}" for name, value in fields]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def connected(self):
        """The kept connection, or a fresh one: in clear text or with TLS."""
        if self.wire is not None and self.random.random() < 0.1:
            await self.drop()
        if self.wire is None:
            tls = self.random.random() < 0.3
            self.wire = await Wire.open(
                self.place, tls, self.random.choice(["one.example", "two.example", "nobody.example"]))
        return self.wire

    async def drop(self):
        """Closes the kept connection."""
        wire, self.wire = self.wire, None
        if wire is not None:
            await wire.close()

    async def ask(self, method, target, trace, route, fields=(), body=None, chunked=False, pause=0.0, wire=None):
        """Sends a request and returns its answer. A kept connection that has ended meanwhile is replaced once."""
        ledger = self.place.ledger
        for attempt in (1, 2):
            one = wire or await self.connected()
            fresh = one.used == 0
            if chunked:
                one.send(self.head(method, target, trace, [*fields, ("Transfer-Encoding", "chunked")]))
                for start in range(0, len(body), 7919):
                    piece = body[start : start + 7919]
                    one.send(b"%x;soak=1\r\n%s\r\n" % (len(piece), piece))
                one.send(b"0\r\nX-Trailer: t\r\n\r\n")
            else:
                one.send(self.head(method, target, trace, fields, None if body is None else len(body)) + (body or b""))
            try:
                answer = await one.answer(method, pause)
            except NoAnswer as error:
                await self.drop()
                if route == "mixed" and fresh:
                    # The answer had begun and was cut with RST, which takes what was on its way with it.
                    ledger.cut(trace)
                    raise Cut(str(error)) from error
                expect(not fresh or wire is not None, f"a fresh connection ended without an answer to {method} {target} "
                       f"with {'chunks of ' if chunked else ''}{len(body or b'')} bytes: {error}")
                expect(attempt == 1, "two connections in a row ended without an answer")
                ledger.unanswered(trace)
                trace = self.begin(route, **ledger.facts(trace))
                continue
            except Cut:
                ledger.cut(trace)
                await self.drop()
                raise
            ledger.answered(trace, answer)
            if answer.last and wire is None:
                await self.drop()
            return answer

    def judge(self, answer, allowed=UPSTREAM_REFUSALS):
        """Whether an answer is the upstream's own; a refusal must be a documented one."""
        if answer.status == 200:
            return True
        expect(answer.status in allowed, f"status {answer.status}: {answer.body[:300]!r}")
        expect(answer.fields.get("content-type", "").startswith("application/problem+json"),
               f"a refusal without a problem document: {answer.status} {answer.fields} {answer.body[:200]!r}")
        if answer.body:
            expect(json.loads(answer.body).get("status") == answer.status, f"a problem of another status: {answer.body!r}")
        self.place.ledger.refused(self.kind, answer.status)
        return False

    def own(self, answer, name):
        """Fails when an answer is another request's."""
        expect(answer.fields.get("x-soak-id") == name, f"MIXED: {name} got the answer of {answer.fields.get('x-soak-id')}")

    def check_body(self, answer, name, size):
        """Fails when a download is not what it should be."""
        self.own(answer, name)
        expect(answer.body == pattern(name, size),
               f"{name}: {len(answer.body)} of {size} bytes, sha256 {hashlib.sha256(answer.body).hexdigest()}")

    # Good clients

    def size(self):
        """Many small ones, some large ones."""
        return self.random.choice([0, 1, 100, 1000, 5000, 65536, 200_000, 1_000_000])

    def target(self, trace, size, root="/files"):
        return f"{root}/{trace}?id={trace}&size={size}&chunked={self.random.randint(0, 1)}"

    async def download(self, root="/files", route="files"):
        """A download by GET or HEAD."""
        size, method = self.size(), self.random.choice(["GET", "GET", "GET", "HEAD"])
        trace = self.begin(route)
        target = self.target(trace, size, root)
        answer = await self.ask(method, target, trace, route)
        if self.judge(answer):
            self.check_body(answer, trace, 0 if method == "HEAD" else size)

    async def upload(self, root="/files", route="files"):
        """An upload, by length or in chunks, of which the upstream tells the digest."""
        data = self.random.randbytes(self.random.choice([0, 1, 1000, 70_000, 400_000]))
        trace = self.begin(route)
        fields = [("Expect", "100-continue")] if self.random.random() < 0.2 else []
        answer = await self.ask("PUT", f"{root}/{trace}?id={trace}", trace, route, fields, data,
                                chunked=self.random.random() < 0.5)
        if self.judge(answer):
            self.own(answer, trace)
            seen = json.loads(answer.body)
            if seen.pop("early", False):
                return  # The upstream has answered before it read.
            expect(seen == {"id": trace, "length": len(data), "sha256": hashlib.sha256(data).hexdigest()},
                   f"an upload of {len(data)} bytes came to {seen}")

    async def pipeline(self):
        """Several requests in one piece; the answers come in their order."""
        wire = await Wire.open(self.place, self.random.random() < 0.3, "one.example")
        asked, data = [], b""
        for _ in range(self.random.randint(2, 8)):
            trace, size = self.begin("files"), self.random.choice([0, 10, 5000, 70_000])
            data += self.head("GET", self.target(trace, size), trace)
            asked.append((trace, size))
        wire.send(data)
        for trace, size in asked:
            try:
                answer = await wire.answer()
            except (NoAnswer, Cut) as error:
                expect(wire.used > 0, f"a pipeline ended before its first answer: {error}")
                raise Failure(f"a pipeline ended after {wire.used} of {len(asked)} answers: {error}") from error
            self.place.ledger.answered(trace, answer)
            if self.judge(answer):
                self.check_body(answer, trace, size)
            elif answer.last:
                break
        await wire.close()

    async def mixed(self):
        """The same through the upstream that does everything wrong: a right answer, a refusal, or one that breaks off."""
        try:
            await (self.upload if self.random.random() < 0.3 else self.download)("/mixed", "mixed")
        except Cut:
            self.place.ledger.refused(self.kind, "cut")

    async def query(self):
        """A prediction; the decision log says later whether the answer was the one decided on."""
        query = self.random.choice(self.place.queries)
        coding = self.random.choice(["", "", "gzip", "deflate"])
        body = {"": query.body, "gzip": query.gzipped, "deflate": query.deflated}[coding]
        fields = [("Content-Type", "application/json")] + ([("Content-Encoding", coding)] if coding else [])
        trace = self.begin("predict", query=query)
        answer = await self.ask("POST", PREDICT, trace, "predict", fields, body, chunked=self.random.random() < 0.2)
        if answer.status not in (200, 403, 428):
            self.judge(answer)
        elif answer.status != 200:
            expect(answer.fields.get("content-type") == "application/problem+json", f"a refusal as {answer.fields}")
            problem = json.loads(answer.body)
            expect("score" not in problem and problem["status"] == answer.status, f"a refusal that says {problem}")
            if answer.status == 428 and self.random.random() < 0.5 and problem["expected_hashes"] < 2e6:
                await self.pay(query, problem["challenge"])

    async def pay(self, query, token):
        """Proves the work that a challenge asks for: the answer is the victim's, once."""
        process = await asyncio.create_subprocess_exec(
            str(self.place.program), "solve", "--quiet", "--threads", "1", token, stdout=asyncio.subprocess.PIPE)
        proof = (await process.communicate())[0].decode().strip()
        expect(process.returncode == 0, f"no proof for {token}")
        for wanted in (200, 403):
            trace = self.begin("predict")
            answer = await self.ask("POST", PREDICT, trace, "predict", [("Samegate-Proof", proof)], query.body)
            if answer.status in UPSTREAM_REFUSALS:
                self.judge(answer)
                return
            expect(answer.status == wanted, f"a proof's use was answered {answer.status}: {answer.body[:300]!r}")
            if wanted == 200:
                expect(json.loads(answer.body) == query.answer, "a paid answer is not the victim's")
        self.place.ledger.proofs += 1

    # Slow clients

    async def slow_head(self):
        """A head in small pieces; one that stops is answered 408 or closed."""
        wire = await Wire.open(self.place)
        trace, stops = self.begin("files"), self.random.random() < 0.3
        data = self.head("GET", self.target(trace, 1000), trace)
        for start in range(0, len(data), 40):
            if stops and start > 80:
                break
            wire.send(data[start : start + 40])
            await asyncio.sleep(0.02)
        await self.finish_slow(wire, trace, stops, 1000)

    async def slow_body(self):
        """A body in small pieces; one that stops is answered 408 or closed."""
        wire = await Wire.open(self.place)
        trace, stops, data = self.begin("files"), self.random.random() < 0.3, self.random.randbytes(2000)
        wire.send(self.head("PUT", f"/files/{trace}?id={trace}", trace, (), len(data)))
        for start in range(0, len(data), 200):
            if stops and start > 1000:
                break
            wire.send(data[start : start + 200])
            await asyncio.sleep(0.05)
        await self.finish_slow(wire, trace, stops, None)

    async def finish_slow(self, wire, trace, stops, size):
        """Takes the answer to a slow request."""
        try:
            answer = await wire.answer()
        except (NoAnswer, Cut) as error:
            self.place.ledger.unanswered(trace)
            expect(stops, f"a slow request was cut: {error}")
            await wire.close()
            return
        self.place.ledger.answered(trace, answer, whole=not stops)
        if self.judge(answer, UPSTREAM_REFUSALS | {408}):
            expect(not stops, "half a request was answered 200")
            if size is not None:
                self.check_body(answer, trace, size)
            else:
                self.own(answer, trace)
        await wire.close()

    async def slow_reader(self):
        """A large download read slowly to its end, or given up half-way."""
        size, gives_up = 2_000_000, self.random.random() < 0.3
        wire = await Wire.open(self.place)
        trace = self.begin("files")
        wire.send(self.head("GET", self.target(trace, size), trace))
        if gives_up:
            try:
                async with asyncio.timeout(PATIENCE):
                    await wire.reader.read(50_000)
                await asyncio.sleep(0.2)
            except OSError:
                pass
            reset(wire.writer)
            self.place.ledger.unanswered(trace)
            return
        answer = await wire.answer(pause=0.01)
        self.place.ledger.answered(trace, answer)
        if self.judge(answer):
            self.check_body(answer, trace, size)
        await wire.close()

    # Hostile clients

    async def throw(self, data, tls=False):
        """Sends bytes, takes what comes for a moment, and leaves in one of several ways."""
        port = self.place.tls_port if tls else self.place.port
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        try:
            at = 0
            while at < len(data):
                piece = data[at : at + (len(data) if self.random.random() < 0.5 else self.random.randint(1, 4000))]
                writer.write(piece)
                await writer.drain()
                at += len(piece)
            way = self.random.choice(["half-close", "reset", "wait", "close"])
            if way == "half-close" and writer.can_write_eof():
                writer.write_eof()
            if way in ("half-close", "wait"):
                async with asyncio.timeout(self.random.random()):
                    while await reader.read(65536):
                        pass
            if way == "reset":
                reset(writer)
        except (OSError, TimeoutError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()

    async def payloads(self):
        """The published payloads of request smuggling."""
        await self.throw(self.random.choice(self.place.payloads))

    async def mutations(self):
        """Requests and payloads with random changes."""
        data = bytearray(self.random.choice(self.place.payloads)[:20_000])
        if self.random.random() < 0.3:
            # A good request in front: what follows meets a connection that is in use.
            data[:0] = b"POST /hostile/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        for _ in range(self.random.randint(1, 8)):
            at = self.random.randrange(len(data) + 1)
            end = min(len(data), at + self.random.randint(1, 12))
            change = self.random.randrange(5)
            if change == 0:
                data[at:end] = self.random.randbytes(end - at)
            elif change == 1:
                del data[at:end]
            elif change == 2:
                data[at:at] = self.random.choice([b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b",", b"chunked", b"0", b":",
                                                  b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
            elif change == 3:
                data[at:at] = data[self.random.randrange(len(data) + 1) :][: self.random.randint(1, 60)]
            else:
                del data[at:]
        await self.throw(bytes(data))

    async def garbage(self):
        """Random bytes, to either port; and clear text where TLS is spoken."""
        tls = self.random.random() < 0.5
        data = self.random.randbytes(self.random.choice([1, 5, 50, 500, 50_000]))
        if self.random.random() < 0.3:
            # A TLS record that promises a handshake and is none.
            data = b"\x16\x03\x01" + struct.pack(">H", self.random.randint(0, 0x4200)) + data
        elif self.random.random() < 0.2:
            data = b"GET /hostile/clear HTTP/1.1\r\nHost: h\r\n\r\n"
        await self.throw(data, tls)

    async def resets(self):
        """Requests whose client goes away within the body, or before the answer."""
        wire = await Wire.open(self.place)
        route = self.random.choice(["files", "predict", "mixed"])
        trace = self.begin(route)
        self.place.ledger.unanswered(trace)
        target = PREDICT if route == "predict" else f"/{route}/{trace}?id={trace}&size=1000000"
        body = self.random.choice(self.place.queries).body if route == "predict" else self.random.randbytes(30_000)
        stop = self.random.choice([0, 1, len(body) // 2, len(body)])
        wire.send(self.head("POST" if route == "predict" else "PUT", target, trace, (), len(body)) + body[:stop])
        await asyncio.sleep(self.random.random() * 0.05)
        if self.random.random() < 0.5:
            reset(wire.writer)
        else:
            await wire.close()

    async def handshakes(self):
        """TLS that breaks off: a handshake that is cut, and one that ends with no request."""
        if self.random.random() < 0.5:
            context, incoming, outgoing = ssl.create_default_context(), ssl.MemoryBIO(), ssl.MemoryBIO()
            half = context.wrap_bio(incoming, outgoing, server_hostname="one.example")
            try:
                half.do_handshake()
            except ssl.SSLWantReadError:
                pass
            hello = outgoing.read()
            await self.throw(hello[: self.random.randint(1, len(hello))], tls=True)
        else:
            try:
                wire = await Wire.open(self.place, True, "nobody.example")
            except (OSError, ssl.SSLError):
                return
            reset(wire.writer)


class Query:
    """A picture as clients send it, and the victim's own answer to it."""

    def __init__(self, kind, picture):
        self.kind = kind
        rows = [[[round(picture[28 * y + x] / 255, 4)] for x in range(28)] for y in range(28)]
        self.body = json.dumps({"instances": [rows]}).encode()
        self.gzipped, self.deflated = gzip.compress(self.body, mtime=0), zlib.compress(self.body)
        self.answer = None
