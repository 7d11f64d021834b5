"""Write a GGUF file with gguf-py, ggml's own library, for tests of what reads such files.

usage: write_fixture.py OUT.gguf     needs the package gguf from PyPI (written with 0.19.0)

It holds a model of architecture qwen3moe with weights of every supported type, values of every type of metadata, and
what gguf-py decodes each matrix's last two rows to, as a text of hexadecimal digits: the tests want the same numbers.
"""
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf import GGUFValueType as V
from gguf import quants

WIDTH, HIDDEN, HEADS, KEY_HEADS, HEAD, VOCABULARY, EXPERTS = 32, 64, 2, 1, 32, 5, 2

writer = gguf.GGUFWriter(sys.argv[1], "qwen3moe")
writer.add_name("Made by gguf-py")
writer.add_context_length(64)
writer.add_embedding_length(WIDTH)
writer.add_block_count(1)
writer.add_feed_forward_length(4 * HIDDEN)
writer.add_expert_feed_forward_length(HIDDEN)
writer.add_expert_count(EXPERTS)
writer.add_expert_used_count(1)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KEY_HEADS)
writer.add_key_length(HEAD)
writer.add_value_length(HEAD)
writer.add_layer_norm_rms_eps(1e-6)
writer.add_rope_freq_base(1e6)
writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
writer.add_tokenizer_model("gpt2")
writer.add_token_list([f"<{index}>" for index in range(VOCABULARY)])
for kind, value in [
    (V.UINT8, 200), (V.INT8, -100), (V.UINT16, 60_000), (V.INT16, -30_000), (V.UINT32, 4_000_000_000),
    (V.INT32, -2_000_000_000), (V.FLOAT32, 0.1), (V.BOOL, True), (V.STRING, "grüße"), (V.UINT64, 2**63 + 1),
    (V.INT64, -(2**62)), (V.FLOAT64, 0.1),
]:
    writer.add_key_value(f"test.{kind.name.lower()}", value, kind)
writer.add_array("test.array", [1, -2, 3])

rng = np.random.default_rng(1)


def vector(name, count):
    writer.add_tensor(name, rng.standard_normal(count, dtype=np.float32))


def matrix(name, kind, *shape):
    data = quants.quantize(rng.standard_normal(shape, dtype=np.float32), kind)
    writer.add_tensor(name, data, raw_dtype=kind)
    values = quants.dequantize(data, kind).astype("<f4").reshape(-1, shape[-1])[-2:]
    writer.add_string("decoded." + name, values.tobytes().hex())


matrix("token_embd.weight", Q.Q4_0, VOCABULARY, WIDTH)
vector("output_norm.weight", WIDTH)
matrix("output.weight", Q.BF16, VOCABULARY, WIDTH)
block = "blk.0."
for name in ("attn_norm", "ffn_norm"):
    vector(f"{block}{name}.weight", WIDTH)
for name in ("attn_q_norm", "attn_k_norm"):
    vector(f"{block}{name}.weight", HEAD)
matrix(block + "attn_q.weight", Q.F16, HEADS * HEAD, WIDTH)
matrix(block + "attn_k.weight", Q.Q8_0, KEY_HEADS * HEAD, WIDTH)
matrix(block + "attn_v.weight", Q.F32, KEY_HEADS * HEAD, WIDTH)
matrix(block + "attn_output.weight", Q.Q4_0, WIDTH, HEADS * HEAD)
matrix(block + "ffn_gate_inp.weight", Q.F32, EXPERTS, WIDTH)
matrix(block + "ffn_gate_exps.weight", Q.Q4_0, EXPERTS, HIDDEN, WIDTH)
matrix(block + "ffn_up_exps.weight", Q.Q8_0, EXPERTS, HIDDEN, WIDTH)
matrix(block + "ffn_down_exps.weight", Q.Q4_0, EXPERTS, WIDTH, HIDDEN)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
