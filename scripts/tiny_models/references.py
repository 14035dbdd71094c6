"""Each tiny model as transformers has it: class, configuration, and how the tensors of a GGUF file become its parameters.

Configurations are written by hand: transformers' own GGUF loader drops soft caps, windows, scaling and factors. They repeat in
Hugging Face's terms what `architectures` says in GGUF's, so that a key that is misunderstood shows.
"""

import re

import gguf
import numpy
import torch
import transformers

from . import architectures

DEFAULT = {"rope_type": "default"}
YARN = {"rope_type": "yarn", "original_max_position_embeddings": 64}
GRANITE = {
    "embedding_multiplier": 4.0, "attention_multiplier": 0.125, "residual_multiplier": 0.6, "logits_scaling": 1.6,
    "rope_parameters": DEFAULT | {"rope_theta": 10000.0},
}
# Name: class without "ForCausalLM", and what its configuration has beside the sizes.
CONFIGURATIONS = {
    "llama3-rope": ("Llama", {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64}}),
    "llama-bias": ("Llama", {
        "attention_bias": True, "mlp_bias": True, "rope_parameters": DEFAULT | {"rope_theta": 10000.0}}),
    "llama-linear": ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    "llama-yarn": ("Llama", {"rope_parameters": YARN | {"rope_theta": 10000.0, "factor": 4.0}}),
    "mistral3": ("Ministral3", {"rope_parameters": YARN | {
        "rope_theta": 1000000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
        "llama_4_scaling_beta": 0.1}}),
    "qwen2": ("Qwen2", {"rope_parameters": DEFAULT | {"rope_theta": 1000000.0}}),
    "qwen3": ("Qwen3", {"rope_parameters": DEFAULT | {"rope_theta": 1000000.0}}),
    "qwen3-yarn": ("Qwen3", {"rope_parameters": YARN | {"rope_theta": 100000.0, "factor": 4.0}}),
    "qwen3moe": ("Qwen3Moe", {
        "rope_parameters": DEFAULT | {"rope_theta": 1000000.0}, "num_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 32, "intermediate_size": 96, "norm_topk_prob": True, "decoder_sparse_step": 1,
        "mlp_only_layers": []}),
    "gemma2": ("Gemma2", {
        "rope_parameters": DEFAULT | {"rope_theta": 10000.0}, "sliding_window": 16, "query_pre_attn_scalar": 32,
        "attn_logit_softcapping": 4.0, "final_logit_softcapping": 5.0}),
    "gemma3": ("Gemma3", {
        "sliding_window": 12, "query_pre_attn_scalar": 24, "rope_parameters": {
            "sliding_attention": DEFAULT | {"rope_theta": 2000.0},
            "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0}}}),
    "phi3": ("Phi3", {
        "original_max_position_embeddings": 256, "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 256,
            "short_factor": [1.1875, 1.375, 1.0625, 1.375, 1.125, 1.25],
            "long_factor": [1.1875, 3.875, 4.75, 4.875, 6.25, 6.8125]}}),
    "smollm3": ("SmolLM3", {"rope_parameters": DEFAULT | {"rope_theta": 50000.0}}),
    "granite": ("Granite", GRANITE),
    "granitemoe": ("GraniteMoe", GRANITE | {"num_local_experts": 8, "num_experts_per_tok": 2}),
    "olmo2": ("Olmo2", {"rope_parameters": DEFAULT | {"rope_theta": 500000.0}}),
    "olmo3": ("Olmo3", {
        "sliding_window": 16, "rope_parameters": {
            "sliding_attention": DEFAULT | {"rope_theta": 500000.0},
            "full_attention": YARN | {
                "rope_theta": 500000.0, "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
                "attention_factor": 1.2079441541679836}}}),
    "stablelm": ("StableLm", {
        "use_qkv_bias": True,
        "rope_parameters": DEFAULT | {"rope_theta": 10000.0, "partial_rotary_factor": 0.25}}),
}

PERMUTED = {"llama", "mistral3", "smollm3", "granite", "granitemoe"}
MODULES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
}
OTHER_MODULES = {
    "gemma2": {"ffn_norm": "pre_feedforward_layernorm"},
    "gemma3": {"ffn_norm": "pre_feedforward_layernorm"},
    "phi3": {"ffn_up": "mlp.gate_up_proj"},
    "qwen3moe": {"ffn_gate_inp": "mlp.gate"},
    "granitemoe": {"ffn_gate_inp": "block_sparse_moe.router"},
}
# Parameters of all experts: gate and up as one, then down.
EXPERTS = {
    "qwen3moe": ("mlp.experts.gate_up_proj", "mlp.experts.down_proj"),
    "granitemoe": ("block_sparse_moe.experts.gate_up_proj", "block_sparse_moe.experts.down_proj"),
}


