"""Times the scoring engine and three others on the same networks, one thread each, by turns.

The engine writes its weights and images (`samegate bench score --export`), the autoencoder or the auxiliary ResNet-18
is built from them in PyTorch and exported to ONNX for the others. Every round measures each engine once, in an order that moves on by one,
so that whatever else the machine does meets all alike. Ratios are taken within a round; the median and the quartiles
over the rounds are printed, with the machine's load before and after. The score error of an autoencoder is the
relative difference of an image's reconstruction loss from the one that float64 gives; that of the classifier the
difference of a class probability from float64's for the same picture. The mean and the largest over the images are
printed; the last line has the largest, which by itself varies too much from one set of weights to the next to tell apart
engines that differ by less than half.
"""

import argparse
import json
import os
import statistics
import struct
import subprocess
import time

import numpy as np
import openvino
import onnxruntime
import torch
import torch_models
from torch import nn

MODELS = {
    "p4": dict(architecture="paper-p4", shape=(1, 28, 28), patch=4, width=192, blocks=(12, 4), heads=3),
    "cifar": dict(architecture="paper-cifar", shape=(3, 32, 32), patch=2, width=192, blocks=(12, 4), heads=3),
    "resnet18": dict(
        architecture="resnet18", shape=(3, 32, 32), classifier=dict(blocks=[2, 2, 2, 2], width=64, stem="cifar"), classes=10
    ),
    "small": dict(architecture="small", shape=(1, 28, 28), patch=4, width=32, blocks=(2, 1), heads=4),
}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], dtype=np.float32)
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.attn["qkv"](self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.attn["proj"](y.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(x))))


