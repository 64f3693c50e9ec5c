#!/usr/bin/env python3
"""Compares Samegate's networks with PyTorch's in both directions; Tests/SAMETests runs it.

    check-interchange.py make FOLDER    random networks as PyTorch saves them, images, and what PyTorch computes
    check-interchange.py check FOLDER   loads what Samegate exported with strict=True and compares the results

FOLDER/cases.json lists the networks: {"NAME": {"autoencoder": {…}} or {"classifier": {…}}}, as in a bundle's manifest.
Requirements: pip install torch numpy safetensors
"""

import json
import pathlib
import sys

import torch
import torch_models
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-5


def network(case):
    made = torch_models.autoencoder if "autoencoder" in case else torch_models.classifier
    return made(next(iter(case.values()))).eval()


def image(case):
    sizes = next(iter(case.values()))
    return torch_models.shape(sizes["image"] if "autoencoder" in case else next(iter(sizes.values()))["image"])


def perturb(module):
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith("running_var"):
                value.add_(torch.rand_like(value))
            elif value.is_floating_point():
                value.add_(torch.randn_like(value) * 0.05)


def make(folder, cases):
    for name, case in cases.items():
        module = network(case)
        perturb(module)
        images = torch.rand(5, *image(case)) * 2 - 1
        save_file(module.state_dict(), folder / f"{name}.torch.safetensors")
        with torch.no_grad():
            save_file({"images": images, "results": module(images)}, folder / f"{name}.results.safetensors")


def check(folder, cases):
    worst = 0.0
    for name, case in cases.items():
        module = network(case)
        module.load_state_dict(load_file(folder / f"{name}.samegate.safetensors"), strict=True)
        found = load_file(folder / f"{name}.computed.safetensors")
        with torch.no_grad():
            wanted = module(found["images"].reshape(-1, *image(case))).reshape(found["results"].shape)
        error = float((found["results"] - wanted).abs().max() / wanted.abs().max())
        print(f"{name}: {error:.2e}")
        worst = max(worst, error)
    if not worst <= TOLERANCE:
        sys.exit(f"the largest difference, {worst:.2e} of the largest value, is above {TOLERANCE}")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "check"):
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(7)
    directory = pathlib.Path(sys.argv[2])
    {"make": make, "check": check}[sys.argv[1]](directory, json.loads((directory / "cases.json").read_text()))
