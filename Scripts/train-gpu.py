#!/usr/bin/env python3
"""Trains a bundle's networks in PyTorch, on a GPU where there is one, as `samegate fit` trains them.

    train-gpu.py --images train-images-idx3-ubyte.gz --answers answers.safetensors --output trained
    train-gpu.py --images data_batch_1.bin data_batch_2.bin --victim http://host:8501/v1/models/m:predict --output trained

It prints the `samegate bundle import` command that makes the bundle. The masked autoencoder learns Eq. (4) under mixed mask
ratios, the auxiliary model Eq. (5): the victim's answers from reconstructions, the perturbation detector to tell images from
the same ones stepped along gradients. Sizes, schedules and losses are those of fit's presets. Images that trained nothing are
held out and written beside the networks to calibrate on.

Requirements: pip install torch numpy safetensors pillow
"""

import argparse
import concurrent.futures
import gzip
import hashlib
import io
import json
import math
import pathlib
import shlex
import struct
import sys
import tarfile
import time
import urllib.error
import urllib.request

import numpy as np
import torch
import torch_models
import torch_perturbation
from safetensors import safe_open
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from torch.nn import functional as F

# The presets of Sources/Learning/Training/FitOptions.swift.
PRESETS = {
    "small": {
        "autoencoder": {"patch": 4, "embedding": 32, "depths": (2, 1), "heads": 4, "ratios": (0.75, 0.5, 0.25)},
        "autoencoder_schedule": {"epochs": 40, "rate": 2e-3, "warmup": 2, "optimizer": "adamw", "betas": (0.9, 0.95), "decay": 0.05},
        "auxiliary": "conv3",
        "auxiliary_width": 16,
        "perturbation": {"steps": 24000, "width": 8},
        "terms": ("reconstruction", "excess", "deviation", "statistics", "frame", "perturbation"),
        "auxiliary_schedule": {"epochs": 10, "rate": 2e-3, "warmup": 0.5, "optimizer": "adamw", "betas": (0.9, 0.999), "decay": 0.01},
    },
    "natural": {
        "autoencoder": {"patch": 4, "embedding": 96, "depths": (4, 2), "heads": 4, "ratios": (0.75, 0.5, 0.25)},
        "autoencoder_schedule": {"epochs": 40, "rate": 2e-3, "warmup": 2, "optimizer": "adamw", "betas": (0.9, 0.95), "decay": 0.05},
        "auxiliary": "resnet",
        "auxiliary_width": 16,
        "perturbation": {"steps": 12000, "width": 16},
        "terms": ("reconstruction", "perturbation", "energy", "neighbour", "doubt"),
        "auxiliary_schedule": {"epochs": 12, "rate": 2e-3, "warmup": 0.5, "optimizer": "adamw", "betas": (0.9, 0.999), "decay": 0.01},
    },
    "paper": {
        "autoencoder": {"patch": 2, "embedding": 192, "depths": (12, 4), "heads": 3, "ratios": (0.75,)},
        "autoencoder_schedule": {"epochs": 500, "rate": 0.01, "warmup": 50, "optimizer": "adamw", "betas": (0.9, 0.95), "decay": 0.05},
        "auxiliary": "conv3",
        "auxiliary_width": 32,
        "perturbation": {"steps": 0, "width": 8},
        "alpha": 0.99,
        "auxiliary_schedule": {"epochs": 80, "rate": 0.1, "warmup": 0, "optimizer": "sgd", "decay": 5e-4},
    },
}  # fmt: skip
# Smaller networks, taught as small's are.
PRESETS["tiny"] = PRESETS["small"] | {
    "autoencoder": PRESETS["small"]["autoencoder"] | {"patch": 7, "embedding": 16, "depths": (1, 1), "heads": 2},
    "auxiliary": "mlp",
    "auxiliary_width": 64,
    "perturbation": {"steps": 24000, "width": 6},
}
PRESETS["natural-tiny"] = PRESETS["natural"] | {
    "autoencoder": PRESETS["natural"]["autoencoder"] | {"embedding": 48, "depths": (2, 1), "heads": 3},
    "auxiliary_blocks": [2, 2, 2],
}
LOSS_DIVISOR = 0.75


