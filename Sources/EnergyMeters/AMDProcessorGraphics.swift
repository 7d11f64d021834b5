import HostProbe

/// Tells graphics that are a part of a processor (APU) from cards of their own.
///
/// The power and energy that amdgpu shows for an APU are those of the whole chip, its processor cores included
/// (Documentation/gpu/amdgpu/thermal.rst of the Linux kernel), which RAPL counts as well: their sum would count it twice.
enum AMDProcessorGraphics {
    /// What such a sensor sees.
    static let boundary =
        "the whole chip, its processor cores included, which a package counter sees as well; reported apart"

    /// PCI ids of accelerators with processor cores on the same package: MI300A (pci.ids).
    private static let accelerators: Set = ["0x74a0"]

    /// Whether a chip of amdgpu is part of a processor: only there is a northbridge whose voltage it shows.
    ///
    /// - Parameters:
    ///   - folder: The hwmon chip's folder.
    ///   - root: Where sysfs is.
    /// - Returns: Whether what it shows holds processor cores.
    static func isPartOfProcessor(hwmon folder: String, _ root: HostRoot) -> Bool {
        root.line(folder + "/in1_label") == "vddnb" || isAccelerator(root.line(folder + "/device/device"))
    }

    /// Whether what is at a place of the PCI bus is part of a processor.
    ///
    /// - Parameters:
    ///   - place: For example `0000:c1:00.0`.
    ///   - root: Where sysfs is.
    /// - Returns: Whether what it shows holds processor cores.
    static func isPartOfProcessor(place: String, _ root: HostRoot) -> Bool {
        let device = "/sys/bus/pci/devices/\(place)"
        if isAccelerator(root.line(device + "/device")) { return true }
        return root.names(in: device + "/hwmon").contains {
            isPartOfProcessor(hwmon: "\(device)/hwmon/\($0)", root)
        }
    }

    private static func isAccelerator(_ id: String?) -> Bool { id.map(accelerators.contains) ?? false }
}
