/// The OpenCL C sources and the texts in assembly language, embedded in the binary.
public enum OpenCLKernels {
    /// The names of all sources, in alphabetical order.
    public static var names: [String] { sources.keys.sorted() }

    /// The text of one source.
    ///
    /// - Parameter name: The file's name without `.cl`.
    /// - Returns: The text, or `nil` when there is no such source.
    public static func source(_ name: String) -> String? {
        sources[name].map { String(decoding: $0, as: UTF8.self) }
    }

    /// The names of all texts in assembly language.
    public static var assemblyNames: [String] { assemblies.keys.sorted() }

    /// A text in assembly language.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The text, with `@NAME@` where ``assembly(_:replacing:)`` puts values, or `nil` when there is none.
    public static func assembly(_ name: String) -> String? {
        assemblies[name].map { String(decoding: $0, as: UTF8.self) }
    }

    /// A text in assembly language with values in place of its `@NAME@`.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - values: `NAME=value` each.
    /// - Returns: The text, or `nil` when there is none.
    public static func assembly(_ name: String, replacing values: [String]) -> String? {
        guard let text = assembly(name) else { return nil }
        let pairs = values.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
        let table = Dictionary(pairs.map { ($0[0], $0.last ?? "") }, uniquingKeysWith: { first, _ in first })
        // PTX has the mark alone as well, in front of predicates.
        var result = ""
        var rest = text[...]
        while let mark = rest.firstIndex(of: "@") {
            result += rest[..<mark]
            let after = rest[rest.index(after: mark)...]
            if let end = after.firstIndex(where: { !$0.isUppercase && $0 != "_" }), after[end] == "@",
                let value = table[after[..<end]]
            {
                result += value
                rest = after[after.index(after: end)...]
            } else {
                result += "@"
                rest = after
            }
        }
        return result + rest
    }

    private static let assemblies: [String: [UInt8]] = ["product_wgmma.ptx": PackageResources.product_wgmma_ptx]

    private static let sources: [String: [UInt8]] = [
        "attention_groups": PackageResources.attention_groups_cl,
        "attention_merge": PackageResources.attention_merge_cl,
        "attention_runs": PackageResources.attention_runs_cl,
        "decode": PackageResources.decode_cl,
        "engine_dpas": PackageResources.engine_dpas_cl,
        "engine_mfma": PackageResources.engine_mfma_cl,
        "engine_mma": PackageResources.engine_mma_cl,
        "engine_wmma": PackageResources.engine_wmma_cl,
        "exponential": PackageResources.exponential_cl,
        "fill": PackageResources.fill_cl,
        "gemv_fill": PackageResources.gemv_fill_cl,
        "gemv_panels": PackageResources.gemv_panels_cl,
        "gemv_quantise": PackageResources.gemv_quantise_cl,
        "gemv_rows": PackageResources.gemv_rows_cl,
        "inference": PackageResources.inference_cl,
        "inference_engine": PackageResources.inference_engine_cl,
        "inference_experts": PackageResources.inference_experts_cl,
        "inference_rotate": PackageResources.inference_rotate_cl,
        "inference_rows": PackageResources.inference_rows_cl,
        "inference_seeded": PackageResources.inference_seeded_cl,
        "inference_strips": PackageResources.inference_strips_cl,
        "inference_tiles": PackageResources.inference_tiles_cl,
        "inference_weights": PackageResources.inference_weights_cl,
        "integer_dot": PackageResources.integer_dot_cl,
        "launch": PackageResources.launch_cl,
        "matrix_emulated": PackageResources.matrix_emulated_cl,
        "matrix_layout": PackageResources.matrix_layout_cl,
        "matrix_pack": PackageResources.matrix_pack_cl,
        "matrix_tiles": PackageResources.matrix_tiles_cl,
        "peak": PackageResources.peak_cl,
        "peak_dot": PackageResources.peak_dot_cl,
        "probe": PackageResources.probe_cl,
        "product_panels": PackageResources.product_panels_cl,
        "product_tiles": PackageResources.product_tiles_cl,
        "read": PackageResources.read_cl,
        "rmsnorm": PackageResources.rmsnorm_cl,
        "rows": PackageResources.rows_cl,
        "sixteen_bit": PackageResources.sixteen_bit_cl,
        "softmax": PackageResources.softmax_cl,
        "stream": PackageResources.stream_cl,
        "stream_check": PackageResources.stream_check_cl,
    ]
}
