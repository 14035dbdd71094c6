"""The tiny models: metadata and tensors of each, every feature of its architecture switched on.

Sizes: width 64, 4 heads with 2 key-value heads (gemma3: 1), feed-forward 96, 2 to 6 layers; a head is 16 wide, or 32
(gemma3: 24) where an architecture leaves it free. Weights are scaled so that attention is neither flat nor one-hot, logits
have a standard deviation of about one, and every sublayer matters.
"""

import math
from dataclasses import dataclass, field

from . import gguf, tokenizers, weights

WIDTH, HEADS, FEED_FORWARD, ORIGINAL_CONTEXT = 64, 4, 96, 64


@dataclass
class Model:
    architecture: str
    layers: int = 2
    head_size: int = 16
    key_value_heads: int = 2
    context: int = 512
    tied: bool = False
    epsilon: float = 1e-5
    # Metadata below `{architecture}.` beside the sizes.
    keys: dict = field(default_factory=dict)
    # `pieces`, or the name of a byte-level pre-tokenizer.
    tokenizer: str = "qwen2"
    # The key length is written, or follows from width and heads.
    writes_head_size: bool = False
    # Names of the norms of a block, and whether they are LayerNorms (with biases).
    norms: tuple = ("attn_norm", "ffn_norm")
    layer_norm: bool = False
    # "head" or "row": what one q/k norm covers.
    query_key_norm: str = ""
    # Names of the tensors with a bias.
    biases: tuple = ()
    fused: bool = False
    experts: int = 0
    # Rows of a feed-forward matrix (of one expert).
    feed_forward: int = FEED_FORWARD
    # Half the width of the norms' distribution, and its center.
    norm_extent: float = 0.375
    norm_center: float = 1.0
    # Vectors that are written as they are: rope factors.
    vectors: dict = field(default_factory=dict)
    embedding_deviation: float = 0.2

    @property
    def vocabulary(self):
        return tokenizers.PIECE_SIZE if self.tokenizer == "pieces" else tokenizers.BYTE_LEVEL_SIZE


