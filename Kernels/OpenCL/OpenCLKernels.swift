/// The OpenCL C sources, embedded in the binary.
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

    private static let sources: [String: [UInt8]] = [
        "attention_groups": PackageResources.attention_groups_cl,
        "attention_merge": PackageResources.attention_merge_cl,
        "attention_runs": PackageResources.attention_runs_cl,
        "decode": PackageResources.decode_cl,
        "fill": PackageResources.fill_cl,
        "gemv_fill": PackageResources.gemv_fill_cl,
        "gemv_panels": PackageResources.gemv_panels_cl,
        "gemv_quantise": PackageResources.gemv_quantise_cl,
        "gemv_rows": PackageResources.gemv_rows_cl,
        "integer_dot": PackageResources.integer_dot_cl,
        "launch": PackageResources.launch_cl,
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