class Autoencoder(nn.Module):
    """The reconstruction of images with every patch visible."""

    def __init__(self, model):
        super().__init__()
        (channels, height, width), patch, size = model["shape"], model["patch"], model["width"]
        self.grid, self.patch, self.channels = (height // patch, width // patch), patch, channels
        patches = self.grid[0] * self.grid[1]
        parameter = lambda *shape: nn.Parameter(torch.zeros(*shape))
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.cls_token, self.encoder.pos_embedding = parameter(1, 1, size), parameter(patches, 1, size)
        self.encoder.patchify = nn.Conv2d(channels, size, patch, patch)
        self.encoder.transformer = nn.Sequential(*(Block(size, model["heads"]) for _ in range(model["blocks"][0])))
        self.encoder.layer_norm = nn.LayerNorm(size)
        self.decoder.mask_token, self.decoder.pos_embedding = parameter(1, 1, size), parameter(patches + 1, 1, size)
        self.decoder.transformer = nn.Sequential(*(Block(size, model["heads"]) for _ in range(model["blocks"][1])))
        self.decoder.head = nn.Linear(size, channels * patch * patch)

    def forward(self, x):
        batch = x.shape[0]
        tokens = self.encoder.patchify(x).flatten(2).transpose(1, 2) + self.encoder.pos_embedding.transpose(0, 1)
        tokens = torch.cat([self.encoder.cls_token.expand(batch, -1, -1), tokens], dim=1)
        tokens = self.encoder.layer_norm(self.encoder.transformer(tokens))
        tokens = self.decoder.transformer(tokens + self.decoder.pos_embedding.transpose(0, 1))
        painted = self.decoder.head(tokens[:, 1:])
        painted = painted.reshape(batch, *self.grid, self.channels, self.patch, self.patch)
        return painted.permute(0, 3, 1, 4, 2, 5).reshape(x.shape)


class Timed:
    """An engine's model for one batch size."""

    def __init__(self, run):
        self.run = run

    def milliseconds(self, batch, budget, clock):
        self.run()
        begin = clock()
        self.run()
        repeats = max(1, int(budget / 1e3 / max(1e-6, clock() - begin)))
        begin = clock()
        for _ in range(repeats):
            self.run()
        return 1e3 * (clock() - begin) / repeats / batch


def engines(model, network, folder, images, batch):
    """Every other engine's way to reconstruct `batch` images, and what it makes of all the images."""
    x = torch.from_numpy(images[:batch].copy())
    path = os.path.join(folder, f"model-{batch}.onnx")
    torch.onnx.export(network, (x,), path, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = {
        "pytorch": lambda x: network(torch.from_numpy(x)).numpy(),
        "onnxruntime": lambda x: session.run(None, {"x": x})[0],
    }
    core = openvino.Core()
    for name in ("f32", "bf16"):
        compiled = core.compile_model(
            core.read_model(path), "CPU",
            {"INFERENCE_PRECISION_HINT": name, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"},
        )
        request = compiled.create_infer_request()
        found["openvino-" + name] = lambda x, request=request: request.infer({0: x})[compiled_output(request)]
    return found


def compiled_output(request):
    return request.model_outputs[0]


def samegate(arguments, model, batch):
    command = [
        arguments.samegate, "bench", "score", "--architecture", model["architecture"], "--autoencoder-only",
        "--batch", str(batch), "--threads", "1", "--json", "--rounds", "1", "--milliseconds", str(arguments.milliseconds),
    ]
    if arguments.processor_time:
        command.append("--processor-time")
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {row["precision"]: row["ms"] for row in map(json.loads, lines)}


class Reconstruction:
    """What is compared of an autoencoder."""

    def __init__(self, model, folder):
        self.folder, self.shape = folder, model["shape"]
        self.network = Autoencoder(model).eval()
        self.network.load_state_dict(read_safetensors(os.path.join(folder, "mae.safetensors")))
        self.images = floats(folder, "images", self.shape)
        self.exact = self.losses(in_float64(self.network, self.images))

    def losses(self, painted):
        difference = self.images.astype(np.float64) - painted.astype(np.float64)
        return (difference**2).reshape(len(painted), -1).mean(axis=1)

    def error(self, painted):
        return np.abs(self.losses(painted) - self.exact) / self.exact

    def own_error(self, precision):
        return self.error(floats(self.folder, f"reconstructions-{precision}", self.shape))


class Classification:
    """What is compared of the auxiliary model, which looks at reconstructions: each precision's at its own."""

    def __init__(self, model, folder):
        self.folder, self.model = folder, model
        classifier = torch_models.ResNet(model["shape"], model["classes"], **model["classifier"])
        state = read_safetensors(os.path.join(folder, "auxiliary.safetensors"))
        missing, unexpected = classifier.load_state_dict(state, strict=False)
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise SystemExit(f"the weights do not fit: missing {missing}, unexpected {unexpected}")
        self.network = nn.Sequential(classifier, nn.Softmax(dim=1)).eval()
        self.images = floats(folder, "reconstructions-f32", model["shape"])
        self.exact = in_float64(self.network, self.images)

    def error(self, probabilities):
        return np.abs(probabilities - self.exact)

    def own_error(self, precision):
        painted = floats(self.folder, f"reconstructions-{precision}", self.model["shape"])
        found = floats(self.folder, f"probabilities-{precision}", (self.model["classes"],))
        return np.abs(found - in_float64(self.network, painted))


def floats(folder, name, shape):
    return np.fromfile(os.path.join(folder, f"{name}.f32"), dtype=np.float32).reshape(-1, *shape)


def in_float64(network, images):
    network.double()
    found = [network(torch.from_numpy(images[i : i + 32].astype(np.float64))).numpy() for i in range(0, len(images), 32)]
    network.float()
    return np.concatenate(found)


def spread(values):
    if len(values) < 2:
        return f"{values[0]:.3f}"
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} … {high:.3f})"


def compare(arguments, name):
    """Prints one model's table; returns the ratios to OpenVINO and the score errors."""
    model, folder = MODELS[name], os.path.join(arguments.folder, name)
    subprocess.run(
        [arguments.samegate, "bench", "score", "--architecture", model["architecture"], "--autoencoder-only",
         "--export", folder], check=True)
    compared = (Classification if "classifier" in model else Reconstruction)(model, folder)
    images, network = compared.images, compared.network
    errors, times = {}, {}
    clock = time.process_time if arguments.processor_time else time.perf_counter
    for file in sorted(os.listdir(folder)):
        if file.startswith("reconstructions-"):
            precision = file.split("-")[1].split(".")[0]
            errors[f"samegate-{precision}"] = compared.own_error(precision)
    load = os.getloadavg()[0]
    others = {batch: engines(model, network, folder, images, batch) for batch in arguments.batches}
    for engine, run in others[arguments.batches[0]].items():
        step = arguments.batches[0]
        errors[engine] = compared.error(np.concatenate([run(images[i : i + step]) for i in range(0, len(images), step)]))
    for turn in range(arguments.rounds):
        for batch in arguments.batches:
            order = ["samegate"] + list(others[batch])
            for engine in order[turn % len(order) :] + order[: turn % len(order)]:
                if engine == "samegate":
                    for precision, ms in samegate(arguments, model, batch).items():
                        times.setdefault((f"samegate-{precision}", batch), []).append(ms)
                else:
                    run = Timed(lambda: others[batch][engine](images[:batch]))
                    times.setdefault((engine, batch), []).append(run.milliseconds(batch, arguments.milliseconds, clock))
    return report(name, arguments, times, errors, (load, os.getloadavg()[0]))


def report(name, arguments, times, errors, load):
    print(f"\n{name}: {MODELS[name]['architecture']}, one thread, {arguments.rounds} rounds, load {load[0]:.1f} … {load[1]:.1f}")
    print(f"{'engine':16} {'batch':>5}  {'ms/image':28} {'ratio to OpenVINO bf16':28} score error: mean, largest")
    ratios = {}
    for (engine, batch), values in sorted(times.items(), key=lambda item: (item[0][1], item[0][0])):
        against = [a / b for a, b in zip(values, times["openvino-bf16", batch])]
        print(f"{engine:16} {batch:5}  {spread(values):28} {spread(against):28} {errors[engine].mean():.2e} {errors[engine].max():.2e}")
        if engine.startswith("samegate-"):
            precision = engine.split("-")[1]
            ratios.setdefault(precision, {})[f"b{batch}"] = round(statistics.median(against), 4)
    first = arguments.batches[0]
    f32 = [a / b for a, b in zip(times["samegate-f32", first], times["openvino-f32", first])]
    return ratios, round(statistics.median(f32), 4), {engine: float(found.max()) for engine, found in errors.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samegate", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--models", default="p4,cifar,resnet18,small")
    parser.add_argument("--batches", default="1,8", type=lambda text: [int(size) for size in text.split(",")])
    parser.add_argument("--rounds", default=9, type=int)
    parser.add_argument("--milliseconds", default=150, type=int, help="how long one measurement takes")
    parser.add_argument("--processor-time", action="store_true",
                        help="count the processor time used in place of the clock's, where others use the machine too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result, f32, errors = {}, {}, {}
    with torch.inference_mode():
        for name in arguments.models.split(","):
            os.makedirs(os.path.join(arguments.folder, name), exist_ok=True)
            result[name], f32[name], errors[name] = compare(arguments, name)
    print(json.dumps({"vs_openvino_bf16": result, "f32_vs_openvino_f32": f32, "score_error": errors}), flush=True)


if __name__ == "__main__":
    main()
