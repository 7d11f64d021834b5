"""Write small models and what llama.cpp computes from them, for tests of what reads such files.

usage: PEERS/venv/bin/python write_llama_fixtures.py PEERS     PEERS is the folder of Tests/Peers/setup_llama.sh

For each model below Fixtures/llama.cpp gets NAME.gguf, NAME.json (the tokens that went in, the top token after each,
and the greedy continuation) and NAME.f32 (the logits of all positions, little-endian). Written with llama.cpp as in
llama-cpp-python 0.3.36.
"""

import json
import pathlib
import random
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent.parent / "Peers"))

import write_model  # noqa: E402

POSITIONS, GENERATED = 24, 8
SHAPE = {
    "layers": 2, "hidden": 32, "feed_forward": 32, "heads": 4, "key_value_heads": 2, "head_dimension": 16,
    "vocabulary": 64, "rope_theta": 10000.0, "norm_epsilon": 1e-5, "tied_embedding": False, "context_length": 64,
}
EXPERTS = {"count": 4, "per_token": 2, "feed_forward": 32, "normalises_weights": True}
# So short a context that its scaling turns the pairs of a prompt of some tokens by very different angles.
SCALING = {"factor": 8.0, "low_frequency_factor": 1.0, "high_frequency_factor": 4.0, "original_context": 16}
QWEN = {"rotary_pairs": "halves", "norm_epsilon": 1e-6}
MODELS = {
    "llama-f16": ("f16", {}),
    "llama-scaled-f16": ("f16", {"rotary_scaling": SCALING, "rope_theta": 100.0, "tied_embedding": True}),
    "llama-bf16": ("bf16", {}),
    "llama-q8_0": ("q8_0", {}),
    "llama-q4_0": ("q4_0", {}),
    "mixtral-f16": ("f16", {"experts": EXPERTS}),
    # llama.cpp wants a qwen2's queries to be as wide as the model.
    "qwen2-f16": ("f16", {**QWEN, "query_key_value_bias": True, "tied_embedding": True, "heads": 2,
                          "key_value_heads": 1}),
    "qwen3-f16": ("f16", {**QWEN, "query_key_norm": True}),
    "qwen3moe-f16": ("f16", {**QWEN, "query_key_norm": True, "experts": EXPERTS}),
}


def main():
    program, folder = pathlib.Path(sys.argv[1], "llama_logits"), here / "llama.cpp"
    folder.mkdir(exist_ok=True)
    for name, (form, changes) in MODELS.items():
        model, logits = folder / f"{name}.gguf", folder / f"{name}.f32"
        spec = {**SHAPE, **changes, "name": name}
        write_model.write(spec, write_model.FORMATS[form], model, seed=7)
        tokens = random.Random(name).choices(range(SHAPE["vocabulary"]), k=POSITIONS)
        answer = subprocess.run([program, model, "-", str(GENERATED), "1", logits], check=True, text=True,
                                input=" ".join(map(str, tokens)), stdout=subprocess.PIPE).stdout
        text = json.dumps({"tokens": tokens, **json.loads(answer)})
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


main()
