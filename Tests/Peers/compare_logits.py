"""Hold the logits of two programs against each other.

usage: compare_logits.py OURS.f32 THEIRS.f32 VOCABULARY

Both files hold little-endian f32, a row of the vocabulary for each position, as llama_logits writes them. Prints one
line of JSON: `positions`; `top_equal`, the share of positions whose largest logit, the first of equals, is the same
token's; `error_median` and `error_largest` over the positions, each position's error being the root mean square of the
differences over that of their logits. A model of experts has a few positions far off where two experts score alike and
the programs choose differently: believe the median.
"""

import array
import json
import math
import statistics
import sys


def rows(path, vocabulary):
    """The logits of each position in turn."""
    with open(path, "rb") as file:
        while chunk := file.read(4 * vocabulary):
            row = array.array("f")
            if len(chunk) != 4 * vocabulary:
                raise ValueError(f"{path}: {len(chunk)} bytes are left, expected rows of {4 * vocabulary}")
            row.frombytes(chunk)
            if sys.byteorder == "big":
                row.byteswap()
            yield row


def compare(ours, theirs):
    """The figures of two equally long sequences of rows."""
    equal, errors = 0, []
    for our, their in zip(ours, theirs, strict=True):
        squares = math.fsum((a - b) * (a - b) for a, b in zip(our, their, strict=True))
        scale = math.fsum(b * b for b in their)
        if not (math.isfinite(squares) and scale > 0):
            raise ValueError(f"position {len(errors)}: the logits are not finite, or all of them are 0")
        errors.append(math.sqrt(squares / scale))
        equal += our.index(max(our)) == their.index(max(their))
    if not errors:
        raise ValueError("no positions")
    return {"positions": len(errors), "top_equal": equal / len(errors), "error_median": statistics.median(errors),
            "error_largest": max(errors)}


def main():
    if len(sys.argv) != 4 or not sys.argv[3].isdecimal() or int(sys.argv[3]) == 0:
        print("usage: compare_logits.py OURS.f32 THEIRS.f32 VOCABULARY", file=sys.stderr)
        return 64
    vocabulary = int(sys.argv[3])
    try:
        print(json.dumps(compare(rows(sys.argv[1], vocabulary), rows(sys.argv[2], vocabulary))))
    except (OSError, ValueError) as error:
        print(f"compare_logits.py: {error}", file=sys.stderr)
        return 65
    return 0


if __name__ == "__main__":
    sys.exit(main())
