"""Writes the fixtures beside it with Python's zlib and gzip: python3 make.py"""
import gzip, io, json, random, struct, zlib
random.seed(7)
rows = [[[[round(random.random(), 3)] for _ in range(28)] for _ in range(28)] for _ in range(4)]
plain = json.dumps({"instances": rows}).encode()
def put(name, data): open(name, "wb").write(data)
def z(wbits, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, data=plain):
    c = zlib.compressobj(level, zlib.DEFLATED, wbits, 8, strategy)
    return c.compress(data) + c.flush()
put("plain", plain)
put("level1.gzip", z(31, 1)); put("level9.gzip", z(31, 9)); put("stored.gzip", z(31, 0))
put("fixed.gzip", z(31, 6, zlib.Z_FIXED)); put("huffman.gzip", z(31, 6, zlib.Z_HUFFMAN_ONLY))
put("library.gzip", gzip.compress(plain))
put("zlib.deflate", z(15)); put("window9.deflate", z(9)); put("raw.deflate", z(-15)); put("raw-stored.deflate", z(-15, 0))
put("members.gzip", b"".join(z(31, data=plain[i:i + 9000]) for i in range(0, len(plain), 9000)))
# FTEXT, FHCRC, FEXTRA, FNAME and FCOMMENT at once (RFC 1952 section 2.3.1).
head = b"\x1f\x8b\x08\x1f" + struct.pack("<I", 1) + b"\x00\x03" + struct.pack("<H", 4) + b"ab\x00\x00" + b"name\0comment\0"
body = z(-15)
put("header.gzip", head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + body
    + struct.pack("<II", zlib.crc32(plain), len(plain)))
c = zlib.compressobj(6, zlib.DEFLATED, 31)
put("flushed.gzip", b"".join(c.compress(plain[i:i + 700]) + c.flush(zlib.Z_SYNC_FLUSH)
                             for i in range(0, len(plain), 700)) + c.flush())
d = zlib.compressobj(zdict=b"instances")
put("dictionary.zlib", d.compress(plain) + d.flush())
put("twice.zlib", z(31, data=z(15)))
