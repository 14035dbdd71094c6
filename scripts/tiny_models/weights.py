"""Reproducible values, and their bytes as F32 and Q8_0.

The values of a tensor depend on nothing but its name: SplitMix64, seeded with the 64-bit FNV-1a hash of the name's
UTF-8 bytes, gives words; each word gives four 16-bit numbers u, the lowest first; a value is (2u - 65535) / 65536
times a range. Only additions, products and quotients of doubles are used, which round alike on every machine.
"""

import array
import math
import struct
import sys

MASK = (1 << 64) - 1
BLOCK = 32


def seed(name):
    """FNV-1a, 64 bits."""
    value = 0xcbf29ce484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001b3 & MASK
    return value


def words(name, count):
    """The first `count` numbers of SplitMix64 (Steele, Lea, Flood 2014)."""
    state, result = seed(name), []
    for _ in range(count):
        state = state + 0x9e3779b97f4a7c15 & MASK
        z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9 & MASK
        z = (z ^ z >> 27) * 0x94d049bb133111eb & MASK
        result.append(z ^ z >> 31)
    return result


def integers(name, count):
    """`count` odd integers, uniform in -65535 ... 65535."""
    data = struct.pack(f"<{-(-count // 4)}Q", *words(name, -(-count // 4)))
    return [2 * u - 65535 for u in struct.unpack_from(f"<{count}H", data)]


def uniform(name, count, extent, center=0.0):
    """`count` values in center ± extent, rounded to float32."""
    scale = extent / 65536
    return array.array("f", [center + scale * t for t in integers(name, count)])


def extent(deviation):
    """Half the width of the uniform distribution of this standard deviation, cut to 10 bits: products with it are exact."""
    fraction, exponent = math.frexp(deviation * math.sqrt(3))
    return math.ldexp(round(fraction * 1024), exponent - 10)


def f32_bytes(values):
    values = array.array("f", values)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def q8_0_bytes(values):
    """Blocks of 32: the scale d as float16, then round(x / d) as int8. d is max|x| / 127, rounded to float16."""
    assert len(values) % BLOCK == 0
    result = bytearray()
    for start in range(0, len(values), BLOCK):
        block = values[start:start + BLOCK]
        scale = struct.pack("<e", max(max(block), -min(block)) / 127)
        d, = struct.unpack("<e", scale)
        # Halves go up. A scale that was rounded down would take the largest value to 128.
        result += scale
        result += bytes([min(int(x / d + 128.5), 255) - 128 & 255 for x in block])
    return bytes(result)
