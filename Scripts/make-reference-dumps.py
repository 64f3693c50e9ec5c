#!/usr/bin/env python3
"""Makes the reference dumps that Tests/NeuralTests and Tests/SAMETests compare with.

The tests read the committed files and never run this. To make them again:

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install torch numpy safetensors
    /tmp/reference/bin/python Scripts/make-reference-dumps.py

Made with PyTorch 2.13.0 on a CPU. The networks are those of torch_models.py; every value is drawn from a fixed seed.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch_models import Block, MaskedAutoencoder, PerturbationDetector, ResNet, VisionTransformer

ROOT = pathlib.Path(__file__).resolve().parent.parent / "Tests"


def perturb(module):
    """Moves what PyTorch starts at 0 or 1, so that a mistake with it shows."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)


def spread(module):
    """Tokens and positions larger than a training starts with, so that they count."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("_token", "pos_embedding")):
                parameter.mul_(10)


def gradients(module):
    return {"gradient." + name: p.grad.clone() for name, p in module.named_parameters()}


def autoencoder():
    model = MaskedAutoencoder((2, 8, 8), patch=2, embedding=12, depths=(2, 1), heads=(3, 2))
    spread(model)
    perturb(model)
    images = torch.rand(3, 2, 8, 8) * 2 - 1
    everything = torch.arange(16).expand(3, -1)
    visible = torch.stack([torch.randperm(16)[:4] for _ in range(3)])
    masked = model(images, visible)
    loss = ((masked - images) ** 2).mean() / 0.75
    loss.backward()
    dump = {"state." + name: value for name, value in model.state_dict().items()} | gradients(model)
    dump |= {"images": images, "visible": visible.float(), "masked": masked, "loss": loss.reshape(1)}
    dump["whole"] = model(images, everything)
    save("SAMETests", "mae", dump)


def conv3():
    def layers():
        return [
            nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3),
            nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(), nn.Linear(16 * 2 * 3, 64), nn.ReLU(), nn.Linear(64, 5),
        ]  # fmt: skip

    net = nn.Sequential(*layers())
    images = torch.rand(3, 2, 19, 22) * 2 - 1
    wanted = torch.rand(3, 5).softmax(dim=-1)
    dump = {"images": images, "wanted": wanted}
    losses = {
        "labels": lambda y: F.cross_entropy(y, torch.tensor([4, 0, 2])),
        "probabilities": lambda y: F.cross_entropy(y, wanted),
        "squared": lambda y: ((y.softmax(dim=-1) - wanted) ** 2).sum(dim=-1).mean(),
    }
    for name, loss in losses.items():
        net.zero_grad()
        given = images.clone().requires_grad_()
        value = loss(net(given))
        value.backward()
        dump |= {name + ".loss": value.reshape(1), name + ".input": given.grad}
        if name == "labels":
            dump |= {k.replace("gradient.", "gradient.net."): v for k, v in gradients(net).items()}
    dump["logits"] = net(images)
    dump |= {"state.net." + name: value for name, value in net.state_dict().items()}
    # The authors' model registers copies that never run.
    dump |= {"state.net1.0.weight": torch.zeros(4, 2, 3, 3), "state.net4.0.bias": torch.zeros(64)}
    save("SAMETests", "conv3", dump)


def classifier(name, make, shape):
    """A network evaluated, then one training step's loss, gradients and moved statistics; input gradients too."""
    model = make()
    spread(model)
    perturb(model)
    with torch.no_grad():
        for key, value in model.named_buffers():
            if key.endswith("running_mean"):
                value.add_(torch.randn_like(value) * 0.1)
            if key.endswith("running_var"):
                value.mul_(torch.rand_like(value) + 0.5)
    images, labels = torch.rand(3, *shape) * 2 - 1, torch.tensor([4, 0, 2])
    dump = {"state." + k: v.clone() for k, v in model.state_dict().items()} | {"images": images}
    model.eval()
    given = images.clone().requires_grad_()
    dump["logits"] = model(given)
    F.cross_entropy(dump["logits"], labels).backward()
    dump["input"] = given.grad
    model.zero_grad()
    model.train()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    dump |= {"loss": loss.reshape(1)} | gradients(model)
    dump |= {"moved." + k: v for k, v in model.named_buffers() if "running" in k}
    save("SAMETests", name, dump)


def residual():
    classifier("resnet-cifar", lambda: ResNet((2, 9, 11), 5, blocks=[1, 2], width=5, stem="cifar"), (2, 9, 11))
    classifier("resnet-imagenet", lambda: ResNet((3, 33, 30), 5, blocks=[1, 1, 1], width=4, stem="imagenet"), (3, 33, 30))


