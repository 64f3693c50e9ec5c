"""The upstreams of Scripts/soak: one that answers as it should, and one that does everything an upstream may do wrong.

A right answer can be told from any other one: it names the request's id in a field and its body is made of the id.
"""

import asyncio
import hashlib
import json
import random
import socket
import struct
import urllib.parse

LARGEST = 1 << 22


def pattern(name, size):
    """The body of `size` bytes that belongs to an id."""
    seed = hashlib.sha256(name.encode()).hexdigest().encode() + b"|"
    return (seed * (size // len(seed) + 1))[:size]


def reset(writer):
    """Closes a connection with RST."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Request:
    """A request as an upstream has read it."""

    def __init__(self, method, target, fields):
        self.method, self.target, self.fields = method, target, fields
        url = urllib.parse.urlsplit(target)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.name = self.query.get("id", "")
        self.path = url.path
        self.size = min(int(self.query.get("size", "100")), LARGEST)
        self.digest, self.length, self.is_early = hashlib.sha256(), 0, False

    @staticmethod
    async def head(reader):
        """Reads a head; nothing at the end of the stream."""
        try:
            text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        first, *lines = text.split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        fields = {}
        for line in lines:
            key, value = line.split(":", 1)
            fields[key.lower()] = value.strip()
        return Request(method, target, fields)

    async def body(self, reader):
        """Reads the body into its digest."""
        if self.fields.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await self.piece(reader, size)
                await reader.readexactly(2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        else:
            await self.piece(reader, int(self.fields.get("content-length", "0")))

    async def piece(self, reader, size):
        """Takes `size` bytes into the digest, few at a time."""
        while size:
            data = await reader.read(min(size, 65536))
            if not data:
                raise asyncio.IncompleteReadError(b"", size)
            self.digest.update(data)
            self.length += len(data)
            size -= len(data)

    def answer(self):
        """Fields and body of the right answer."""
        fields = [f"X-Soak-Id: {self.name}"]
        if self.method in ("GET", "HEAD"):
            return fields + ["Content-Type: application/octet-stream"], pattern(self.name, self.size)
        seen = {"id": self.name, "length": self.length, "sha256": self.digest.hexdigest()}
        text = json.dumps(seen | ({"early": True} if self.is_early else {}))
        return fields + ["Content-Type: application/json"], text.encode()


class Upstream:
    """A server on the loopback that answers every request rightly."""

    def __init__(self):
        self.server, self.port, self.writers, self.requests = None, 0, set(), 0

    async def start(self):
        """Listens; at the port it had, if it had one."""
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def stop(self):
        """Dies: no listener, and every connection reset."""
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in list(self.writers):
            reset(writer)

    async def serve(self, reader, writer):
        """One connection, from the first request to its end."""
        self.writers.add(writer)
        try:
            while request := await Request.head(reader):
                self.requests += 1
                if not await self.exchange(request, reader, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def exchange(self, request, reader, writer):
        """Answers one request; returns whether the connection goes on."""
        if "100-continue" in request.fields.get("expect", "").lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await request.body(reader)
        await self.right(request, writer)
        return True

    async def right(self, request, writer, chunked=None):
        """Sends the right answer."""
        fields, body = request.answer()
        chunked = request.query.get("chunked") == "1" if chunked is None else chunked
        fields.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}")
        writer.write(("HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + "\r\n\r\n").encode())
        if request.method != "HEAD":
            for start in range(0, len(body), 65536):
                piece = body[start : start + 65536]
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                await writer.drain()
            if chunked:
                writer.write(b"0\r\n\r\n")
        await writer.drain()


class HostileUpstream(Upstream):
    """A server that answers half of the requests rightly, and does something wrong with each of the others."""

    WRONGS = ["silence", "reset", "half_head", "half_body", "half_chunks", "garbage", "hang", "closes", "surplus",
              "two_lengths", "drip", "early", "interim", "bad_chunk", "switching"]

    def __init__(self, seed):
        super().__init__()
        self.random, self.done = random.Random(f"{seed}/upstream"), {}

    async def exchange(self, request, reader, writer):
        wrong = self.random.choice(self.WRONGS) if self.random.random() < 0.5 else "rightly"
        self.done[wrong] = self.done.get(wrong, 0) + 1
        if wrong == "early":
            # An answer before the body has been read, and the end.
            request.is_early = True
            await self.right(request, writer)
            return False
        await request.body(reader)
        return await getattr(self, wrong)(request, reader, writer)

    async def finish(self, writer, data):
        """Sends what it has and closes."""
        writer.write(data)
        await writer.drain()
        return False

    async def rightly(self, request, _, writer):
        await self.right(request, writer)
        return True

    async def silence(self, _, __, ___):
        return False

    async def reset(self, _, __, writer):
        reset(writer)
        return False

    async def half_head(self, _, __, writer):
        return await self.finish(writer, b"HTTP/1.1 200 OK\r\nContent-Le")

    async def half_body(self, request, _, writer):
        fields, body = request.answer()
        head = "HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + f"\r\nContent-Length: {len(body) + 1000}\r\n\r\n"
        return await self.finish(writer, head.encode() + body[: len(body) // 2])

    async def half_chunks(self, request, _, writer):
        fields, body = request.answer()
        head = "HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + "\r\nTransfer-Encoding: chunked\r\n\r\n"
        return await self.finish(writer, head.encode() + b"%x\r\n%s" % (len(body) + 5, body))

    async def garbage(self, _, __, writer):
        return await self.finish(writer, self.random.randbytes(self.random.randint(1, 2000)))

    async def hang(self, _, reader, __):
        await reader.read(1)  # Until the gateway gives up.
        return False

    async def closes(self, request, _, writer):
        # Right, and then the end, without a word of it: the next request meets a dead connection.
        await self.right(request, writer)
        return False

    async def surplus(self, request, _, writer):
        # In one piece with an answer nobody asked for: a gateway that keeps the connection gives it to the next client.
        # Only when it is one piece for the reader as well: behind a long answer no proxy could tell it from a late one.
        fields, body = request.answer()
        if len(body) > 1000:
            return await self.rightly(request, None, writer)
        head = "HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + f"\r\nContent-Length: {len(body)}\r\n\r\n"
        body = b"" if request.method == "HEAD" else body
        writer.write(head.encode() + body + b"HTTP/1.1 200 OK\r\nX-Soak-Id: poison\r\nContent-Length: 6\r\n\r\npoison")
        await writer.drain()
        return True

    async def two_lengths(self, request, _, writer):
        fields, body = request.answer()
        more = f"\r\nContent-Length: {len(body)}\r\nContent-Length: {len(body) + 7}\r\n\r\n"
        return await self.finish(writer, ("HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + more).encode() + body)

    async def bad_chunk(self, request, _, writer):
        fields, body = request.answer()
        head = "HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + "\r\nTransfer-Encoding: chunked\r\n\r\n"
        return await self.finish(writer, head.encode() + b"%x\r\n%s\r\n+5\r\nwrong\r\n0\r\n\r\n" % (len(body), body))

    async def drip(self, request, _, writer):
        fields, body = request.answer()
        body = b"" if request.method == "HEAD" else body
        head = "HTTP/1.1 200 OK\r\n" + "\r\n".join(fields) + f"\r\nContent-Length: {len(request.answer()[1])}\r\n\r\n"
        data = head.encode() + body
        for start in range(0, 300, 30):
            writer.write(data[start : start + 30])
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(data[300:])
        await writer.drain()
        return True

    async def interim(self, request, _, writer):
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3)
        await self.right(request, writer)
        return True

    async def switching(self, _, __, writer):
        return await self.finish(writer, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: soak\r\nConnection: upgrade\r\n\r\n")