def sizes(name):
    """The part of a configuration that every class has."""
    model = architectures.MODELS[name]
    epsilon = "layer_norm_eps" if model.layer_norm else "rms_norm_eps"
    result = {
        "vocab_size": model.vocabulary, "hidden_size": architectures.WIDTH, "intermediate_size": model.feed_forward,
        "num_hidden_layers": model.layers, "num_attention_heads": architectures.HEADS,
        "num_key_value_heads": model.key_value_heads, epsilon: model.epsilon, "max_position_embeddings": model.context,
        "tie_word_embeddings": model.tied,
    }
    return result | ({"head_dim": model.head_size} if model.writes_head_size else {})


def configuration(name):
    """Class name and whole configuration."""
    kind, own = CONFIGURATIONS[name]
    return kind + "ForCausalLM", sizes(name) | own


def build(class_name, config):
    """An empty model in fp32 with plain attention."""
    kind = getattr(transformers, class_name)
    config = kind.config_class(**config, pad_token_id=None, bos_token_id=None, eos_token_id=None)
    config._attn_implementation = "eager"
    return kind(config).eval()


def read(path):
    """Architecture, and the tensors of a GGUF file, dequantized, rows first."""
    reader = gguf.GGUFReader(path)
    tensors = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        tensors[tensor.name] = torch.from_numpy(values.reshape([int(n) for n in reversed(tensor.shape)]).copy())
    return reader.get_field("general.architecture").contents(), tensors


def permuted(rows, heads, back=False):
    """Rows from the GGUF's order (neighbours are pairs: 2i + j) to Hugging Face's (halves: j·size/2 + i), or back."""
    shape = rows.shape
    half = shape[0] // heads // 2
    return rows.reshape(heads, *((2, half) if back else (half, 2)), -1).transpose(1, 2).reshape(shape)


class Names:
    """Tensors of one architecture in both worlds."""

    def __init__(self, architecture, config):
        self.architecture = architecture
        self.modules = MODULES | OTHER_MODULES.get(architecture, {})
        self.heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
        self.layers = config["num_hidden_layers"]

    def parameter(self, name):
        """Hugging Face's name of a GGUF tensor."""
        layer, part, kind = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)", name).groups()
        return (f"model.layers.{layer}." if layer else "") + f"{self.modules[part]}.{kind}"

    def reordered(self, name, values, back=False):
        part = name.split(".")[-2]
        if self.architecture in PERMUTED and part in self.heads:
            return permuted(values, self.heads[part], back)
        return values

    def state(self, tensors):
        """GGUF tensors → a state dictionary."""
        result = {}
        for name, values in tensors.items():
            if name.startswith("rope_"):
                continue
            if "_exps." in name:
                continue
            if self.architecture.startswith("gemma") and "norm" in name:
                values = values - 1
            result[self.parameter(name)] = self.reordered(name, values)
        for layer in range(self.layers) if self.architecture in EXPERTS else ():
            prefix = f"blk.{layer}.ffn_"
            parts = [tensors[f"{prefix}{part}_exps.weight"] for part in ("gate", "up", "down")]
            both, down = EXPERTS[self.architecture]
            result[f"model.layers.{layer}.{both}"] = torch.cat(parts[:2], 1)
            result[f"model.layers.{layer}.{down}"] = parts[2]
        return result

    def gradients(self, model, tensors):
        """Gradients of the linear weights of all layers, by GGUF name, in its order of rows; experts: [experts·rows, length]."""
        parameters = dict(model.named_parameters())
        result = {}
        for name, values in tensors.items():
            if values.dim() < 2 or not name.startswith("blk."):
                continue
            layer, part = name.split(".")[1:3]
            if part.endswith("_exps"):
                both, down = EXPERTS[self.architecture]
                gradient = parameters[f"model.layers.{layer}.{down if 'down' in part else both}"].grad
                if "down" not in part:
                    gradient = gradient.chunk(2, 1)["up" in part]
                result[name] = gradient.reshape(-1, gradient.shape[-1])
            else:
                result[name] = self.reordered(name, parameters[self.parameter(name)].grad, back=True)
        return result


def load(path, class_name, config):
    """The model with a file's weights, its names, and the file's tensors."""
    architecture, tensors = read(path)
    names = Names(architecture, config)
    model = build(class_name, config)
    missing, unexpected = model.load_state_dict(names.state(tensors), strict=False)
    tied = ["lm_head.weight"] if config["tie_word_embeddings"] else []
    if unexpected or [name for name in missing if name not in tied]:
        raise SystemExit(f"{path}: {missing} are missing, {unexpected} are not known")
    model.tie_weights()
    return model, names, tensors
