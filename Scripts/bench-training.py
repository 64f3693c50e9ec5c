"""Times steps of what `samegate fit` trains, and of the same networks in PyTorch, by turns.

A step is the gradients of one batch of images and the optimiser's update: of the masked autoencoder, its mask ratios by
turns, of the auxiliary model, and of the perturbation detector, to which reconstructions are given. `samegate bench train`
says what it trained, and the same is made in PyTorch. Each round measures both once, in an order that alternates, so that
whatever else the machine does meets both alike; ratios are taken within a round.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time

import torch
import torch_models
from torch.nn import functional as F

LEARNING_RATE = 1e-4
LOSS_DIVISOR = 0.75


def optimizer_of(module, described):
    [(kind, settings)] = described.items()
    if kind == "sgd":
        return torch.optim.SGD(
            module.parameters(), lr=LEARNING_RATE, momentum=settings["momentum"], weight_decay=settings["weightDecay"],
            fused=True,
        )  # fmt: skip
    return torch.optim.AdamW(
        module.parameters(), lr=LEARNING_RATE, betas=(settings["beta1"], settings["beta2"]),
        weight_decay=settings["weightDecay"], fused=True,
    )  # fmt: skip


def autoencoder_loss(phase):
    module, batch = torch_models.autoencoder(phase["architecture"]), phase["batch"]
    images, ratios = random_images(phase["architecture"]["image"], batch), itertools.cycle(phase["maskRatios"])

    def loss():
        visible = int(module.patches * (1 - next(ratios)))
        masks = torch.rand(batch, module.patches).argsort(1)[:, :visible]
        return ((module(images, masks) - images) ** 2).mean() / LOSS_DIVISOR

    return module, loss


def auxiliary_loss(phase):
    module, [fields] = torch_models.classifier(phase["architecture"]), phase["architecture"].values()
    images = random_images(fields["image"], phase["batch"])
    wanted = torch.full((phase["batch"], fields["classes"]), 1 / fields["classes"])
    return module, lambda: ((F.softmax(module(images), 1) - wanted) ** 2).sum(1).mean()


def perturbation_loss(phase):
    sizes, batch = phase["architecture"], phase["batch"]
    module = torch_models.PerturbationDetector(sizes["image"]["channels"], sizes["width"], sizes["stages"])
    images, painted = (random_images(sizes["image"], batch) for _ in range(2))
    wanted = (torch.arange(batch) >= batch // 2).float()
    return module, lambda: F.binary_cross_entropy_with_logits(module(images, painted), wanted)


def random_images(image, batch):
    return torch.rand(batch, *torch_models.shape(image)) * 2 - 1


LOSSES = {"autoencoder": autoencoder_loss, "auxiliary": auxiliary_loss, "perturbation": perturbation_loss}


def torch_step(phase):
    """A step of what `samegate bench train` describes, and how many steps make a turn."""
    module, loss = LOSSES[phase["phase"]](phase)
    optimizer = optimizer_of(module, phase["optimizer"])

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step, len(phase.get("maskRatios", [None]))


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


def samegate(arguments, budget):
    command = [arguments.samegate, "bench", "train", "--preset", arguments.preset, "--image", arguments.image, "--threads",
               str(arguments.threads), "--milliseconds", str(budget), "--json"]
    if arguments.batch:
        command += ["--batch", str(arguments.batch)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(result.returncode)
    return [json.loads(line) for line in result.stdout.splitlines()]


def spread(values):
    if len(values) < 2:
        return f"{values[0]:.3f}"
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} … {high:.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samegate", required=True)
    parser.add_argument("--preset", default="small", help="whose networks are trained (small)")
    parser.add_argument("--image", default="28x28x1", help="the shape of the images (28x28x1)")
    parser.add_argument("--batch", type=int, help="images in a step (the preset's)")
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), type=int)
    parser.add_argument("--rounds", default=9, type=int)
    parser.add_argument("--milliseconds", default=700, type=int, help="how long one measurement takes")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    phases = samegate(arguments, 1)
    steps = {phase["phase"]: torch_step(phase) for phase in phases}
    own, theirs = {name: [] for name in steps}, {name: [] for name in steps}
    load = os.getloadavg()[0]
    for turn in range(arguments.rounds):
        for side in ("own", "torch") if turn % 2 else ("torch", "own"):
            if side == "own":
                for phase in samegate(arguments, arguments.milliseconds):
                    own[phase["phase"]].append(phase["milliseconds"])
            else:
                for name, (step, length) in steps.items():
                    theirs[name].append(milliseconds(step, length, arguments.milliseconds))
    print(f"preset {arguments.preset}, images of {arguments.image}, batch {phases[0]['batch']}, {arguments.threads} threads, "
          f"{arguments.rounds} rounds, load {load:.1f} … {os.getloadavg()[0]:.1f}; PyTorch {torch.__version__}")
    print(f"{'phase':12} {'samegate, ms a step':28} {'PyTorch, ms a step':28} samegate / PyTorch")
    ratios = {}
    for name in steps:
        against = [a / b for a, b in zip(own[name], theirs[name])]
        print(f"{name:12} {spread(own[name]):28} {spread(theirs[name]):28} {spread(against)}")
        ratios[name] = round(statistics.median(against), 4)
    print(json.dumps({"training_vs_pytorch": ratios}), flush=True)


if __name__ == "__main__":
    main()