def transformers():
    def make(pool):
        return lambda: VisionTransformer((2, 6, 9), 5, patch=3, embedding=12, depth=2, heads=3, pool=pool)

    classifier("vit-token", make("token"), (2, 6, 9))
    classifier("vit-mean", make("mean"), (2, 6, 9))


def layers():
    dump = {}

    def run(name, module, x):
        perturb(module)
        dump.update({f"{name}.state.{k}": v.float().clone() for k, v in module.state_dict().items()})
        x = x.clone().requires_grad_()
        y = module(x)
        dy = torch.randn_like(y)
        y.backward(dy)
        dump.update({f"{name}.x": x, f"{name}.y": y, f"{name}.dy": dy, f"{name}.dx": x.grad})
        dump.update({f"{name}.{k}": v for k, v in gradients(module).items()})

    run("convolution", nn.Conv2d(3, 5, 3, stride=2, padding=1), torch.randn(2, 3, 7, 6))
    run("pointwise", nn.Conv2d(3, 4, 1, stride=2, bias=False), torch.randn(2, 3, 5, 4))
    norm = nn.BatchNorm2d(3)
    run("batchnorm", norm, torch.randn(4, 3, 5, 2) * 2 + 3)
    dump |= {"batchnorm.running_mean": norm.running_mean, "batchnorm.running_var": norm.running_var}
    norm.eval()
    dump["batchnorm.evaluated"] = norm(dump["batchnorm.x"])
    run("layernorm", nn.LayerNorm(7), torch.randn(4, 7) * 3 - 1)
    run("linear", nn.Linear(5, 3), torch.randn(4, 5))
    run("gelu", nn.GELU(), torch.randn(1, 40) * 3)
    run("maxpool", nn.MaxPool2d(3, 2, padding=1), torch.randn(2, 3, 7, 6))
    run("averagepool", nn.AvgPool2d(3, 2, padding=1), torch.randn(2, 3, 7, 6))
    run("globalpool", nn.AdaptiveAvgPool2d(1), torch.randn(2, 3, 4, 5))
    run("block", Block(6, 2), torch.randn(2, 5, 6))
    save("NeuralTests", "layers", dump)


def detector():
    model = PerturbationDetector(2, width=5, stages=3)
    images, reconstructions = torch.rand(3, 2, 13, 10) * 2 - 1, torch.rand(3, 2, 13, 10) * 2 - 1
    logits = model(images, reconstructions)
    loss = F.binary_cross_entropy_with_logits(logits, torch.tensor([1.0, 0.0, 1.0]))
    loss.backward()
    dump = {"state." + name: value for name, value in model.state_dict().items()} | gradients(model)
    dump |= {"images": images, "reconstructions": reconstructions, "logits": logits, "loss": loss.reshape(1)}
    save("SAMETests", "perturbation", dump)


def optimizers():
    start, steps = torch.randn(37), torch.randn(6, 37)
    rates = torch.tensor([0.1, 0.05, 0.2, 0.01, 0.3, 0.1])
    dump = {"start": start, "gradients": steps, "rates": rates}
    kinds = {
        "adamw": lambda p: torch.optim.AdamW(p, betas=(0.9, 0.95), weight_decay=0.05),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4),
    }
    for name, make in kinds.items():
        weight = nn.Parameter(start.clone())
        optimizer = make([weight])
        path = []
        for gradient, rate in zip(steps, rates):
            weight.grad = gradient.clone()
            optimizer.param_groups[0]["lr"] = float(rate)
            optimizer.step()
            path.append(weight.detach().clone())
        dump[name] = torch.stack(path)
    save("NeuralTests", "optimizers", dump)


def types():
    values = torch.tensor([0.0, -0.0, 1.0, -2.5, 6e-8, 3e-5, 65504.0, float("inf")])
    half, brain = values.half(), values.bfloat16()
    dump = {"half": half, "brain": brain, "half.float": half.float(), "brain.float": brain.float()}
    dump["count"] = torch.tensor(7)
    save("NeuralTests", "types", dump, {"format": "pt", "note": 'a "quoted" ü'})


def save(tests, name, dump, metadata=None):
    path = ROOT / tests / "Fixtures" / f"{name}.safetensors"
    save_file({key: value.detach().contiguous() for key, value in dump.items()}, path, metadata)
    print(path.relative_to(ROOT), path.stat().st_size)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for make in (autoencoder, conv3, residual, transformers, detector, layers, optimizers, types):
        torch.manual_seed(20240)
        make()
