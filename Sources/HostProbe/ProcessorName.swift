/// Finds a processor's model name in `/proc/cpuinfo`, whose keys differ by architecture.
enum ProcessorName {
    /// Keys that hold a model name: x86, LoongArch, MIPS, POWER, RISC-V.
    private static let keys = ["model name", "Model Name", "cpu model", "cpu", "uarch"]

    /// The model name; on Arm, which has none, the implementer and the part by name where known.
    static func resolve(_ information: String) -> String? {
        for key in keys {
            if let name = OutsideText.value(of: key, in: information) { return name }
        }
        guard let implementer = OutsideText.value(of: "CPU implementer", in: information),
            let part = OutsideText.value(of: "CPU part", in: information)
        else { return nil }
        return armCores["\(implementer) \(part)"] ?? "Arm implementer \(implementer) part \(part)"
    }

    /// Server cores by the implementer and part number of MIDR_EL1, from the makers' technical reference manuals.
    private static let armCores: [String: String] = [
        "0x41 0xd08": "Arm Cortex-A72", "0x41 0xd0c": "Arm Neoverse N1", "0x41 0xd40": "Arm Neoverse V1",
        "0x41 0xd49": "Arm Neoverse N2", "0x41 0xd4a": "Arm Neoverse E1", "0x41 0xd4f": "Arm Neoverse V2",
        "0x41 0xd84": "Arm Neoverse V3", "0x41 0xd8e": "Arm Neoverse N3", "0x43 0x0af": "Marvell ThunderX2",
        "0x46 0x001": "Fujitsu A64FX", "0x48 0xd01": "HiSilicon TSV110 (Kunpeng 920)",
        "0x70 0x662": "Phytium FTC662", "0x70 0x663": "Phytium FTC663", "0xc0 0xac3": "Ampere-1",
        "0xc0 0xac4": "Ampere-1A",
    ]
}