def fail(reason):
    sys.exit(f"error: {reason}")


# MARK: Images, as bytes (N, C, H, W)


def read_images(paths):
    parts = [read_file(pathlib.Path(path)) for path in paths]
    if len({part.shape[1:] for part in parts}) > 1:
        fail(f"the files hold images of different shapes: {', '.join(str(part.shape[1:]) for part in parts)}")
    return np.ascontiguousarray(np.concatenate(parts))


def read_file(path):
    if path.is_dir():
        return read_folder(path)
    name = path.name.removesuffix(".gz")
    if name.endswith((".tar", ".tgz")):
        return read_archive(path)
    data = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    if name.endswith(".bin"):
        # CIFAR-100's pictures have two labels before them, CIFAR-10's one.
        labels = next((n for n in ((2, 1) if name in ("train.bin", "test.bin") else (1, 2)) if len(data) % (3072 + n) == 0), None)
        if not data or labels is None:
            fail(f"{path} is no binary CIFAR file")
        return np.frombuffer(data, np.uint8).reshape(-1, 3072 + labels)[:, labels:].reshape(-1, 3, 32, 32)
    if name.endswith(".npy"):
        images = np.load(path, allow_pickle=False)
        return channels_first(path, images)
    if len(data) < 8 or data[:3] != b"\0\0\x08":
        fail(f"{path} is neither IDX, npy, binary CIFAR, a tar nor a folder")
    sizes = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != math.prod(sizes):
        fail(f"{path} does not hold what its header announces")
    return channels_first(path, values.reshape(sizes))


def channels_first(path, images):
    if images.dtype in (np.float32, np.float64) and images.size and images.min() >= 0 and images.max() <= 1:
        images = np.floor(images.astype(np.float64) * 255 + 0.5).astype(np.uint8)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        fail(f"{path} must hold bytes or floats in 0 to 1, (count, height, width) or (count, height, width, channels)")
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


PICTURES = (".png", ".jpg", ".jpeg")


def read_folder(path):
    names = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
    return read_pictures(path, names)


def read_archive(path):
    with tarfile.open(path) as archive:
        members = sorted((m for m in archive if m.isfile() and m.name.lower().endswith(PICTURES)), key=lambda m: m.name)
        return read_pictures(path, [io.BytesIO(archive.extractfile(member).read()) for member in members])


def read_pictures(path, files):
    from PIL import Image

    if not files:
        fail(f"{path} holds no PNG or JPEG file")
    arrays = [samples(path, Image.open(file)) for file in files]
    if any(array.ndim == 3 for array in arrays):
        arrays = [array if array.ndim == 3 else np.stack([array] * 3, 2) for array in arrays]
    if len({array.shape for array in arrays}) > 1:
        fail(f"the pictures in {path} have different sizes")
    return channels_first(path, np.stack(arrays))


