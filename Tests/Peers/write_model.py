"""Write a GGUF file of a model's shape with random weights, which nodewatt and llama.cpp then compute alike.

usage: write_model.py SPEC.json FORMAT OUT.gguf [--layers N] [--vocabulary N] [--seed N]

SPEC.json is a file of Profiles/models, FORMAT one of f32 f16 bf16 q8_0 q4_0: that of all matrices but the router's.
Needs the package gguf (setup_llama.sh installs it). Gains and biases are random too, so that nothing left out goes
unnoticed; matrices are scaled to keep activations near 1, so that attention is neither flat nor settled.
"""

import argparse
import json
import math
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType, quants

FORMATS = {name: GGMLQuantizationType[name.upper()] for name in ("f32", "f16", "bf16", "q8_0", "q4_0")}


def architecture(spec):
    """llama.cpp's name for a computation, or an error where it has none of these four."""
    if spec.get("unsupported"):
        raise SystemExit(f"write_model.py: {spec['name']} needs {', '.join(spec['unsupported'])}")
    halves = spec.get("rotary_pairs", "neighbours") == "halves"
    bias, norm, experts = (spec.get(key) for key in ("query_key_value_bias", "query_key_norm", "experts"))
    name = {(False, False): "llama", (True, False): "qwen2", (False, True): "qwen3"}.get((bool(bias), bool(norm)))
    if name == "qwen3" and experts:
        name = "qwen3moe"
    if name is None or halves != (name != "llama") or (name == "qwen2" and experts):
        raise SystemExit(f"write_model.py: no architecture of llama.cpp computes {spec['name']}")
    return name


def rotary_factors(spec):
    """Divisors of the rotary frequencies, as llama.cpp's converter writes Llama 3's scaling."""
    scaling, half = spec["rotary_scaling"], spec["head_dimension"] // 2
    low, high = scaling["low_frequency_factor"], scaling["high_frequency_factor"]
    factors = []
    for pair in range(half):
        frequency = spec["rope_theta"] ** (-pair / half)
        turns = scaling["original_context"] * frequency / (2 * math.pi)
        share = min(max((turns - low) / (high - low), 0), 1)
        factors.append(1 / ((1 - share) / scaling["factor"] + share))
    return np.array(factors, np.float32)


def add_metadata(writer, spec):
    experts = spec.get("experts")
    feed_forward = spec["feed_forward"]
    if experts and writer.arch == "llama":
        feed_forward = experts["feed_forward"]
    writer.add_name(spec["name"])
    writer.add_context_length(spec["context_length"])
    writer.add_embedding_length(spec["hidden"])
    writer.add_block_count(spec["layers"])
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(spec["heads"])
    writer.add_head_count_kv(spec["key_value_heads"])
    writer.add_key_length(spec["head_dimension"])
    writer.add_value_length(spec["head_dimension"])
    writer.add_rope_dimension_count(spec["head_dimension"])
    writer.add_layer_norm_rms_eps(spec["norm_epsilon"])
    writer.add_rope_freq_base(spec["rope_theta"])
    writer.add_vocab_size(spec["vocabulary"])
    writer.add_tokenizer_model("no_vocab")
    if experts:
        writer.add_expert_count(experts["count"])
        writer.add_expert_used_count(experts["per_token"])
        writer.add_expert_feed_forward_length(experts["feed_forward"])


class Tensors:
    """Adds random tensors to a file, one after the other from one generator."""

    def __init__(self, writer, kind, seed):
        self.writer, self.kind, self.random = writer, kind, np.random.default_rng(seed)

    def matrix(self, name, *shape, kind=None):
        kind = kind or self.kind
        values = self.random.standard_normal(shape, dtype=np.float32) / np.float32(math.sqrt(shape[-1]))
        if kind in (FORMATS["f32"], FORMATS["f16"]):
            self.writer.add_tensor(name, values.astype(np.float32 if kind == FORMATS["f32"] else np.float16))
        else:
            self.writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)

    def vector(self, name, count, base):
        values = base + self.random.uniform(-0.25, 0.25, count)
        self.writer.add_tensor(name, values.astype(np.float32))

    def layer(self, spec, block):
        hidden, head = spec["hidden"], spec["head_dimension"]
        queries, keys = spec["heads"] * head, spec["key_value_heads"] * head
        self.vector(block + "attn_norm.weight", hidden, 1)
        for name, rows in (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)):
            self.matrix(f"{block}{name}.weight", rows, hidden)
            if spec.get("query_key_value_bias"):
                self.vector(f"{block}{name}.bias", rows, 0)
        if spec.get("query_key_norm"):
            self.vector(block + "attn_q_norm.weight", head, 1)
            self.vector(block + "attn_k_norm.weight", head, 1)
        self.matrix(block + "attn_output.weight", hidden, queries)
        self.vector(block + "ffn_norm.weight", hidden, 1)
        self.feed_forward(spec, block)

    def feed_forward(self, spec, block):
        hidden, experts = spec["hidden"], spec.get("experts")
        if experts:
            # Always f32, as every converter writes it.
            self.matrix(block + "ffn_gate_inp.weight", experts["count"], hidden, kind=FORMATS["f32"])
        shape, suffix = ((experts["count"],), "_exps") if experts else ((), "")
        width = experts["feed_forward"] if experts else spec["feed_forward"]
        self.matrix(f"{block}ffn_gate{suffix}.weight", *shape, width, hidden)
        self.matrix(f"{block}ffn_up{suffix}.weight", *shape, width, hidden)
        self.matrix(f"{block}ffn_down{suffix}.weight", *shape, hidden, width)


def write(spec, kind, path, seed):
    # Tensors wait in a temporary file: large models do not fit into memory.
    writer = gguf.GGUFWriter(path, architecture(spec), use_temp_file=True)
    add_metadata(writer, spec)
    tensors = Tensors(writer, kind, seed)
    tensors.matrix("token_embd.weight", spec["vocabulary"], spec["hidden"])
    tensors.vector("output_norm.weight", spec["hidden"], 1)
    if not spec["tied_embedding"]:
        tensors.matrix("output.weight", spec["vocabulary"], spec["hidden"])
    if spec.get("rotary_scaling"):
        writer.add_tensor("rope_freqs.weight", rotary_factors(spec))
    for layer in range(spec["layers"]):
        tensors.layer(spec, f"blk.{layer}.")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec")
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, help="fewer layers than the model has")
    parser.add_argument("--vocabulary", type=int, help="fewer tokens than the model has")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open(options.spec, encoding="utf-8") as file:
        spec = json.load(file)
    for key in ("layers", "vocabulary"):
        if getattr(options, key) is not None:
            spec[key] = getattr(options, key)
    write(spec, FORMATS[options.format], options.out + ".partial", options.seed)
    os.replace(options.out + ".partial", options.out)


if __name__ == "__main__":
    main()
