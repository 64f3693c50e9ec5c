"""Talks to a running demonstration as a Python client would; called by Scripts/smoke.

  smoke-requests.py URL FOLDER PROGRAM
"""

import pathlib
import subprocess
import sys

import requests

url, folder, program = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
benign = (folder / "benign.json").read_bytes()
noise = (folder / "noise.json").read_bytes()


def chunks(body: bytes):
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


with requests.Session() as session:
    for _ in range(20):
        answer = session.post(url, data=benign, timeout=10)
        assert answer.status_code == 200, answer.text
        assert abs(sum(answer.json()["predictions"][0]) - 1) < 1e-3, answer.text

    chunked = session.post(url, data=chunks(benign), timeout=10)
    assert chunked.json() == answer.json(), "a chunked body is another query"

    refused = session.post(url, data=noise, timeout=10)
    assert refused.status_code in (403, 428), refused.text
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "score" not in refused.json(), "clients never see scores"

    status = session.get(url.removesuffix(":predict"), timeout=10)
    assert status.status_code == 200, status.text

    other = session.put(url, data=benign, timeout=10)
    assert other.status_code == 405, other.status_code

    if refused.status_code == 428:
        proof = subprocess.run(
            [program, "solve", "--quiet"], input=refused.content, stdout=subprocess.PIPE, check=True
        ).stdout.decode().strip()
        paid = session.post(url, data=noise, headers={"Samegate-Proof": proof}, timeout=10)
        assert paid.status_code == 200, paid.text
        again = session.post(url, data=noise, headers={"Samegate-Proof": proof}, timeout=10)
        assert again.status_code == 403, again.text

print("requests: all well")
