"""Ways in which a file gets damaged, by chance but the same every time."""

import numpy as np


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, some bytes changed, a stretch overwritten, lost or doubled."""
    data = bytearray(content)
    n = len(data)
    kind = rng.integers(5)
    start = int(rng.integers(n))
    length = int(rng.integers(1, max(2, n // 20)))
    if kind == 0:
        del data[start:]
    elif kind == 1:
        for position in rng.integers(n, size=int(rng.integers(1, 20))):
            data[position] ^= int(rng.integers(1, 256))
    elif kind == 2:
        end = min(start + length, n)
        data[start:end] = rng.bytes(end - start)
    elif kind == 3:
        del data[start : start + length]
    else:
        data[start:start] = data[start : start + length]
    return bytes(data)
