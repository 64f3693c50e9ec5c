"""Makes the data readers' fixtures with Python's tarfile, Pillow and NumPy; each picture's samples beside it."""
import io, sys, tarfile
import numpy as np
from PIL import Image
out = sys.argv[1]
rng = np.random.default_rng(1)
def png(a):
    b = io.BytesIO(); Image.fromarray(a).save(b, "PNG"); return b.getvalue()
def jpg(a):
    b = io.BytesIO(); Image.fromarray(a).save(b, "JPEG", quality=90); return b.getvalue()
pics = {n: rng.integers(0, 256, (5, 7, 3), dtype=np.uint8) for n in ["b/2.png", "b/1.png", "a/x.png"]}
smooth = np.broadcast_to(np.arange(0, 210, 30, dtype=np.uint8)[None, :, None], (5, 7, 3)).copy()
def write(path, fmt, mode="w"):
    with tarfile.open(path, mode, format=fmt) as t:
        for d in ["b", "a"]:
            i = tarfile.TarInfo(d); i.type = tarfile.DIRTYPE; t.addfile(i)
        for name, data in [(n, png(p)) for n, p in pics.items()] + [("a/s.jpg", jpg(smooth)), ("b/notes.txt", b"x" * 700)]:
            i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
write(f"{out}/pictures.tar", tarfile.USTAR_FORMAT)
write(f"{out}/pictures.tar.gz", tarfile.GNU_FORMAT, "w:gz")
decoded = np.asarray(Image.open(io.BytesIO(jpg(smooth))))
order = [decoded if n == "a/s.jpg" else pics[n] for n in ["a/s.jpg", "a/x.png", "b/1.png", "b/2.png"]]
np.stack(order).transpose(0, 3, 1, 2).tofile(f"{out}/pictures.raw")
long = tarfile.open(f"{out}/long.tar", "w", format=tarfile.USTAR_FORMAT)
i = tarfile.TarInfo("p" * 60 + "/" + "q" * 60 + "/k/z.png"); d = png(pics["a/x.png"]); i.size = len(d); long.addfile(i, io.BytesIO(d)); long.close()
np.save(f"{out}/grey.npy", rng.integers(0, 256, (3, 4, 5), dtype=np.uint8))
np.load(f"{out}/grey.npy").tofile(f"{out}/grey.raw")
colour = (rng.integers(0, 256, (2, 4, 5, 3)) / 255).astype("<f4")
with open(f"{out}/colour.npy", "wb") as f: np.lib.format.write_array(f, colour, version=(2, 0))
np.rint(colour * 255).astype(np.uint8).transpose(0, 3, 1, 2).tofile(f"{out}/colour.raw")
np.save(f"{out}/fortran.npy", np.asfortranarray(rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)))
np.save(f"{out}/double.npy", rng.random((3, 4, 5)))
np.rint(np.load(f"{out}/double.npy") * 255).astype(np.uint8).tofile(f"{out}/double.raw")
np.save(f"{out}/labels.npy", np.array([2, 0, 1], dtype=np.uint8))
# Python's own default: extended headers for a time with a fraction, and for a path that no ustar field holds.
pax = tarfile.open(f"{out}/pax.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "for all"})
i = tarfile.TarInfo("ü" * 90 + "/" + "q" * 30 + ".png"); i.size = len(d); i.mtime = 1.5; pax.addfile(i, io.BytesIO(d))
i = tarfile.TarInfo("v/2.png"); i.size = len(d); i.mtime = 2.25; pax.addfile(i, io.BytesIO(d)); pax.close()
