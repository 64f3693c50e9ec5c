"""Times steps of what `samegate fit --preset small` trains, and of the same networks in PyTorch, by turns.

A step is the gradients of one batch of 28x28 images and the optimiser's update: of the masked autoencoder, its mask ratios
by turns, of the auxiliary model, and of the perturbation detector, to which reconstructions are given. Each round measures
both once, in an order that alternates, so that whatever else the machine does meets both alike; ratios are taken within a
round.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import time

import torch
import torch_models
from torch.nn import functional as F

IMAGE = (1, 28, 28)
RATIOS = (0.75, 0.5, 0.25)
LOSS_DIVISOR = 0.75


def autoencoder_step(batch):
    module = torch_models.MaskedAutoencoder(IMAGE, 4, 32, (2, 1), (4, 4))
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    images, ratios = torch.rand(batch, *IMAGE) * 2 - 1, itertools.cycle(RATIOS)

    def step():
        visible = int(module.patches * (1 - next(ratios)))
        masks = torch.rand(batch, module.patches).argsort(1)[:, :visible]
        optimizer.zero_grad()
        (((module(images, masks) - images) ** 2).mean() / LOSS_DIVISOR).backward()
        optimizer.step()

    return step, len(RATIOS)


def auxiliary_step(batch):
    module = torch_models.Conv3(IMAGE, 10, 16)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, betas=(0.9, 0.999), weight_decay=0.01, fused=True)
    images, wanted = torch.rand(batch, *IMAGE) * 2 - 1, torch.full((batch, 10), 0.1)

    def step():
        optimizer.zero_grad()
        ((F.softmax(module(images), 1) - wanted) ** 2).sum(1).mean().backward()
        optimizer.step()

    return step, 1


def perturbation_step(batch):
    module = torch_models.PerturbationDetector(1, 8)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-3, fused=True)
    images, painted = (torch.rand(batch, *IMAGE) * 2 - 1 for _ in range(2))
    wanted = (torch.arange(batch) >= batch // 2).float()

    def step():
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(module(images, painted), wanted).backward()
        optimizer.step()

    return step, 1


def milliseconds(step, turn, budget):
    """The mean over whole turns of a step, for at least so long, after one turn that does not count."""
    for _ in range(turn):
        step()
    begin, turns = time.perf_counter(), 0
    while turns == 0 or time.perf_counter() - begin < budget / 1e3:
        for _ in range(turn):
            step()
        turns += 1
    return 1e3 * (time.perf_counter() - begin) / turns / turn


def samegate(arguments):
    command = [arguments.samegate, "bench", "train", "--preset", "small", "--batch", str(arguments.batch), "--threads",
               str(arguments.threads), "--milliseconds", str(arguments.milliseconds), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def spread(values):
    if len(values) < 2:
        return f"{values[0]:.3f}"
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} … {high:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samegate", required=True)
    parser.add_argument("--batch", default=128, type=int)
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), type=int)
    parser.add_argument("--rounds", default=9, type=int)
    parser.add_argument("--milliseconds", default=700, type=int, help="how long one measurement takes")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    steps = {"autoencoder": autoencoder_step(arguments.batch), "auxiliary": auxiliary_step(arguments.batch),
             "perturbation": perturbation_step(arguments.batch)}
    own, theirs = {name: [] for name in steps}, {name: [] for name in steps}
    load = os.getloadavg()[0]
    for turn in range(arguments.rounds):
        for side in ("own", "torch") if turn % 2 else ("torch", "own"):
            if side == "own":
                for name, value in samegate(arguments).items():
                    own[name].append(value)
            else:
                for name, (step, length) in steps.items():
                    theirs[name].append(milliseconds(step, length, arguments.milliseconds))
    print(f"batch {arguments.batch}, {arguments.threads} threads, {arguments.rounds} rounds, "
          f"load {load:.1f} … {os.getloadavg()[0]:.1f}; PyTorch {torch.__version__}")
    print(f"{'phase':12} {'samegate, ms a step':28} {'PyTorch, ms a step':28} samegate / PyTorch")
    ratios = {}
    for name in steps:
        against = [a / b for a, b in zip(own[name], theirs[name])]
        print(f"{name:12} {spread(own[name]):28} {spread(theirs[name]):28} {spread(against)}")
        ratios[name] = round(statistics.median(against), 4)
    print(json.dumps({"training_vs_pytorch": ratios}), flush=True)


if __name__ == "__main__":
    main()
