"""Asks a model by the Open Inference Protocol with Triton's own client, directly and through a gateway that perturbs about half
of the answers and rejects what is strange; called by Scripts/clients.

  clients_triton.py VICTIM GATEWAY PICTURES
"""

import gzip
import itertools
import sys

import numpy
import tritonclient
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

victim, gateway, path = sys.argv[1:]
with gzip.open(path) as file:
    pictures = numpy.frombuffer(file.read(16 + 64 * 784)[16:], numpy.uint8).reshape(64, 28, 28, 1)


def ask(client, batch, raw_in, raw_out, name="fashion"):
    """The probabilities for a batch, sent and answered as raw tensors or as text."""
    tensor = triton.InferInput("input", list(batch.shape), "FP32")
    tensor.set_data_from_numpy(batch, binary_data=raw_in)
    wanted = [triton.InferRequestedOutput("probabilities", binary_data=raw_out)]
    return client.infer(name, [tensor], outputs=wanted, request_id="r").as_numpy("probabilities")


with triton.InferenceServerClient(victim) as direct, triton.InferenceServerClient(gateway) as through:
    assert through.is_server_ready() and through.is_model_ready("fashion")
    told = through.get_model_metadata("fashion")
    assert told == direct.get_model_metadata("fashion") and told["inputs"][0]["shape"] == [-1, 28, 28, 1], told
    changed = 0
    for start in range(0, 64, 16):
        batch = (pictures[start:start + 16] / 255).astype(numpy.float32)
        own = ask(direct, batch, True, True)
        answers = [ask(through, batch, *forms) for forms in itertools.product((True, False), repeat=2)]
        alone = numpy.concatenate([ask(through, row[None], True, False) for row in batch])
        for answer in [*answers, alone]:
            # Text and raw tensors of a perturbed row differ by no more than the rounding of what is written.
            assert answer.shape == own.shape and numpy.abs(answer - answers[0]).max() < 1e-6
            assert (answer.argmax(1) == own.argmax(1)).all() and numpy.abs(answer.sum(1) - 1).max() < 1e-4
        distance = numpy.abs(answers[0] - own).sum(1)
        assert distance.max() <= 0.2 + 1e-4, distance
        changed += int((distance > 1e-4).sum())
    assert 8 <= changed <= 56, f"{changed} of 64 answers were perturbed, where about half were to be"
    noise = numpy.random.default_rng(1).random((1, 28, 28, 1), numpy.float32)
    for forms in itertools.product((True, False), repeat=2):
        try:
            ask(through, noise, *forms)
            raise AssertionError("noise was answered")
        except InferenceServerException as error:
            assert "403" in str(error.status()), error
    # What the gateway cannot score or change.
    tensor = triton.InferInput("input", [1, 28, 28, 1], "FP32")
    tensor.set_data_from_numpy(noise)
    for output in (triton.InferRequestedOutput("probabilities", class_count=3), None):
        if output is None:
            tensor.set_shared_memory("region", 3136)
            output = triton.InferRequestedOutput("probabilities")
        try:
            through.infer("fashion", [tensor], outputs=[output])
            raise AssertionError("what cannot be scored was answered")
        except InferenceServerException as error:
            assert "400" in str(error.status()), error
print(f"{tritonclient.__version__ if hasattr(tritonclient, '__version__') else 'tritonclient'}, "
      f"{changed} of 64 answers perturbed")
