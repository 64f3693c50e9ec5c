"""Talks to a running gateway with Python's requests or httpx; called by Scripts/clients.

  clients_python.py LIBRARY BASE SECURE CERTIFICATE LARGEST DIGEST
"""

import hashlib
import importlib
import sys

library, base, secure, certificate, largest, digest = sys.argv[1:]
module = importlib.import_module(library)
if library == "httpx":
    import ssl

    def make():
        """A client that trusts the certificate."""
        return module.Client(verify=ssl.create_default_context(cafile=certificate), timeout=30)

    def body(data):
        """How data is sent."""
        return {"content": data}
else:

    def make():
        """A session that trusts the certificate."""
        session = module.Session()
        session.verify, session.trust_env = certificate, False
        return session

    def body(data):
        """How data is sent."""
        return {"data": data}


def pieces(data):
    """Data without a length: it is sent in chunks."""
    for start in range(0, len(data), 7919):
        yield data[start : start + 7919]


data = bytes(range(256)) * 1000
wanted = {"id": "up", "length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
for root in (base, secure):
    with make() as client:
        for _ in range(5):
            answer = client.get(root + "/files/a?id=a&size=1000")
            assert answer.status_code == 200 and answer.headers["X-Soak-Id"] == "a" and len(answer.content) == 1000
        assert client.put(root + "/files/up?id=up", **body(data)).json() == wanted
        assert client.put(root + "/files/up?id=up", **body(pieces(data))).json() == wanted
        answer = client.get(f"{root}/files/large?id=large&size={largest}")
        assert hashlib.sha256(answer.content).hexdigest() == digest
        assert answer.headers.get("Content-Encoding") == "gzip", "the answer was to be compressed"
        answer = client.get(f"{root}/files/large?id=large&size={largest}&chunked=1", headers={"Accept-Encoding": "identity"})
        assert hashlib.sha256(answer.content).hexdigest() == digest and "Content-Encoding" not in answer.headers
        answer = client.head(root + "/files/a?id=a&size=1000", headers={"Accept-Encoding": "identity"})
        assert answer.status_code == 200 and answer.content == b"" and answer.headers["Content-Length"] == "1000"
        for path, method, statuses in [("/nowhere", "GET", {404}), ("/files/a", "DELETE", {405}), ("/dead", "GET", {502, 503, 504})]:
            answer = client.request(method, root + path)
            assert answer.status_code in statuses and answer.json()["status"] == answer.status_code, answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
print(module.__version__)