def samples(path, picture):
    """A picture's bytes as ImageFile reads them, (H, W) of grey, else (H, W, 3): of 16 bits the upper 8, transparency over white."""
    # The raw mode says how the file has the samples; loading the picture forgets it.
    raw, clear = picture.tile[0][3], picture.info.get("transparency")
    if picture.mode in ("1", "L") or picture.mode.startswith("I"):
        grey = np.asarray(picture if picture.mode.startswith("I") else picture.convert("L"))
        transparent = None if clear is None else grey == clear * {"1": 255, "L;2": 85, "L;4": 17}.get(raw, 1)
        grey = (grey >> 8 if picture.mode.startswith("I") else grey).astype(np.uint8)
        return grey if transparent is None else np.stack([np.where(transparent, np.uint8(255), grey)] * 3, 2)
    if raw == "RGB;16B" and clear is not None:
        fail(f"{path} has a picture of 16 bits whose transparency is one colour; save it with an alpha channel")
    if clear is None and picture.mode not in ("LA", "RGBA"):
        return np.asarray(picture.convert("RGB"))
    painted = np.asarray(picture.convert("RGBA")).astype(np.uint32)
    alpha = painted[..., 3:]
    return ((painted[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def canonical(images, device):
    """Bytes → −1…1."""
    return torch.from_numpy(images).to(device).float() * (2 / 255) - 1


def digest(images):
    """As ImageSet.digest: what ties recorded answers to their images."""
    count, channels, height, width = images.shape
    return hashlib.sha256(f"{channels}x{height}x{width} {count}\n".encode() + images.tobytes()).hexdigest()


# MARK: The victim's answers, (N, K)


def read_answers(path, images):
    if path.endswith(".npy"):
        answers = np.load(path, allow_pickle=False).astype(np.float32)
    else:
        with safe_open(path, "np") as file:
            stated = (file.metadata() or {}).get("images_sha256")
            answers = file.get_tensor("answers").astype(np.float32)
        if stated != digest(images):
            fail(f"{path} does not answer these images: the digest of the images it was asked about is another")
    return check_answers(path, answers, len(images))


def check_answers(source, answers, count):
    if answers.ndim != 2 or len(answers) != count or answers.shape[1] < 2:
        fail(f"{source} has answers of shape {answers.shape} for {count} images")
    sums = answers.sum(1)
    if not (np.isfinite(answers).all() and (answers >= 0).all() and (abs(sums - 1) < 0.05).all()):
        fail(f"{source} has answers that are no distribution over the classes")
    return answers / sums[:, None]


def ask(url, images, options):
    low, high = options.victim_range
    layout = {"hwc": (0, 2, 3, 1), "chw": (0, 1, 2, 3)}[options.victim_layout]
    # Levels that the range makes whole numbers are sent as integers, as fit sends them.
    number = np.int32 if low == round(low) and (high - low) % 255 == 0 else np.float32

    def request(start):
        batch = images[start : start + options.victim_batch].transpose(layout) / 255 * (high - low) + low
        body = json.dumps({"instances": batch.astype(np.float32).astype(number).tolist()}).encode()
        for attempt in range(6):
            try:
                sent = urllib.request.Request(url, body, {"Content-Type": "application/json"})
                with urllib.request.urlopen(sent, timeout=60) as answer:
                    return json.load(answer)["predictions"]
            except (urllib.error.URLError, TimeoutError) as error:
                if attempt == 5 or (isinstance(error, urllib.error.HTTPError) and error.code not in (429, 502, 503, 504)):
                    fail(f"{url}: {error}")
                time.sleep(2**attempt)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        rows = [row for part in pool.map(request, range(0, len(images), options.victim_batch)) for row in part]
    return check_answers(url, np.asarray(rows, np.float32), len(images))


# MARK: Training


def rate_at(step, steps, warmup, peak):
    """As LearningRateSchedule.rate(atStep:): a linear rise, then half a cosine to 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * min(1, (step - warmup) / max(1, steps - warmup))))


def optimizer_for(module, schedule):
    if schedule["optimizer"] == "sgd":
        return torch.optim.SGD(module.parameters(), lr=schedule["rate"], momentum=0.9, weight_decay=schedule["decay"])
    return torch.optim.AdamW(module.parameters(), betas=schedule["betas"], weight_decay=schedule["decay"])


def train(phase, module, schedule, count, options, loss_of):
    """Runs all epochs; a checkpoint after each lets --resume go on."""
    optimizer, checkpoint = optimizer_for(module, schedule), options.output / f"{phase}.checkpoint.pt"
    # A last batch of one image has no variance to normalise by: it waits for another epoch's order.
    per_epoch = max(1, (count + options.batch - 2) // options.batch)
    steps, first = per_epoch * schedule["epochs"], 0
    warmup = round(min(schedule["warmup"], schedule["epochs"] / 4) * per_epoch)
    if options.resume and checkpoint.exists():
        held = torch.load(checkpoint, map_location=options.device, weights_only=True)
        module.load_state_dict(held["module"])
        optimizer.load_state_dict(held["optimizer"])
        first = held["epoch"] + 1
    module.train()
    start = time.monotonic()
    for epoch in range(first, schedule["epochs"]):
        generator = torch.Generator().manual_seed(options.seed * 1_000_003 + epoch)
        order, total = torch.randperm(count, generator=generator), 0.0
        for index in range(per_epoch):
            rate = rate_at(epoch * per_epoch + index, steps, warmup, schedule["rate"])
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = order[index * options.batch : (index + 1) * options.batch].numpy()
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(options.device, torch.bfloat16, enabled=options.bf16):
                loss = loss_of(chosen, generator)
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
        if not math.isfinite(total):
            fail(f"{phase}: the loss is no number any more; lower the learning rate")
        left = (time.monotonic() - start) / (epoch - first + 1) * (schedule["epochs"] - epoch - 1)
        print(f"{phase} {epoch + 1}/{schedule['epochs']} loss {total / per_epoch:.6f}, {left:.0f} s left", flush=True)
        torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, checkpoint)
    return module.eval()


def train_autoencoder(images, sizes, preset, options):
    module = torch_models.autoencoder(sizes).to(options.device)
    ratios = preset["autoencoder"]["ratios"] if options.mask_ratios is None else options.mask_ratios

    def loss_of(chosen, generator):
        batch = canonical(images[chosen], options.device)
        ratio = ratios[int(torch.randint(len(ratios), (), generator=generator))]
        visible = int(module.patches * (1 - ratio))
        masks = torch.rand(len(batch), module.patches, generator=generator).argsort(1)[:, :visible]
        return ((module(batch, masks.to(options.device)).float() - batch) ** 2).mean() / LOSS_DIVISOR

    return train("autoencoder", module, preset["autoencoder_schedule"], len(images), options, loss_of)


def train_auxiliary(images, answers, architecture, autoencoder, preset, options):
    torch.manual_seed(options.seed)
    module = torch_models.classifier(architecture).to(options.device)
    with torch.no_grad():
        parts = [
            autoencoder(canonical(images[start : start + 512], options.device)).cpu()
            for start in range(0, len(images), 512)
        ]
    reconstructions, wanted = torch.cat(parts), torch.from_numpy(answers)

    def loss_of(chosen, _):
        logits = module(reconstructions[chosen].to(options.device)).float()
        return ((logits.softmax(1) - wanted[chosen].to(options.device)) ** 2).sum(1).mean()

    return train("auxiliary", module, preset["auxiliary_schedule"], len(images), options, loss_of)


def train_detector(images, image, classes, autoencoder, auxiliary, steps, width, options):
    """As Sources/Learning/Perturbation: each step takes 64 genuine images and as many that are not."""
    pool = canonical(images, options.device)
    models = torch_perturbation.thieves(auxiliary, pool, image, classes, options.seed, options.device)
    torch.manual_seed(options.seed)
    module = torch_models.PerturbationDetector(image["channels"], width).to(options.device)
    for network in (autoencoder, auxiliary):
        network.requires_grad_(False)

    def loss_of(chosen, _):
        x, painted, truth = torch_perturbation.batch(pool[torch.from_numpy(chosen % len(pool))], models, autoencoder)
        return F.binary_cross_entropy_with_logits(module(x, painted).float(), truth)

    schedule = {"epochs": 1, "rate": 2e-3, "warmup": 0.25, "optimizer": "adamw", "betas": (0.9, 0.999), "decay": 1e-3}
    batch, options.batch = options.batch, 64
    train("perturbation", module, schedule, 64 * steps, options, loss_of)
    options.batch = batch
    return module


# MARK: Results


def auxiliary_architecture(options, preset, image, classes):
    kind, width = options.auxiliary or preset["auxiliary"], options.auxiliary_width
    if kind == preset["auxiliary"]:
        width = width or preset["auxiliary_width"]
    fields = {"image": image, "classes": classes}
    if kind == "conv3":
        return {"conv3": fields | {"width": width or 16}}
    if kind == "mlp":
        return {"mlp": fields | {"hidden": width or 256}}
    if kind == "vit":
        sizes = {"patch": 4, "embedding": width or 192, "depth": 12, "heads": 3, "pool": "token"}
        return {"vit": fields | {"sizes": sizes}}
    blocks, usual = {"resnet": ([3, 3, 3], 16), "resnet18": ([2, 2, 2, 2], 64), "resnet34": ([3, 4, 6, 3], 64)}[kind]
    if kind == preset["auxiliary"]:
        blocks = preset.get("auxiliary_blocks", blocks)
    return {"resnet": fields | {"sizes": {"blocks": blocks, "width": width or usual, "stem": options.auxiliary_stem}}}


def save(module, architecture, path):
    state = {name: value.cpu().contiguous() for name, value in module.state_dict().items()}
    text = json.dumps(architecture, sort_keys=True, separators=(",", ":"))
    save_file(state, path, {"format": "pt", "samegate.architecture": text})


def write_calibration(images, answers, output):
    interleaved = images.transpose(0, 2, 3, 1)
    np.save(output / "calibration.npy", np.ascontiguousarray(interleaved if images.shape[1] > 1 else interleaved[..., 0]))
    metadata = {"format": "samegate-answers", "version": "1", "images_sha256": digest(images)}
    save_arrays({"answers": answers}, output / "calibration-answers.safetensors", metadata)


def numbers(text):
    return tuple(float(part) for part in text.split(","))


def parse():
    parser = argparse.ArgumentParser(description="Trains a bundle's networks in PyTorch, as `samegate fit` does.")
    parser.add_argument("--images", nargs="+", required=True, help="IDX, npy or binary CIFAR files, folders or tars of pictures")
    victim = parser.add_mutually_exclusive_group(required=True)
    victim.add_argument("--answers", help="recorded answers: of samegate fit --record-answers, or npy (count, classes)")
    victim.add_argument("--victim", help="prediction endpoint to ask (TensorFlow Serving's row format)")
    parser.add_argument("--victim-layout", choices=("hwc", "chw"), default="hwc")
    parser.add_argument("--victim-range", type=numbers, default=(0.0, 1.0), help="values of black and white")
    parser.add_argument("--victim-batch", type=int, default=64)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--patch", type=int, help="the preset's, or the nearest that divides the images")
    parser.add_argument("--embedding", type=int)
    parser.add_argument("--depths", type=lambda text: tuple(map(int, text.split(","))), help="encoder,decoder")
    parser.add_argument("--heads", type=int)
    parser.add_argument("--mask-ratios", type=numbers)
    parser.add_argument("--auxiliary", choices=("conv3", "mlp", "resnet", "resnet18", "resnet34", "vit"))
    parser.add_argument("--auxiliary-width", type=int)
    parser.add_argument("--auxiliary-stem", choices=("cifar", "imagenet"), default="cifar")
    parser.add_argument("--auxiliary-epochs", type=int)
    parser.add_argument("--perturbation-steps", type=int, help="of the detector's training; 0 leaves it out")
    parser.add_argument("--perturbation-width", type=int, help="channels of its first convolutions")
    parser.add_argument("--holdout", type=int, default=5000, help="images to calibrate on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16: faster on a GPU")
    parser.add_argument("--resume", action="store_true", help="go on from the last epoch's checkpoint")
    return parser.parse_args()


def nearest_patch(wanted, image):
    """The patch nearest to the one wanted that divides the images, the larger of two; the one wanted where there is none."""
    near = range(max(1, (wanted + 1) // 2), 2 * wanted + 1)
    fitting = [patch for patch in near if image["height"] % patch == 0 and image["width"] % patch == 0]
    return min(fitting, key=lambda patch: (abs(patch - wanted), -patch), default=wanted)


def autoencoder_sizes(options, preset, image):
    given = preset["autoencoder"]
    heads, depths = options.heads or given["heads"], options.depths or given["depths"]
    return {
        "image": image, "patch": options.patch or nearest_patch(given["patch"], image), "embedding": options.embedding or given["embedding"],
        "encoderDepth": depths[0], "decoderDepth": depths[1], "encoderHeads": heads, "decoderHeads": heads,
    }  # fmt: skip


def import_command(folder, preset, has_detector):
    """What makes the bundle, with the preset's score."""
    files = {"mae": "mae.safetensors", "auxiliary": "auxiliary.safetensors"}
    if has_detector:
        files["perturbation"] = "perturbation.safetensors"
    files |= {"images": "calibration.npy", "answers": "calibration-answers.safetensors"}
    if "alpha" in preset:
        score = ["--alpha", str(preset["alpha"])]
    else:
        score = ["--terms", ",".join(term for term in preset["terms"] if has_detector or term != "perturbation")]
    words = [word for name, file in files.items() for word in (f"--{name}", str(folder / file))]
    return shlex.join(["samegate", "bundle", "import", *words, *score, "--output"]) + " BUNDLE"


def main():
    options = parse()
    preset = PRESETS[options.preset]
    if "alpha" in preset and (options.perturbation_steps or options.perturbation_width):
        fail(f"--perturbation-steps and --perturbation-width have no effect on Eq. (6), which preset {options.preset} combines by")
    for name, epochs in (("autoencoder", options.epochs), ("auxiliary", options.auxiliary_epochs)):
        if epochs is not None:
            preset[f"{name}_schedule"]["epochs"] = epochs
    images = read_images(options.images)
    if not 0 < options.holdout < len(images):
        fail(f"--holdout {options.holdout} leaves nothing of {len(images)} images")
    answers = read_answers(options.answers, images) if options.answers else ask(options.victim, images, options)
    channels, height, width = images.shape[1:]
    image = {"channels": channels, "height": height, "width": width}
    print(f"{len(images)} images of {channels}x{height}x{width}, {answers.shape[1]} classes, on {options.device}")
    options.output.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(options.seed).permutation(len(images))
    held, rest = np.sort(order[: options.holdout]), np.sort(order[options.holdout :])
    write_calibration(images[held], answers[held], options.output)

    torch.manual_seed(options.seed)
    sizes = autoencoder_sizes(options, preset, image)
    autoencoder = train_autoencoder(images[rest], sizes, preset, options)
    save(autoencoder, sizes, options.output / "mae.safetensors")
    architecture = auxiliary_architecture(options, preset, image, answers.shape[1])
    auxiliary = train_auxiliary(images[rest], answers[rest], architecture, autoencoder, preset, options)
    save(auxiliary, architecture, options.output / "auxiliary.safetensors")
    steps, width = preset["perturbation"]["steps"], options.perturbation_width or preset["perturbation"]["width"]
    if options.perturbation_steps is not None:
        steps = options.perturbation_steps
    if steps > 0:
        detector = train_detector(images[rest], image, answers.shape[1], autoencoder, auxiliary, steps, width, options)
        save(detector, {"image": image, "width": width, "stages": 3}, options.output / "perturbation.safetensors")
    for checkpoint in options.output.glob("*.checkpoint.pt"):
        checkpoint.unlink()

    print(import_command(options.output, preset, steps > 0))


if __name__ == "__main__":
    main()
