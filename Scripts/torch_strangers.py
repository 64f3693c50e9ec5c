"""Pictures of other things than the owner's, made of nothing but the owner's: Sources/Learning/Voices/SimulatedStrangers.

The kinds that a detector learns from. Needs torch; used by torch_perturbation.py.
"""

import math

import torch
from torch.nn import functional as F


def uniform(low=0.0, high=1.0):
    return low + (high - low) * torch.rand(()).item()


def below(count):
    return int(torch.randint(count, ()))


# MARK: The owner's, otherwise


def ground(picture):
    """Of each channel the middle value along the border. Shape (C, H, W) -> (C, 1, 1)."""
    border = torch.cat([picture[:, 0], picture[:, -1], picture[:, :, 0], picture[:, :, -1]], 1)
    return border.sort(1).values[:, border.shape[1] // 2].view(-1, 1, 1)


def resampled(picture, matrix, fill=None):
    """The picture looked up at matrix · (x, y), counted from the middle in pixels; past its border `fill`, or the border goes on."""
    _, height, width = picture.shape
    y, x = torch.meshgrid(
        torch.arange(height, device=picture.device) - (height - 1) / 2,
        torch.arange(width, device=picture.device) - (width - 1) / 2,
        indexing="ij",
    )
    (a, b), (c, d) = matrix
    grid = torch.stack([(a * x + b * y) / ((width - 1) / 2), (c * x + d * y) / ((height - 1) / 2)], -1)[None]
    if fill is None:
        return F.grid_sample(picture[None], grid, padding_mode="border", align_corners=True)[0]
    return F.grid_sample((picture - fill)[None], grid, padding_mode="zeros", align_corners=True)[0] + fill


def rescaled(picture, _):
    zoom = uniform(1.1, 1.43) if torch.rand(()) < 0.5 else uniform(0.68, 0.9)
    angle = 0.35 * uniform(-0.5, 0.5)
    sine, cosine = math.sin(angle) / zoom, math.cos(angle) / zoom
    fill = ground(picture) if torch.rand(()) < 0.5 else None
    return resampled(picture, ((cosine, sine), (-sine, cosine)), fill)


def turned(picture, _):
    # A quarter turn of a picture that is no square would squeeze it.
    turns = 1 + below(3) if picture.shape[1] == picture.shape[2] else 2
    return torch.rot90(picture, turns, (1, 2))


# MARK: Drawn


def colour(pool):
    picture = pool[below(len(pool))]
    return picture[:, below(picture.shape[1]), below(picture.shape[2])].view(-1, 1, 1)


def colours(pool):
    """Two of the owner's colours that can be told apart; black and white where chance finds none."""
    for _ in range(16):
        first, second = colour(pool), colour(pool)
        if (first - second).abs().max() > 0.5:
            return first, second
    return -torch.ones_like(first), torch.ones_like(first)


def places(pool):
    _, _, height, width = pool.shape
    return torch.meshgrid(
        torch.arange(height, device=pool.device), torch.arange(width, device=pool.device), indexing="ij"
    )


def strokes(_, pool):
    paper, ink = colours(pool)
    _, _, height, width = pool.shape
    radius = min(width, height) * uniform(0.02, 0.07)
    t = torch.linspace(0, 1, 25)
    points = []
    for _ in range(1 + below(3)):
        ends = [(width * uniform(0.2, 0.8), height * uniform(0.15, 0.85)) for _ in range(3)]
        weights = ((1 - t) ** 2, 2 * (1 - t) * t, t**2)
        points.append(torch.stack([sum(w * end[axis] for w, end in zip(weights, ends)) for axis in (0, 1)], 1))
    curve = torch.cat(points).to(pool.device)
    y, x = places(pool)
    distance = torch.sqrt(((x[..., None] - curve[:, 0]) ** 2 + (y[..., None] - curve[:, 1]) ** 2).amin(-1))
    return paper + (radius + 0.5 - distance).clamp(0, 1) * (ink - paper)


def shapes(_, pool):
    paper, first = colours(pool)
    _, _, height, width = pool.shape
    y, x = places(pool)
    painted = paper.expand(pool.shape[1:]).clone()
    for index in range(1 + below(4)):
        centre, size = (width * uniform(0.2, 0.8), height * uniform(0.2, 0.8)), (uniform(0.1, 0.4), uniform(0.1, 0.4))
        dx, dy = (x - centre[0]).abs() / (width * size[0]), (y - centre[1]).abs() / (height * size[1])
        inside = dx**2 + dy**2 < 1 if torch.rand(()) < 0.5 else torch.maximum(dx, dy) < 1
        painted = torch.where(inside, first if index == 0 else colour(pool), painted)
    return painted


def grain(_, pool):
    _, _, height, width = pool.shape
    picture, y, x = (torch.randint(size, (height, width), device=pool.device) for size in (len(pool), height, width))
    return pool.permute(1, 0, 2, 3)[:, picture, y, x]


KINDS = (rescaled, turned, strokes, shapes, grain)


def stranger(picture, pool):
    """A picture of a kind that a detector learns from, made of `picture` or of the colours of `pool` (N, C, H, W)."""
    return KINDS[below(len(KINDS))](picture, pool)
