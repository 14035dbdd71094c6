"""Writes codecs.txt: golden vectors of the block formats from the `gguf` package (pip install gguf numpy) and from
llama.cpp's libggml-base.so.

    python codecs.py codecs.txt path/to/libggml-base.so

One vector a line: `decode FORMAT BLOCKS FLOATS`, `encode FORMAT FLOATS BLOCKS` (to be met bit for bit) or `search FORMAT
FLOATS BLOCKS` (llama.cpp's result of a search over scales: its error is the bar, not its bytes); blocks are the file's
bytes in hexadecimal, floats the bytes of little-endian singles.
"""
import ctypes
import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

rng = np.random.default_rng(20240607)
SCALES = {  # places of the half-precision scales inside a block
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82],
    T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0],
}
EXACT = [T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0]
SEARCHED = [T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL]
READ_ONLY = [T.Q2_K, T.Q3_K, T.IQ4_XS]


def hexadecimal(array):
    return np.ascontiguousarray(array).tobytes().hex()


def blocks_to_decode(format):
    length, size = GGML_QUANT_SIZES[format]
    if format == T.F32:
        return rng.standard_normal(37).astype(np.float32).view(np.uint8)
    if format == T.F16:  # normal, subnormal, zero, extreme, infinite
        special = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFC00, 0x3C00], np.uint16)
        return np.concatenate([rng.standard_normal(33).astype(np.float16).view(np.uint16), special]).view(np.uint8)
    if format == T.BF16:
        return (rng.standard_normal(37).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    count = 5 if length == 32 else 2
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for index in range(count):
        for place in SCALES[format]:
            scale = np.array([rng.standard_normal() * (1e-6 if index == 1 else 0.02)], np.float16)
            blocks[index, place : place + 2] = scale.view(np.uint8)
    return blocks.reshape(-1)


def values_to_encode():
    x = rng.standard_normal((8, 32)).astype(np.float32)
    x[1] = 0
    x[2] = 0.75
    x[3] = np.round(x[3] * 4) / 4  # ties
    x[4] *= 1e-5  # subnormal scale
    x[5] *= 1e3
    x[6] = np.abs(x[6])
    x[7, 5] = -x[7].max() * 1.0  # equal magnitudes of both signs
    return x


def values_to_search():
    """Four blocks of 256: normal, heavy-tailed, positive, nearly zero with outliers."""
    x = rng.standard_normal((4, 256))
    x[1] /= np.sqrt(rng.chisquare(4, 256) / 4)
    x[2] = np.abs(x[2])
    x[3] = np.where(rng.random(256) < 0.1, x[3], 0.01 * x[3])
    return (0.02 * x).astype(np.float32)


def searched(values, format):
    """As llama-quantize without an importance matrix."""
    length, size = GGML_QUANT_SIZES[format]
    blocks = np.zeros(values.size // length * size, np.uint8)
    library.ggml_quantize_chunk(
        ctypes.c_int(format), values.ctypes.data_as(ctypes.c_void_p), blocks.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0), ctypes.c_int64(values.shape[0]), ctypes.c_int64(values.shape[1]), None)
    return blocks


library = ctypes.CDLL(sys.argv[2])
with open(sys.argv[1], "w") as file:
    file.write("# written by codecs.py from gguf 0.19.0 and llama.cpp\n")
    for format in EXACT + SEARCHED + READ_ONLY:
        blocks = blocks_to_decode(format)
        values = dequantize(blocks, format)
        file.write(f"decode {format.name} {hexadecimal(blocks)} {hexadecimal(values.astype(np.float32))}\n")
    for format in EXACT:
        values = values_to_encode()
        file.write(f"encode {format.name} {hexadecimal(values)} {hexadecimal(quantize(values, format))}\n")
    values = values_to_search()
    for format in SEARCHED:
        file.write(f"search {format.name} {hexadecimal(values)} {hexadecimal(searched(values, format))}\n")