def llama3_factors(base, size, factor, low, high, original):
    """Llama 3's divisors of the frequencies: 1 for short waves, `factor` for long ones, a ramp between."""
    result = []
    for i in range(size // 2):
        wave = 2 * math.pi * base ** (2 * i / size)
        smooth = min(max((original / wave - low) / (high - low), 0.0), 1.0)
        # Six decimals, so that no machine's power function can be told from another's.
        result.append(round(1 / ((1 - smooth) / factor + smooth), 6))
    return result


def yarn(factor, base, **more):
    """The keys of a yarn model whose original context is 64."""
    return {
        "rope.freq_base": base, "rope.scaling.type": "yarn", "rope.scaling.factor": factor,
        "rope.scaling.original_context_length": ORIGINAL_CONTEXT, **more,
    }


QKV = ("attn_q", "attn_k", "attn_v")
EVERY_LINEAR = QKV + ("attn_output", "ffn_gate", "ffn_up", "ffn_down")
GEMMA = dict(
    tied=True, epsilon=1e-6, tokenizer="pieces", writes_head_size=True, norm_center=0.75, norm_extent=1.0,
    norms=("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"))
OLMO = dict(
    architecture="olmo2", epsilon=1e-6, tokenizer="dbrx", query_key_norm="row",
    norms=("post_attention_norm", "post_ffw_norm"))
GRANITE = {
    "rope.freq_base": 10000.0, "rope.dimension_count": 16, "attention.scale": 0.125, "embedding_scale": 4.0,
    "residual_scale": 0.6, "logit_scale": 1.6,
}

MODELS = {
    "llama3-rope": Model(
        "llama", head_size=32, writes_head_size=True, tied=True, tokenizer="llama-bpe",
        keys={"rope.freq_base": 500000.0, "rope.dimension_count": 32},
        vectors={"rope_freqs.weight": llama3_factors(500000.0, 32, 8.0, 1.0, 4.0, ORIGINAL_CONTEXT)}),
    "llama-bias": Model(
        "llama", tokenizer="pieces", biases=EVERY_LINEAR,
        keys={"rope.freq_base": 10000.0, "rope.dimension_count": 16}),
    "llama-linear": Model(
        "llama", tokenizer="smollm", keys={
            "rope.freq_base": 10000.0, "rope.dimension_count": 16,
            "rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
    "llama-yarn": Model(
        "llama", tokenizer="smollm", context=256, keys=yarn(4.0, 10000.0) | {"rope.dimension_count": 16}),
    "mistral3": Model(
        "mistral3", head_size=32, writes_head_size=True, context=256, tokenizer="pieces", keys=yarn(4.0, 1000000.0) | {
            "rope.dimension_count": 32, "rope.scaling.yarn_beta_fast": 32.0, "rope.scaling.yarn_beta_slow": 1.0,
            "rope.scaling.yarn_log_multiplier": 1.0, "attention.temperature_scale": 0.1}),
    "qwen2": Model("qwen2", biases=QKV, keys={"rope.freq_base": 1000000.0}),
    "qwen3": Model(
        "qwen3", head_size=32, writes_head_size=True, tied=True, epsilon=1e-6, query_key_norm="head",
        keys={"rope.freq_base": 1000000.0}),
    "qwen3-yarn": Model(
        "qwen3", head_size=32, writes_head_size=True, context=256, epsilon=1e-6, query_key_norm="head",
        keys=yarn(4.0, 100000.0)),
    "qwen3moe": Model(
        "qwen3moe", head_size=32, writes_head_size=True, epsilon=1e-6, query_key_norm="head", experts=8,
        feed_forward=32, keys={
            "rope.freq_base": 1000000.0, "expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 32}),
    "gemma2": Model(
        "gemma2", layers=3, head_size=32, **GEMMA, keys={
            "attn_logit_softcapping": 4.0, "final_logit_softcapping": 5.0, "attention.sliding_window": 16}),
    "gemma3": Model(
        "gemma3", layers=6, head_size=24, key_value_heads=1, query_key_norm="head", **GEMMA, keys={
            "rope.freq_base": 1000000.0, "rope.freq_base_swa": 2000.0, "rope.scaling.type": "linear",
            "rope.scaling.factor": 8.0, "attention.sliding_window": 12}),
    "phi3": Model(
        "phi3", tokenizer="pieces", context=1024, fused=True, keys={
            "rope.freq_base": 10000.0, "rope.dimension_count": 12, "attention.sliding_window": 0,
            "rope.scaling.original_context_length": 256,
            "rope.scaling.attn_factor": math.sqrt(1 + math.log(1024 / 256) / math.log(256))},
        vectors={
            "rope_factors_long.weight": [1.1875, 3.875, 4.75, 4.875, 6.25, 6.8125],
            "rope_factors_short.weight": [1.1875, 1.375, 1.0625, 1.375, 1.125, 1.25]}),
    "smollm3": Model(
        "smollm3", layers=5, tied=True, epsilon=1e-6, tokenizer="smaug-bpe",
        keys={"rope.freq_base": 50000.0, "rope.dimension_count": 16}),
    "granite": Model("granite", tied=True, tokenizer="refact", keys=GRANITE),
    "granitemoe": Model(
        "granitemoe", tied=True, tokenizer="refact", experts=8, feed_forward=32,
        keys=GRANITE | {"expert_count": 8, "expert_used_count": 2}),
    "olmo2": Model(**OLMO, keys={"rope.freq_base": 500000.0}),
    "olmo3": Model(**OLMO, layers=4, keys=yarn(8.0, 500000.0) | {
        "rope.scaling.yarn_attn_factor": 1.2079441541679836, "rope.scaling.yarn_beta_fast": 32.0,
        "rope.scaling.yarn_beta_slow": 1.0, "rope.freq_base_swa": 500000.0, "attention.sliding_window": 16,
        "attention.sliding_window_pattern": [True, True, True, False]}),
    "stablelm": Model(
        "stablelm", tokenizer="stablelm2", layer_norm=True, biases=QKV,
        keys={"rope.dimension_count": 4, "use_parallel_residual": False}),
}


# Standard deviation times the square root of a row's length. Queries and keys are larger, for scores of about two.
GAINS = {
    "attn_q": 1.5, "attn_k": 1.5, "attn_qkv": 1.5, "attn_output": 1.5, "ffn_down": 2.0, "ffn_down_exps": 2.0,
    "ffn_gate_inp": 3.0}


def matrices(model):
    """Part, rows, row length and number of experts (0: a matrix) of the linear weights of a block."""
    q, kv = HEADS * model.head_size, model.key_value_heads * model.head_size
    if model.fused:
        yield "attn_qkv", q + 2 * kv, WIDTH, 0
    else:
        yield "attn_q", q, WIDTH, 0
        yield "attn_k", kv, WIDTH, 0
        yield "attn_v", kv, WIDTH, 0
    yield "attn_output", WIDTH, q, 0
    if model.experts:
        yield "ffn_gate_inp", model.experts, WIDTH, 0
        yield "ffn_gate_exps", model.feed_forward, WIDTH, model.experts
        yield "ffn_up_exps", model.feed_forward, WIDTH, model.experts
        yield "ffn_down_exps", WIDTH, model.feed_forward, model.experts
        return
    if not model.fused:
        yield "ffn_gate", model.feed_forward, WIDTH, 0
    yield "ffn_up", model.feed_forward * (2 if model.fused else 1), WIDTH, 0
    yield "ffn_down", WIDTH, model.feed_forward, 0


def tensors(name):
    """Name, dimensions (row length first), values and whether the tensor stays F32, of every tensor of a model."""
    model = MODELS[name]

    def matrix(tensor, rows, length, experts=0, deviation=None, exact=False):
        count = rows * length * max(experts, 1)
        dimensions = (length, rows, experts) if experts else (length, rows)
        part = tensor.split(".")[-2]
        deviation = deviation or GAINS.get(part, 1.0) / math.sqrt(length)
        return tensor, dimensions, weights.uniform(f"{name}/{tensor}", count, weights.extent(deviation)), exact

    def vector(tensor, length, extent, center=0.0):
        return tensor, (length,), weights.uniform(f"{name}/{tensor}", length, extent, center), True

    def norm(tensor, length):
        yield vector(tensor + ".weight", length, model.norm_extent, model.norm_center)
        if model.layer_norm:
            yield vector(tensor + ".bias", length, 0.25)

    for tensor, values in model.vectors.items():
        yield tensor, (len(values),), values, True
    yield matrix("token_embd.weight", model.vocabulary, WIDTH, deviation=model.embedding_deviation)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for part in model.norms:
            yield from norm(prefix + part, WIDTH)
        for part, rows, length, experts in matrices(model):
            yield matrix(f"{prefix}{part}.weight", rows, length, experts, exact=part == "ffn_gate_inp")
            if part in model.biases:
                yield vector(f"{prefix}{part}.bias", rows, 0.5)
        if model.query_key_norm:
            row = model.query_key_norm == "row"
            for part, heads in ("attn_q_norm", HEADS), ("attn_k_norm", model.key_value_heads):
                length = model.head_size * (heads if row else 1)
                yield vector(f"{prefix}{part}.weight", length, model.norm_extent, model.norm_center + 0.25)
    yield from norm("output_norm", WIDTH)
    if not model.tied:
        yield matrix("output.weight", model.vocabulary, WIDTH)


def metadata(name, file_type):
    model = MODELS[name]
    a = model.architecture
    epsilon = "attention.layer_norm_epsilon" if model.layer_norm else "attention.layer_norm_rms_epsilon"
    result = {
        # llama.cpp looks for Phi 3's special tokens in every model that is called "phi3".
        "general.architecture": a, "general.type": "model", "general.name": f"tiny {name}".replace("phi3", "phi 3"),
        f"{a}.block_count": model.layers, f"{a}.context_length": model.context, f"{a}.embedding_length": WIDTH,
        f"{a}.feed_forward_length": FEED_FORWARD if a == "qwen3moe" else model.feed_forward, f"{a}.attention.head_count": HEADS,
        f"{a}.attention.head_count_kv": model.key_value_heads, f"{a}.{epsilon}": model.epsilon,
    }
    if model.writes_head_size:
        result[f"{a}.attention.key_length"] = result[f"{a}.attention.value_length"] = model.head_size
    result |= {f"{a}.{key}": value for key, value in model.keys.items()}
    result["general.file_type"] = file_type
    if model.tokenizer == "pieces":
        return result | tokenizers.pieces(adds_space_prefix=not a.startswith("gemma"))
    return result | tokenizers.byte_level(model.tokenizer, adds_beginning=model.tokenizer == "llama-bpe")


def write(name, folder):
    """NAME.gguf with every tensor in F32, and NAME-q8_0.gguf with every matrix but a router in Q8_0."""
    exact, rounded = [], []
    for tensor, dimensions, values, stays in tensors(name):
        data = weights.f32_bytes(values)
        exact.append((tensor, dimensions, gguf.F32, data))
        rounded.append(exact[-1] if stays else (tensor, dimensions, gguf.Q8_0, weights.q8_0_bytes(values)))
    gguf.write(folder / f"{name}.gguf", metadata(name, 0), exact)
    gguf.write(folder / f"{name}-q8_0.gguf", metadata(name, 7) | {"general.quantization_version": 2}, rounded)
