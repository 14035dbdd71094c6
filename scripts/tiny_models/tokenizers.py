"""Two small tokenizers that work: byte pairs over all 256 bytes (288 tokens), and pieces with byte fallback (320)."""

# A merge rule makes one token more than the bytes; Ġ is a space in GPT-2's alphabet.
MERGES = [
    "Ġ t", "h e", "Ġt he", "i n", "a n", "an d", "e r", "Ġ a", "Ġ s", "o n", "r e", "Ġ w", "in g", "o u", "i s", "Ġ o"]
BYTE_LEVEL_SPECIAL = ["<|begin|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"]
BYTE_LEVEL_SIZE = 288
PIECES = ["▁t", "he", "▁the", "▁a", "in", "ing", "an", "and", "er", "on", "▁"]
LETTERS = "etaoinshrdlucmfwypvbgkqjxz.,ETAOINSHRD0123456789"
PIECE_SIZE = 320
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
    " + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def byte_alphabet():
    """GPT-2's printable character for each byte, in the order of its vocabulary: the printable bytes first."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def padded(tokens, kinds, size):
    for i in range(size - len(tokens)):
        tokens.append(f"[PAD{i}]")
        kinds.append(UNUSED)
    return tokens, kinds


def byte_level(pre, adds_beginning):
    """`tokenizer.ggml.*` of a byte-level model with ChatML."""
    tokens = byte_alphabet() + [rule.replace(" ", "") for rule in MERGES]
    kinds = [NORMAL] * len(tokens)
    first = len(tokens)
    tokens, kinds = padded(tokens + BYTE_LEVEL_SPECIAL, kinds + [CONTROL] * len(BYTE_LEVEL_SPECIAL), BYTE_LEVEL_SIZE)
    return {
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.bos_token_id": first, "tokenizer.ggml.eos_token_id": first + 3,
        "tokenizer.ggml.padding_token_id": first + 1, "tokenizer.ggml.add_bos_token": adds_beginning,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def pieces(adds_space_prefix):
    """`tokenizer.ggml.*` of a SentencePiece model without a chat template. The larger a score, the earlier a merge."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + PIECES + list(LETTERS)
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (len(PIECES) + len(LETTERS))
    tokens, kinds = padded(tokens, kinds, PIECE_SIZE)
    scores = [0.0] * 259 + [-float(i) for i in range(1, PIECE_SIZE - 258)]
    return {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.scores": scores, "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_space_prefix": adds_space_prefix,
    }
