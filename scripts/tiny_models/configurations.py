"""Hugging Face's class and configuration of a GGUF file, from its metadata and tensor names.

transformers' own GGUF loader drops soft caps, windows, biases, scaling and factors, and knows fewer architectures. `check` holds what
is read here against `references.CONFIGURATIONS`, which is written by hand, on the tiny models:

    PYTHON -c "import sys; sys.path.insert(0, 'scripts'); from tiny_models import configurations; configurations.check()"
"""

import math
import pathlib

import gguf

from . import architectures, files, references

CLASSES = {
    "llama": "Llama", "mistral3": "Ministral3", "qwen2": "Qwen2", "qwen3": "Qwen3", "qwen3moe": "Qwen3Moe",
    "gemma2": "Gemma2", "gemma3": "Gemma3", "phi3": "Phi3", "smollm3": "SmolLM3", "granite": "Granite",
    "granitemoe": "GraniteMoe", "olmo2": "Olmo2", "stablelm": "StableLm"}
# The only setting of attention that a file does not have: the scale of the largest Gemmas, known by their layers.
LARGEST = {"gemma2": 46, "gemma3": 62}


class Metadata:
    """The keys and tensors of a file, and its architecture's keys without their prefix."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.fields = {name: field for name, field in reader.fields.items()}
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.architecture = self.fields["general.architecture"].contents()

    def __call__(self, key, default=None):
        field = self.fields.get(f"{self.architecture}.{key}")
        return default if field is None else field.contents()

    def vector(self, name):
        return self.tensors[name].data.tolist()


def of(path):
    """Class name and whole configuration of a file."""
    file = Metadata(path)
    kind = file.architecture
    if kind not in CLASSES:
        raise ValueError(f"no class is known for {kind}")
    if "attention.sliding_window_pattern" in {key.partition(".")[2] for key in file.fields} and kind == "olmo2":
        class_name = "Olmo3"
    else:
        class_name = CLASSES[kind]
    heads, width = file("attention.head_count"), file("embedding_length")
    head_size = file("attention.key_length", width // heads)
    norm = "layer_norm" if kind == "stablelm" else "layer_norm_rms"
    config = {
        "vocab_size": len(file.fields["tokenizer.ggml.tokens"].data), "hidden_size": width,
        "intermediate_size": file("feed_forward_length"), "num_hidden_layers": file("block_count"),
        "num_attention_heads": heads, "num_key_value_heads": file("attention.head_count_kv", heads),
        "layer_norm_eps" if kind == "stablelm" else "rms_norm_eps": file(f"attention.{norm}_epsilon"),
        "max_position_embeddings": file("context_length"), "tie_word_embeddings": "output.weight" not in file.tensors,
        "rope_parameters": rotary(file, head_size),
    }
    if "attention.key_length" in {key.partition(".")[2] for key in file.fields}:
        config["head_dim"] = head_size
    return class_name + "ForCausalLM", config | OWN.get(kind, lambda file: {})(file)


def rotary(file, head_size):
    """`rope_parameters`."""
    base = file("rope.freq_base", 10000.0)
    kind, factor = file("rope.scaling.type", "linear"), file("rope.scaling.factor", file("rope.scale_linear", 1.0))
    original = file("rope.scaling.original_context_length", file("context_length"))
    result = {"rope_type": "default", "rope_theta": base}
    if kind == "yarn":
        result |= {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
        for theirs, ours in (("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow"),
                             ("attention_factor", "yarn_attn_factor")):
            if file(f"rope.scaling.{ours}") is not None:
                result[theirs] = file(f"rope.scaling.{ours}")
    elif kind == "linear" and factor != 1:
        result |= {"rope_type": "linear", "factor": factor}
    if "rope_freqs.weight" in file.tensors:
        result |= llama3(file.vector("rope_freqs.weight"), base, head_size)
    if "rope_factors_long.weight" in file.tensors:
        result |= {
            "rope_type": "longrope", "original_max_position_embeddings": original,
            "short_factor": file.vector("rope_factors_short.weight"),
            "long_factor": file.vector("rope_factors_long.weight")}
    rotated = file("rope.dimension_count", head_size)
    return result if rotated == head_size else result | {"partial_rotary_factor": rotated / head_size}


def llama3(divisors, base, head_size):
    """Llama 3's scaling, of which the file has only the divisors: the published settings that give them."""
    for factor in 8.0, 32.0, 16.0, 4.0:
        for original in 8192, architectures.ORIGINAL_CONTEXT:
            found = architectures.llama3_factors(base, head_size, factor, 1.0, 4.0, original)
            if all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(found, divisors, strict=True)):
                return {"rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                        "original_max_position_embeddings": original}
    raise ValueError("the divisors in rope_freqs.weight are of no published model")


def llama(file):
    biases = {"attention_bias": "blk.0.attn_q.bias", "mlp_bias": "blk.0.ffn_up.bias"}
    return {theirs: True for theirs, ours in biases.items() if ours in file.tensors}


def gemma(file):
    heads, width = file("attention.head_count"), file("embedding_length")
    largest = file("block_count") == LARGEST[file.architecture]
    return {
        "query_pre_attn_scalar": width // heads if largest else file("attention.key_length"),
        "sliding_window": file("attention.sliding_window", 4096)}


def gemma2(file):
    return gemma(file) | {
        "rope_parameters": rotary(file, file("attention.key_length")),
        "attn_logit_softcapping": file("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": file("final_logit_softcapping", 30.0)}


def gemma3(file):
    local = {"rope_type": "default", "rope_theta": file("rope.freq_base_swa", 10000.0)}
    result = gemma(file) | {
        "rope_parameters": {
            "sliding_attention": local, "full_attention": rotary(file, file("attention.key_length"))}}
    cap = file("final_logit_softcapping")
    return result | ({"final_logit_softcapping": cap} if cap else {})


def olmo(file):
    if file("attention.sliding_window") is None:
        return {}
    head_size = file("embedding_length") // file("attention.head_count")
    full = rotary(file, head_size)
    local = {"rope_type": "default", "rope_theta": file("rope.freq_base", 10000.0)}
    return {"sliding_window": file("attention.sliding_window"),
            "rope_parameters": {"sliding_attention": local, "full_attention": full}}


def granite(file):
    head_size = file("attention.key_length", file("embedding_length") // file("attention.head_count"))
    return llama(file) | {
        "embedding_multiplier": file("embedding_scale", 1.0),
        "attention_multiplier": file("attention.scale", head_size ** -0.5),
        "residual_multiplier": file("residual_scale", 1.0), "logits_scaling": file("logit_scale")}


def granite_experts(file):
    return granite(file) | {"num_local_experts": file("expert_count"), "num_experts_per_tok": file("expert_used_count")}


def qwen3_experts(file):
    return {
        "num_experts": file("expert_count"), "num_experts_per_tok": file("expert_used_count"),
        "moe_intermediate_size": file("expert_feed_forward_length"), "norm_topk_prob": True, "decoder_sparse_step": 1,
        "mlp_only_layers": []}


def phi3(file):
    original = file("rope.scaling.original_context_length", file("context_length"))
    return {"original_max_position_embeddings": original, "sliding_window": file("attention.sliding_window") or None}


def mistral3(file):
    multiplier = file("rope.scaling.yarn_log_multiplier", 0.0)
    scale = file("attention.temperature_scale", 0.0)
    own = {"mscale": 1.0, "mscale_all_dim": multiplier, "llama_4_scaling_beta": scale}
    return {"rope_parameters": rotary(file, file("attention.key_length")) | own}


def stablelm(file):
    return {"use_qkv_bias": "blk.0.attn_q.bias" in file.tensors}


OWN = {
    "llama": llama, "mistral3": mistral3, "qwen3moe": qwen3_experts, "gemma2": gemma2, "gemma3": gemma3, "phi3": phi3,
    "granite": granite, "granitemoe": granite_experts, "olmo2": olmo, "stablelm": stablelm}


def check(folder=pathlib.Path(".build-tests/tiny-models")):
    """Whether every tiny model's configuration as read from its file is the one written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in architectures.MODELS:
        files.write(name, folder)
        read, written = of(folder / f"{name}.gguf"), references.configuration(name)
        for key in sorted(set(read[1]) | set(written[1])):
            if not close(read[1].get(key), written[1].get(key)):
                raise SystemExit(f"{name}: {key} is {read[1].get(key)} in the file, {written[1].get(key)} by hand")
        if read[0] != written[0]:
            raise SystemExit(f"{name}: {read[0]} is read, {written[0]} written")
        print(f"{name}: as written by hand")


def close(a, b):
    """Equality but for the rounding of a float32."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-5)
    return a == b
