import NodeModel

/// A kernel of a matrix engine that multiplies with weights as they are stored, row after row.
struct EngineWay {
    let engine: MatrixEngine
    let geometry: MatrixGeometry
    let program: Program

    /// Tiles of a product.
    func tiles(rows: Int, outputs: Int) -> Int {
        (rows + geometry.rows - 1) / geometry.rows * ((outputs + geometry.columns - 1) / geometry.columns)
    }

    /// The rows it writes: a text in assembly language knows whole tiles alone.
    func writtenRows(_ rows: Int) -> Int {
        engine.isAssembly ? (rows + geometry.rows - 1) / geometry.rows * geometry.rows : rows
    }

    /// Whether it can make so many outputs.
    func takes(outputs: Int) -> Bool { !engine.isAssembly || outputs.isMultiple(of: geometry.columns) }

    /// A product of 16-bit operands, X in whole tiles with zeros below its last row.
    ///
    /// - Parameters:
    ///   - x: X in the weights' format.
    ///   - weights: Rows of as many columns.
    ///   - sums: Room for ``writtenRows(_:)`` rows of `outputs` values.
    ///   - size: Rows of X, rows of weights, columns of both.
    /// - Returns: Its launch.
    /// - Throws: `TrialFailure` when the device fails.
    func launch(
        x: Buffer, weights: Buffer, sums: Buffer, size: (rows: Int, outputs: Int, columns: Int)
    ) throws -> Launch {
        let chunks = 2 * size.columns / 16
        let kernel = try program.kernel(
            "multiply_matrices", .buffer(x), .buffer(weights), .buffer(sums), .uint(writtenRows(size.rows)),
            .uint(size.outputs), .uint(2 * size.columns / geometry.depth), .uint(chunks), .uint(chunks))
        return Launch(
            kernel: kernel, groups: [tiles(rows: size.rows, outputs: size.outputs)],
            local: [geometry.items(lanes: engine.lanes)])
    }

    /// What a device takes, the best first.
    ///
    /// - Parameters:
    ///   - format: The format of the operands.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - emulated: An emulated engine to take in place of the device's, in tests.
    /// - Returns: None where there is no engine.
    /// - Throws: `TrialFailure` when the device fails.
    static func all(
        _ format: EngineFormat, queue: DeviceQueue, device: Device, emulated: MatrixEngine?
    ) throws -> [EngineWay] {
        let known = emulated.map { [$0] } ?? MatrixEngine.all.filter { $0.isKnown(to: device) }
        var ways: [EngineWay] = []
        for var engine in known where engine.formats.contains(format) {
            engine.readsRows = false
            if !engine.isEmulated, engine.capability.missing(on: queue) != nil { continue }
            let memory = device.properties["local_memory_bytes"].flatMap { Int($0) } ?? engine.localLimit
            for geometry in engine.geometries where geometry.localBytes <= memory {
                guard let program = try build(engine, geometry, format, queue) else { continue }
                ways.append(EngineWay(engine: engine, geometry: geometry, program: program))
            }
        }
        return ways
    }

    /// `nil` where a driver has no use for assembly language, or the device too few registers.
    private static func build(
        _ engine: MatrixEngine, _ geometry: MatrixGeometry, _ format: EngineFormat, _ queue: DeviceQueue
    ) throws -> Program? {
        let macros = engine.macros(format, geometry)
        let program =
            engine.isAssembly
            ? try? queue.buildAssembly(engine.source, values: macros)
            : try queue.build(engine.sources, options: macros, flags: engine.flags)
        guard let program, let kernel = try? program.kernel("multiply_matrices") else { return nil }
        return kernel.workGroupSize >= geometry.items(lanes: engine.lanes) ? program : nil
    }
}
