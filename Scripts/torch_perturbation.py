"""The perturbation detector's training in PyTorch: Sources/Learning/Perturbation, with the same shares and sizes.

Needs torch and pillow; used by train-gpu.py.
"""

import io
import math

import numpy as np
import torch
import torch_models
import torch_strangers
from PIL import Image
from torch.nn import functional as F

SIZES = (0.025, 0.2)
DOWN, SIGNS, AGAIN, STEPS_MAX = 0.3, 0.8, 0.45, 4
BRIGHT, RANDOM, RECTANGLE = 0.4, 0.1, 0.1
STRANGER_EVERY = 3
BUDGETS = ((200, 40), (400, 20), (1000, 8))
QUALITIES = (70, 98)
FACTORS = (0.72, 0.86, 0.93, 1.14, 1.29, 1.43, 2)
RESAMPLINGS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX)


def thieves(auxiliary, images, image, classes, seed, device):
    """Six substitutes of the auxiliary model, as a thief would train them of few images, and it itself."""
    made = []
    large = min(image["height"], image["width"]) >= 14
    for index in range(6):
        torch.manual_seed(seed + 1000 * (index + 1))
        kind = {"conv3": {"width": (8, 16)[index % 2]}} if large and index < 4 else {"mlp": {"hidden": 128}}
        [(name, sizes)] = kind.items()
        module = torch_models.classifier({name: {"image": image, "classes": classes} | sizes}).to(device)
        budget, epochs = BUDGETS[index % 3]
        chosen = images[torch.randperm(len(images), device=images.device)[:budget]]
        with torch.no_grad():
            answers = auxiliary(chosen).softmax(1)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
        steps = epochs * -(-len(chosen) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(chosen), device=chosen.device).split(64):
                optimizer.zero_grad()
                F.cross_entropy(module(chosen[rows]), answers[rows]).backward()
                optimizer.step()
                schedule.step()
        made.append(module.eval())
    return made + [auxiliary]


def gradient(thief, x):
    x = x.detach().requires_grad_(True)
    [slope] = torch.autograd.grad(thief(x).amax(1).sum(), x)
    return slope


def masks(x):
    """Which values of each image a step may change."""
    allowed, draw = torch.ones_like(x), torch.rand(len(x), device=x.device)
    for row, share in enumerate(draw.tolist()):
        if share < BRIGHT:
            allowed[row] = (x[row] > -0.95 + 0.95 * torch.rand(()).item()).float()
        elif share < BRIGHT + RANDOM:
            allowed[row] = (torch.rand_like(x[row]) < 0.1 + 0.8 * torch.rand(()).item()).float()
        elif share < BRIGHT + RANDOM + RECTANGLE:
            allowed[row] = 0
            height, width = x.shape[2:]
            tall, wide = (side // 4 + int(torch.randint(side // 2 + 1, ())) for side in (height, width))
            top, left = int(torch.randint(height - tall + 1, ())), int(torch.randint(width - wide + 1, ()))
            allowed[row, :, top : top + tall, left : left + wide] = 1
    return allowed


def perturbed(x, models):
    """Each image stepped in a way of its own, once to four times."""
    count, device = len(x), x.device
    size = torch.exp(torch.empty(count, 1, 1, 1, device=device).uniform_(math.log(SIZES[0]), math.log(SIZES[1])))
    size = size * torch.where(torch.rand(count, 1, 1, 1, device=device) < DOWN, -1.0, 1.0)
    signed = torch.rand(count, 1, 1, 1, device=device) < SIGNS
    allowed, y, going = masks(x), x, torch.ones(count, dtype=torch.bool, device=device)
    for _ in range(STEPS_MAX):
        slopes, sources = torch.randn_like(y), torch.randint(len(models) + 1, (count,), device=device)
        for index, model in enumerate(models):
            rows = (sources == index) & going
            if rows.any():
                slopes[rows] = gradient(model, y[rows])
        random_signs = (sources == len(models)).view(-1, 1, 1, 1)
        normed = slopes / (slopes.square().mean((1, 2, 3), keepdim=True).sqrt() + 1e-12)
        direction = torch.where(signed | random_signs, slopes.sign(), normed.clamp(-3, 3))
        stepped = (y + size * direction * allowed).clamp(-1, 1)
        y = torch.where(going.view(-1, 1, 1, 1), stepped, y)
        going = going & (torch.rand(count, device=device) < AGAIN)
    return y.detach()


def carried(x, jpeg, resized):
    """The batch as it arrives: 8 bits, a share written as JPEG, a share in another size and back."""
    draw = np.random.default_rng(int(torch.randint(1 << 31, ())))
    data = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()
    for row, share in enumerate(draw.random(len(data))):
        if share >= jpeg + resized or data.shape[1] not in (1, 3):
            continue
        picture = Image.fromarray(data[row, 0] if data.shape[1] == 1 else data[row].transpose(1, 2, 0))
        if share < jpeg:
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=int(draw.integers(*QUALITIES)))
            picture = Image.open(file)
        else:
            between = tuple(max(1, round(side * draw.choice(FACTORS))) for side in picture.size)
            how = RESAMPLINGS[draw.integers(len(RESAMPLINGS))]
            picture = picture.resize(between, how).resize(picture.size, how)
        array = np.asarray(picture)
        data[row] = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(data).to(x.device).float() / 127.5 - 1


def suspects(x, models):
    """Of three pictures one becomes a stranger; the others are stepped."""
    y, stepping = x.clone(), torch.arange(len(x)) % STRANGER_EVERY != 0
    y[stepping] = perturbed(x[stepping], models)
    for row in range(0, len(x), STRANGER_EVERY):
        y[row] = torch_strangers.stranger(x[row], x)
    return y


def batch(x, models, autoencoder):
    """Genuine images and as many that are not, their reconstructions, and which are which."""
    both = torch.cat([carried(x, 0.4, 0.25), carried(suspects(x, models), 0.25, 0.15)])
    with torch.no_grad():
        painted = autoencoder(both)
    return both, painted, torch.cat([torch.zeros(len(x)), torch.ones(len(x))]).to(x.device)
