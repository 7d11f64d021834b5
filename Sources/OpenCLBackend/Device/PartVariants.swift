/// The variants of the parts of an LLM's step, and of what else only devices are measured in.
extension KernelVariants {
    static let parts = vectorProducts + attention + rows + others

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

    private static let others: [KernelVariant] =
        [variant(["launch"])]
        + dots.map { dot in
            variant(
                ["integer_dot", "peak_dot"], dot.macros + ["PAIRS=8", "LOCAL=256"], on: dot.targets, flags: dot.flags)
        }
}
