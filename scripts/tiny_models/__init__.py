"""Tiny models of random weights: what `make-tiny-models` writes and `reference-numbers` computes with."""
