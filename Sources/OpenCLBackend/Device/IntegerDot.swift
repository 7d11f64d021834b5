import NodeModel

/// The way a device multiplies four int8 by four and adds the products up.
enum IntegerDot {
    /// `dp4a` by inline PTX.
    case ptx
    /// `dot` of `cl_khr_integer_dot_product`.
    case extended
    /// None of its own, for the reason given: plain C.
    case plain(reason: String)

    /// Finds it out by running both.
    ///
    /// - Parameters:
    ///   - queue: The device.
    ///   - device: Its description; no processor has PTX, and some of their compilers end the process at its sight.
    /// - Returns: The best way it has.
    static func find(on queue: DeviceQueue, device: Device) -> IntegerDot {
        let ptx = device.kind == .cpu ? "a processor has none" : Capability.ptx.missing(on: queue)
        guard let ptx else { return .ptx }
        guard let dot = Capability.integerDot.missing(on: queue) else { return .extended }
        return .plain(reason: "cl_khr_integer_dot_product: \(dot); inline PTX: \(ptx)")
    }

    /// The macros for `integer_dot.cl`.
    var macros: [String] {
        switch self {
        case .ptx: ["DOT_PTX"]
        case .extended: ["DOT_KHR"]
        case .plain: []
        }
    }

    /// The flags it needs.
    var flags: [String] { if case .extended = self { ["-cl-std=CL3.0"] } else { [] } }

    /// The name for records.
    var title: String {
        switch self {
        case .ptx: "dp4a"
        case .extended: "dot of four int8"
        case .plain: "products of int8 in plain C"
        }
    }
}
