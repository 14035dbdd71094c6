"""The files of one model: what they are called, and the digests that tie them to their reference numbers."""

import hashlib

from . import adapters, architectures


def names(name):
    """Paths below the folder, by what they are called in the reference numbers."""
    result = {"f32": f"{name}.gguf", "q8_0": f"{name}-q8_0.gguf"}
    if name in adapters.SETTINGS:
        result["adapter"] = f"{name}-peft/adapter_model.safetensors"
    return result


def write(name, folder):
    architectures.write(name, folder)
    if name in adapters.SETTINGS:
        adapters.write(name, folder)


def digests(name, folder):
    """SHA-256 of each file."""
    return {kind: hashlib.sha256((folder / path).read_bytes()).hexdigest() for kind, path in names(name).items()}
