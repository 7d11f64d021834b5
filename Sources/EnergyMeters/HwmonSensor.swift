import Glibc
import HostProbe
import NodeModel

/// One energy or power sensor of a hwmon chip, as sysfs describes it.
struct HwmonSensor {
    /// What its value is.
    enum Quantity: String {
        /// Energy since the driver was loaded, in microjoules.
        case energy = "input"
        /// Power averaged by the hardware, in microwatts.
        case average
        /// Power at the moment, in microwatts.
        case power
    }

    /// The chip's folder, for example `/sys/class/hwmon/hwmon3`.
    var folder: String
    /// The chip's name.
    var chip: String
    /// The attribute without its suffix, for example `energy1`.
    var name: String
    var quantity: Quantity
    var label: String?
    /// Where the chip is on the PCI bus, for example `0000:c1:00.0`.
    var bus: String?

    /// The file that is read.
    var file: String { "\(folder)/\(name)_\(quantity == .average ? "average" : "input")" }
}

/// The chips of a sysfs tree.
enum HwmonTree {
    /// Places below a root where the chips may be: a copy of `/`, of `/sys`, or of `/sys/class`.
    static let folders = ["/sys/class/hwmon", "/class/hwmon", "/hwmon"]

    /// The highest number of a sensor that is looked for; drivers number them without large holes.
    private static let highest = 512

    /// The energy and power sensors of every chip: of a sensor's energy, average and momentary power the first there is.
    static func sensors(_ root: HostRoot) -> [HwmonSensor] {
        guard let folder = folders.first(where: root.exists) else { return [] }
        return root.names(in: folder).filter { $0.hasPrefix("hwmon") }.flatMap { chip -> [HwmonSensor] in
            let path = "\(folder)/\(chip)"
            guard let name = root.line(path + "/name") else { return [] }
            return sensors(path, name, root)
        }
    }

    private static func sensors(_ folder: String, _ chip: String, _ root: HostRoot) -> [HwmonSensor] {
        let files = Set(root.names(in: folder))
        let bus = root.text(folder + "/device/uevent", limit: 4096).flatMap { text in
            text.split(separator: "\n").first { $0.hasPrefix("PCI_SLOT_NAME=") }
                .map { OutsideText.printable(String($0.dropFirst("PCI_SLOT_NAME=".count)), limit: 32) }
        }
        func sensor(_ name: String, _ quantity: HwmonSensor.Quantity) -> HwmonSensor {
            HwmonSensor(
                folder: folder, chip: chip, name: name, quantity: quantity,
                label: root.line("\(folder)/\(name)_label"), bus: bus)
        }
        let numbers = numbers(files)
        let energies = numbers.filter { files.contains("energy\($0)_input") }.map { sensor("energy\($0)", .energy) }
        // A chip that counts energy needs no integrated power beside it.
        guard energies.isEmpty else { return energies }
        return numbers.compactMap { number in
            let name = "power\(number)"
            if files.contains(name + "_average") { return sensor(name, .average) }
            return files.contains(name + "_input") ? sensor(name, .power) : nil
        }
    }

    /// The numbers of sensors that occur in file names, ascending.
    private static func numbers(_ files: Set<String>) -> [Int] {
        let found = files.compactMap { file -> Int? in
            guard file.hasPrefix("energy") || file.hasPrefix("power") else { return nil }
            return Int(file.drop { $0.isLetter }.prefix { $0.isNumber })
        }
        return Set(found).filter { (1...highest).contains($0) }.sorted()
    }
}

/// Reads the number in a sensor's file.
enum HwmonValue {
    /// The largest power that is a reading: above stand the values that mean "unknown", such as 0xFFFFFFFF milliwatts.
    static let highestMicrowatts = 100_000 * 1_000_000
    /// All bits of a register, as unsigned and as signed number, stand for "unknown" too.
    private static let unknownMicrowatts: Set = [0xFFFF_FFFF, 0x7FFF_FFFF]

    /// Reads a value of micro-units.
    ///
    /// - Throws: `SystemFailure` when the file cannot be read or holds no number of the quantity.
    static func read(_ sensor: HwmonSensor, _ root: HostRoot) throws(SystemFailure) -> Int {
        let path = (root.isThisSystem ? "" : root.path) + sensor.file
        func failure(_ reason: String) -> SystemFailure { SystemFailure(action: "reading \(path)", reason: reason) }
        let found: [UInt8]?
        do { found = try root.read(sensor.file, limit: 64) } catch { throw error.systemFailure }
        guard let bytes = found else { throw failure(String(cString: strerror(ENOENT))) }
        let text = OutsideText.printable(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self), limit: 24)
        guard let value = Int(text) else {
            let isNumber = !text.isEmpty && text.allSatisfy(\.isNumber)
            throw failure(
                isNumber ? "\(text) is what drivers show when they do not know" : "'\(text)' is not a whole number")
        }
        guard value >= 0 else { throw failure("\(value) is negative") }
        guard sensor.quantity != .energy else { return value }
        guard value > 0, value <= highestMicrowatts, !unknownMicrowatts.contains(value) else {
            throw failure("\(value) uW is what drivers show when they do not know")
        }
        return value
    }
}
