#!/usr/bin/env python3
"""Makes sets of pictures that are near a victim's own, for `samegate evaluate --queries NAME=FILE`.

    make-queries.py near t10k-images-idx3-ubyte.gz near.idx       the same things from another source: MNIST's digits as
                                                                  EMNIST's were made (enlarged, blurred, cut to the ink,
                                                                  squared with a border, brought to size by bicubic)
    make-queries.py characters characters.idx [--alphabet 0123456789]      characters of the fonts that are installed, in
                                                                  random sizes, turned, slanted and moved a little

Files are IDX of bytes (count, 28, 28), light on black. The same arguments give the same bytes where fonts are the same.
Requirements: python3-pil and, for characters, fonts such as fonts-dejavu (Debian)
"""

import argparse
import gzip
import pathlib
import random
import struct
import sys

try:
    from PIL import Image, ImageDraw, ImageFilter, ImageFont
except ImportError:
    sys.exit("error: Pillow is missing; on Debian: apt-get install python3-pil; elsewhere: pip install pillow")

SIDE = 28
LARGE = 128
INK = 40


def read(path):
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    if len(data) < 16 or data[:4] != b"\0\0\x08\x03":
        sys.exit(f"error: {path} is no IDX file of images")
    count, height, width = struct.unpack(">3I", data[4:16])
    if len(data) != 16 + count * height * width:
        sys.exit(f"error: {path} does not hold what its header announces")
    return [Image.frombytes("L", (width, height), data[16 + i * height * width :][: height * width]) for i in range(count)]


def write(path, pictures):
    body = b"".join(picture.tobytes() for picture in pictures)
    path.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", len(pictures), SIDE, SIDE) + body)
    print(f"{len(pictures)} pictures written to {path}")


def near(picture):
    """Source: Cohen et al., EMNIST (2017), section II: blur of sigma 1 at 128x128, region of interest, 2 pixels of border."""
    large = picture.resize((LARGE, LARGE), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))
    box = large.point(lambda value: 255 if value > INK else 0).getbbox()
    if box is None:
        return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    ink = large.crop(box)
    side = round(max(ink.size) * SIDE / (SIDE - 4))
    square = Image.new("L", (side, side))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return square.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def character(letter, font, generator):
    picture = Image.new("L", (2 * SIDE, 2 * SIDE))
    ImageDraw.Draw(picture).text((SIDE, SIDE), letter, font=font, fill=255, anchor="mm")
    slant, moved = generator.uniform(-0.2, 0.2), [generator.uniform(-2, 2) for _ in range(2)]
    matrix = (1, slant, moved[0] - slant * SIDE, 0, 1, moved[1])
    picture = picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    picture = picture.rotate(generator.uniform(-15, 15), Image.Resampling.BICUBIC)
    return picture.crop((SIDE // 2, SIDE // 2, SIDE // 2 + SIDE, SIDE // 2 + SIDE))


def characters(options):
    generator = random.Random(options.seed)
    fonts = sorted(pathlib.Path(options.fonts).rglob("*.ttf"))
    if not fonts:
        sys.exit(f"error: there is no TrueType font under {options.fonts}; --fonts names another folder, and on Debian "
                 "apt-get install fonts-dejavu-core installs some")
    made = {}
    pictures = []
    for _ in range(options.count):
        key = (generator.choice(fonts), generator.randint(18, 26))
        if key not in made:
            made[key] = ImageFont.truetype(str(key[0]), key[1])
        pictures.append(character(generator.choice(options.alphabet), made[key], generator))
    return pictures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    converted = kinds.add_parser("near")
    converted.add_argument("images", type=pathlib.Path)
    drawn = kinds.add_parser("characters")
    for kind in (converted, drawn):
        kind.add_argument("output", type=pathlib.Path)
        kind.add_argument("--count", type=int, default=4000)
    drawn.add_argument("--alphabet", default="0123456789")
    drawn.add_argument("--fonts", default="/usr/share/fonts")
    drawn.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.kind == "near":
        write(options.output, [near(picture) for picture in read(options.images)[: options.count]])
    else:
        write(options.output, characters(options))


if __name__ == "__main__":
    main()
