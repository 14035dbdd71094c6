"""Writes a GGUF file of version 3: header, metadata, tensor table, then tensors at multiples of 32 bytes."""

import struct

ALIGNMENT = 32
F32, Q8_0 = 0, 8


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(item):
    """Type and bytes of a metadata value: bool, int (u32), float (f32), str, or a list of one of them (ints as i32)."""
    if isinstance(item, bool):
        return 7, struct.pack("<?", item)
    if isinstance(item, int):
        return 4, struct.pack("<I", item)
    if isinstance(item, float):
        return 6, struct.pack("<f", item)
    if isinstance(item, str):
        return 8, text(item)
    if isinstance(item[0], int) and not isinstance(item[0], bool):
        kind, parts = 5, [struct.pack(f"<{len(item)}i", *item)]
    else:
        kind, parts = value(item[0])[0], [value(one)[1] for one in item]
    return 9, struct.pack("<IQ", kind, len(item)) + b"".join(parts)


def write(path, metadata, tensors):
    """`tensors` is a list of (name, dimensions with the row length first, F32 or Q8_0, bytes)."""
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, item in metadata.items():
        kind, data = value(item)
        header += text(key) + struct.pack("<I", kind) + data
    offset = 0
    for name, dimensions, kind, data in tensors:
        header += text(name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        header += struct.pack("<IQ", kind, offset)
        offset += -(-len(data) // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as file:
        file.write(header)
        for _, _, _, data in tensors:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            file.write(data)
        file.write(b"\0" * (-file.tell() % ALIGNMENT))
