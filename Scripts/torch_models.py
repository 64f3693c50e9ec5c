"""The networks of a bundle in plain PyTorch, under the state-dict names that Samegate reads and writes.

Imported by make-reference-dumps.py, check-interchange.py and train-gpu.py. An image is (channels, height, width).
Needs torch alone.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c))


class Mlp(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def token(*shape):
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(*shape), std=0.02))


class Encoder(nn.Module):
    def __init__(self, image, patch, embedding, depth, heads):
        super().__init__()
        channels, height, width = image
        self.cls_token = token(1, 1, embedding)
        self.pos_embedding = token((height // patch) * (width // patch), 1, embedding)
        self.patchify = nn.Conv2d(channels, embedding, patch, patch)
        self.transformer = nn.Sequential(*[Block(embedding, heads) for _ in range(depth)])
        self.layer_norm = nn.LayerNorm(embedding)

    def forward(self, images, visible):
        tokens = self.patchify(images).flatten(2).transpose(1, 2) + self.pos_embedding.transpose(0, 1)
        rows = visible.unsqueeze(-1).expand(-1, -1, tokens.shape[-1])
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), tokens.gather(1, rows)], dim=1)
        return self.layer_norm(self.transformer(tokens))


class Decoder(nn.Module):
    def __init__(self, image, patch, embedding, depth, heads):
        super().__init__()
        self.image, self.patch = image, patch
        channels, height, width = image
        self.mask_token = token(1, 1, embedding)
        self.pos_embedding = token((height // patch) * (width // patch) + 1, 1, embedding)
        self.transformer = nn.Sequential(*[Block(embedding, heads) for _ in range(depth)])
        self.head = nn.Linear(embedding, channels * patch**2)

    def forward(self, features, visible):
        (channels, height, width), p = self.image, self.patch
        b, rows, columns = len(features), height // p, width // p
        patches = self.mask_token.expand(b, rows * columns, -1)
        places = visible.unsqueeze(-1).expand(-1, -1, features.shape[-1])
        tokens = torch.cat([features[:, :1], patches.scatter(1, places, features[:, 1:].to(patches.dtype))], dim=1)
        tokens = self.transformer(tokens + self.pos_embedding.transpose(0, 1))[:, 1:]
        patches = self.head(tokens).reshape(b, rows, columns, channels, p, p)
        return patches.permute(0, 3, 1, 4, 2, 5).reshape(b, channels, height, width)


class MaskedAutoencoder(nn.Module):
    """`visible` (B, V) holds the indices of the patches that the encoder sees; without it, it sees all."""

    def __init__(self, image, patch, embedding, depths, heads):
        super().__init__()
        self.patches = (image[1] // patch) * (image[2] // patch)
        self.encoder = Encoder(image, patch, embedding, depths[0], heads[0])
        self.decoder = Decoder(image, patch, embedding, depths[1], heads[1])

    def forward(self, images, visible=None):
        if visible is None:
            visible = torch.arange(self.patches, device=images.device).expand(len(images), -1)
        return self.decoder(self.encoder(images, visible), visible)


class Conv3(nn.Module):
    def __init__(self, image, classes, width):
        super().__init__()
        channels, height, inside = image
        after = [(((side - 2) // 2) - 4) // 2 for side in (height, inside)]
        self.net = nn.Sequential(
            nn.Conv2d(channels, width, 3), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(width, 2 * width, 3), nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(),
            nn.Linear(4 * width * after[0] * after[1], 16 * width), nn.ReLU(), nn.Linear(16 * width, classes),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


class MultilayerPerceptron(nn.Module):
    def __init__(self, image, classes, hidden):
        super().__init__()
        self.linear1 = nn.Linear(image[0] * image[1] * image[2], hidden)
        self.linear2 = nn.Linear(hidden, hidden)
        self.linear3 = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.linear3(F.relu(self.linear2(F.relu(self.linear1(x.flatten(1))))))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """torchvision's resnet18 is blocks [2, 2, 2, 2], width 64, stem "imagenet"."""

    def __init__(self, image, classes, blocks, width, stem):
        super().__init__()
        side, stride = (3, 1) if stem == "cifar" else (7, 2)
        self.conv1 = nn.Conv2d(image[0], width, side, stride, side // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, 2, 1)
        self.stages, inputs = len(blocks), width
        for stage, count in enumerate(blocks):
            outputs, made = width << stage, []
            for index in range(count):
                made.append(BasicBlock(inputs, outputs, 2 if stage > 0 and index == 0 else 1))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


class VisionTransformer(nn.Module):
    def __init__(self, image, classes, patch, embedding, depth, heads, pool):
        super().__init__()
        channels, height, width = image
        self.cls_token = token(1, 1, embedding) if pool == "token" else None
        self.pos_embedding = token((height // patch) * (width // patch), 1, embedding)
        self.patchify = nn.Conv2d(channels, embedding, patch, patch)
        self.transformer = nn.Sequential(*[Block(embedding, heads) for _ in range(depth)])
        self.layer_norm = nn.LayerNorm(embedding)
        self.head = nn.Linear(embedding, classes)

    def forward(self, x):
        x = self.patchify(x).flatten(2).transpose(1, 2) + self.pos_embedding.transpose(0, 1)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = self.layer_norm(self.transformer(x))
        return self.head(x.mean(1) if self.cls_token is None else x[:, 0])


def shape(image):
    return image["channels"], image["height"], image["width"]


def autoencoder(sizes):
    """The autoencoder that a bundle's manifest describes under "autoencoder"."""
    return MaskedAutoencoder(
        shape(sizes["image"]), sizes["patch"], sizes["embedding"], (sizes["encoderDepth"], sizes["decoderDepth"]),
        (sizes["encoderHeads"], sizes["decoderHeads"]),
    )  # fmt: skip


def classifier(architecture):
    """The classifier that a manifest describes under "auxiliary" or "architecture"."""
    [(kind, fields)] = architecture.items()
    made = {"conv3": Conv3, "mlp": MultilayerPerceptron, "resnet": ResNet, "vit": VisionTransformer}[kind]
    sizes = fields.get("sizes") or {key: fields[key] for key in ("width", "hidden") if key in fields}
    return made(shape(fields["image"]), fields["classes"], **sizes)


class PerturbationDetector(nn.Module):
    """Logits of images (B, C, H, W) with their reconstructions."""

    def __init__(self, channels, width=16, stages=3):
        super().__init__()
        layers = [nn.Conv2d(2 * channels, width, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        inputs = width
        for _ in range(1, stages):
            layers += [nn.AvgPool2d(2), nn.Conv2d(inputs, 2 * width, 3, padding=1), nn.ReLU()]
            inputs = 2 * width
        self.features = nn.Sequential(*layers)
        self.output = nn.Linear(2 * inputs, 1)

    def forward(self, images, reconstructions):
        x = self.features(torch.cat([images, 4 * (images - reconstructions)], 1))
        return self.output(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)).squeeze(1)
