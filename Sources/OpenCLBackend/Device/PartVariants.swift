/// The variants of the parts of an LLM's step, and of what else only devices are measured in.
extension KernelVariants {
    static let parts = vectorProducts + attention + rows + inference + experts + others

    /// The formats of weights, as their sources know them.
    private static let formats: [[String]] = [["F32"], [], ["BF16"], ["Q8"], ["Q4"]]
    private static let blocks: [[String]] = [["Q8"], ["Q4"]]
    private static let processors: [KernelTarget] = [.spir64]

    private static let vectorProducts: [KernelVariant] =
        formats.flatMap { format in
            [
                variant(["sixteen_bit", "gemv_panels"], format + ["V=16"], on: processors),
                variant(["sixteen_bit", "gemv_panels"], format + ["V=8"], on: processors),
                variant(["fill", "gemv_fill"], format + ["PANEL=16"]),
                variant(["fill", "gemv_fill"], format + ["PANEL=1", "INTEGERS"]),
            ]
        }
        + formats.prefix(3).map { format in
            variant(["sixteen_bit", "gemv_rows"], format + ["V=8", "ROWS=4", "LOCAL=64"])
        }
        + blocks.flatMap { format in
            [
                variant(["gemv_quantise"], format + ["VALUE=short"], on: processors),
                variant(["gemv_quantise"], format + ["VALUE=char"]),
            ]
                + dots.map { dot in
                    variant(
                        ["sixteen_bit", "integer_dot", "gemv_rows"],
                        format + dot.macros + ["V=8", "ROWS=4", "LOCAL=64"],
                        on: dot.targets, flags: dot.flags)
                }
        }

    /// The ways to a dot product of int8.
    private static let dots: [(macros: [String], targets: [KernelTarget], flags: [String])] = [
        ([], KernelTarget.gpus + [.spir64], []),
        (IntegerDot.ptx.macros, KernelTarget.nvidia, IntegerDot.ptx.flags),
        (IntegerDot.extended.macros, [.spir64], IntegerDot.extended.flags),
    ]

    private static let attention: [KernelVariant] =
        [[], ["BF16"]].flatMap { format -> [KernelVariant] in
            let sizes = ["HEADS=32", "GROUPS=8", "HEAD=128"]
            return [
                variant(["sixteen_bit", "exponential", "attention_runs"], format + ["V=16"] + sizes, on: processors),
                variant(["sixteen_bit", "attention_groups"], format + ["V=8", "MATES=4", "LOCAL=128"] + sizes),
            ]
        } + [
            variant(["attention_merge"], ["HEAD=128", "LOCAL=64"]),
            variant(["attention_merge"], ["HEAD=128", "LOCAL=1"], on: processors),
        ]

    private static let rows: [KernelVariant] = ["softmax", "rmsnorm"].flatMap { source in
        [["ALIGNED"], []].flatMap { aligned in
            [
                variant(
                    ["rows", "exponential", source], ["V=16", "EXP=exponential", "LOCAL=1"] + aligned, on: processors),
                variant(["rows", source], ["V=4", "EXP=exp", "LOCAL=256"] + aligned),
            ]
        }
    }

    private static let inference: [KernelVariant] =
        [
            variant(
                ["sixteen_bit", "exponential", "inference"], ["V=16", "EXP=exponential", "LOCAL=1"], on: processors),
            variant(["sixteen_bit", "inference"], ["V=4", "EXP=exp", "LOCAL=256"]),
        ]
        + rotations.map { features in
            variant(["sixteen_bit", "inference_rotate"], ["V=4", "HEAD=128", "LOCAL=64"] + features)
        }
        + [[], ["BF16"]].map { format in
            variant(["sixteen_bit", "inference_engine"], format + ["V=8", "LOCAL=256"])
        }
        + formats.flatMap { format -> [KernelVariant] in
            [variant(["fill", "inference_seeded"], format + ["LOCAL=256"])]
                + [[], ["EXPERTS"]].flatMap { experts in products(format, experts) }
        }

    /// What heads of queries and keys can have, in every combination.
    private static let rotations = [[], ["BIAS"]].flatMap { bias in
        [[], ["NORMS"]].flatMap { norms in [[], ["HALVES"]].map { bias + norms + $0 } }
    }

    private static func products(_ format: [String], _ experts: [String]) -> [KernelVariant] {
        let counted = experts.map { "\($0)=8" }
        let weights = ["sixteen_bit", "inference_weights"]
        return [
            variant(
                ["sixteen_bit", "inference_strips"], format + counted + ["V=16", "MR=8", "NV=3", "KC=128"],
                on: processors),
            variant(weights + ["inference_rows"], format + experts + ["V=8", "ROWS=4", "COLUMNS=8", "LOCAL=128"]),
            variant(weights + ["inference_tiles"], format + experts + ["V=8", "W_ITEMS=16"]),
        ]
    }

    private static let experts: [KernelVariant] = [[], ["SUM_TO_ONE"]].map { sum in
        variant(["inference_experts"], ["EXPERTS=128", "CHOSEN=8", "TILE=8", "LOCAL=128"] + sum)
    }

    private static let others: [KernelVariant] =
        [variant(["launch"])]
        + dots.map { dot in
            variant(
                ["integer_dot", "peak_dot"], dot.macros + ["PAIRS=8", "LOCAL=256"], on: dot.targets, flags: dot.flags)
        }
}
