// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6 mode, warnings are errors, and no implicit re-export of a dependency's members.
let swiftRules: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
let cRules: [CSetting] = [.treatAllWarnings(as: .error)]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

/// A Swift library target with the project's rules.
func library(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency], resources: [Resource]? = nil)
    -> Target
{
    .target(
        name: name, dependencies: dependencies, path: path, resources: resources, swiftSettings: swiftRules)
}

/// The Swift Testing target of a module.
func tests(_ module: String, _ dependencies: [Target.Dependency] = [], fixtures: Bool = false) -> Target {
    .testTarget(
        name: "\(module)Tests", dependencies: [.target(name: module)] + dependencies,
        path: "Tests/\(module)", exclude: fixtures ? ["Fixtures"] : [], swiftSettings: swiftRules)
}

let package = Package(
    name: "nodewatt",
    products: [.executable(name: "nodewatt", targets: ["nodewatt"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // System libraries. The OpenCL loader is opened at run time, so a node without one still works.
        .systemLibrary(
            name: "CHwloc", path: "Sources/CHwloc", pkgConfig: "hwloc", providers: [.apt(["libhwloc-dev"])]),
        .systemLibrary(
            name: "CPowercap", path: "Sources/CPowercap", pkgConfig: "powercap", providers: [.apt(["libpowercap-dev"])]),
        .target(name: "CIsolation", path: "Sources/CIsolation", cSettings: cRules),
        .target(name: "CMeters", path: "Sources/CMeters", cSettings: cRules),
        .target(name: "COpenCL", path: "Sources/COpenCL", cSettings: cRules),
        .target(name: "CPUKernels", path: "Kernels/CPU", cSettings: cRules),

        library("NodeModel", []),
        library("Analysis", ["NodeModel"]),
        library("HostProbe", ["NodeModel"]),
        library("HwlocTopology", ["NodeModel", "HostProbe", "CHwloc"]),
        library("ModelFiles", ["NodeModel"]),
        library("Isolation", ["NodeModel", "CIsolation"]),
        library("EnergyMeters", ["NodeModel", "HostProbe", "Isolation", "CPowercap", "CMeters"]),
        library("NodeControls", ["NodeModel", "HostProbe", "CPowercap"]),
        library("CPUBackend", ["NodeModel", "Analysis", "ModelFiles", "CPUKernels"]),
        library("OpenCLKernels", path: "Kernels/OpenCL", [], resources: [.embedInCode("sources")]),
        library("OpenCLBackend", ["NodeModel", "Analysis", "Isolation", "OpenCLKernels", "COpenCL"]),
        library("Engine", ["NodeModel", "Analysis"]),
        library("History", ["NodeModel", grdb]),
        library("Exporters", ["NodeModel", "Analysis"]),
        .executableTarget(
            name: "nodewatt",
            dependencies: [
                "NodeModel", "Analysis", "HostProbe", "HwlocTopology", "EnergyMeters", "NodeControls", "CPUBackend",
                "ModelFiles", "OpenCLBackend", "Engine", "History", "Exporters", argumentParser,
            ],
            swiftSettings: swiftRules),

        library("TestExamples", path: "Tests/Examples", ["NodeModel"]),
        tests("NodeModel"),
        tests("Analysis", ["NodeModel"]),
        tests("HostProbe", ["NodeModel"]),
        tests("ModelFiles", ["NodeModel", "Analysis"], fixtures: true),
        tests("HwlocTopology", ["NodeModel"], fixtures: true),
        tests("EnergyMeters", ["NodeModel", "HostProbe"]),
        tests("NodeControls", ["NodeModel", "HostProbe"]),
        // It plants defects in the kernels' private parts, which no product links.
        .target(
            name: "PlantedDefects", dependencies: ["CPUKernels"], path: "Tests/PlantedDefects",
            cSettings: cRules + [.headerSearchPath("../../Kernels/CPU")]),
        tests("CPUBackend", ["NodeModel", "Analysis", "CPUKernels", "PlantedDefects"]),
        tests("OpenCLBackend", ["NodeModel", "Analysis", "Isolation", "OpenCLKernels"]),
        tests("Engine", ["NodeModel", "Analysis"]),
        tests("History", ["NodeModel", "TestExamples"]),
        tests("Exporters", ["NodeModel", "Analysis", "TestExamples"]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["nodewatt", "NodeModel", "HostProbe", "EnergyMeters", "OpenCLBackend"],
            path: "Tests/EndToEnd",
            swiftSettings: swiftRules),
    ],
    swiftLanguageModes: [.v6]
)
