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
        "decode": PackageResources.decode_cl,
        "fill": PackageResources.fill_cl,
        "matrix_vector": PackageResources.matrix_vector_cl,
        "peak": PackageResources.peak_cl,
        "probe": PackageResources.probe_cl,
        "product_panels": PackageResources.product_panels_cl,
        "product_tiles": PackageResources.product_tiles_cl,
        "read": PackageResources.read_cl,
        "sixteen_bit": PackageResources.sixteen_bit_cl,
        "stream": PackageResources.stream_cl,
        "stream_check": PackageResources.stream_check_cl,
    ]
}
