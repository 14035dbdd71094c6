"""Four adapters as PEFT saves them: adapter_config.json and adapter_model.safetensors, rank 4, every linear layer.

A and B are both random (`weights.uniform` of the model's name, "-peft/" and PEFT's name of the tensor). The rows of B are in
Hugging Face's order: those of q and k of llama differ from the GGUF's, where row 2i + j of a head is row j·size/2 + i here.
"""

import json
import struct

from . import weights
from .architectures import FEED_FORWARD, HEADS, MODELS, WIDTH

RANK = 4
# lora_alpha, use_rslora
SETTINGS = {"qwen2": (8, False), "phi3": (8, False), "llama3-rope": (6, False), "gemma3": (4, True)}


def scale(name):
    """What B·A is multiplied by."""
    alpha, stabilized = SETTINGS[name]
    return alpha / RANK ** 0.5 if stabilized else alpha / RANK


def modules(name):
    """Path below a layer, outputs and inputs of each linear layer."""
    model = MODELS[name]
    q, kv = HEADS * model.head_size, model.key_value_heads * model.head_size
    if model.fused:
        yield "self_attn.qkv_proj", q + 2 * kv, WIDTH
    else:
        yield "self_attn.q_proj", q, WIDTH
        yield "self_attn.k_proj", kv, WIDTH
        yield "self_attn.v_proj", kv, WIDTH
    yield "self_attn.o_proj", WIDTH, q
    if model.fused:
        yield "mlp.gate_up_proj", 2 * FEED_FORWARD, WIDTH
    else:
        yield "mlp.gate_proj", FEED_FORWARD, WIDTH
        yield "mlp.up_proj", FEED_FORWARD, WIDTH
    yield "mlp.down_proj", WIDTH, FEED_FORWARD


def tensors(name):
    """PEFT's name, shape and values: A [rank, inputs] of deviation 1/√inputs, B [outputs, rank] in ±0.25."""
    for layer in range(MODELS[name].layers):
        for path, outputs, inputs in modules(name):
            prefix = f"base_model.model.model.layers.{layer}.{path}."
            for part, shape, extent in (
                    ("lora_A.weight", (RANK, inputs), weights.extent(inputs ** -0.5)),
                    ("lora_B.weight", (outputs, RANK), 0.25)):
                tensor = prefix + part
                yield tensor, shape, weights.uniform(f"{name}-peft/{tensor}", shape[0] * shape[1], extent)


def write(name, folder):
    """The folder NAME-peft."""
    folder = folder / f"{name}-peft"
    folder.mkdir(exist_ok=True)
    alpha, stabilized = SETTINGS[name]
    config = {
        "alpha_pattern": {}, "auto_mapping": None, "base_model_name_or_path": f"tiny {name}", "bias": "none",
        "exclude_modules": None, "fan_in_fan_out": False, "inference_mode": True, "init_lora_weights": True,
        "layer_replication": None, "layers_pattern": None, "layers_to_transform": None, "lora_alpha": alpha,
        "lora_bias": False, "lora_dropout": 0.0, "modules_to_save": None, "peft_type": "LORA", "r": RANK,
        "rank_pattern": {}, "revision": None,
        "target_modules": sorted(path.split(".")[1] for path, _, _ in modules(name)),
        "task_type": "CAUSAL_LM", "use_dora": False, "use_rslora": stabilized,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for tensor, shape, values in sorted(tensors(name)):
        part = weights.f32_bytes(values)
        header[tensor] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
