import NodeModel

extension MatrixEngine {
    /// The engines with emulated instructions, small tiles, and every way to take operands: for tests alone.
    package static let emulated: [MatrixEngine] = {
        func emulating(
            _ engine: MatrixEngine, _ macros: [String], _ geometry: MatrixGeometry, _ formats: [EngineFormat]? = nil
        ) -> MatrixEngine {
            var engine = engine
            engine.formats = formats ?? engine.formats
            engine.name += " emulated \(macros.joined(separator: " "))"
            (engine.emulation, engine.flags, engine.geometries) = (["EMULATED"] + macros, [], [geometry])
            return engine
        }
        // Two fragments a wave each way, so that every loop goes round.
        func small(_ stages: Int) -> MatrixGeometry { MatrixGeometry(64, 64, waves: (32, 32), stages: stages) }
        var columns = mma
        columns.readsRows = false
        return [
            emulating(mma, ["EMULATE_MMA"], small(3)),
            emulating(mma, ["EMULATE_MMA", "LATE_COPIES"], small(2), [EngineFormat(.f16, .f32)]),
            emulating(
                columns, ["EMULATE_MMA", "LATE_COPIES"], small(3),
                [EngineFormat(.bf16, .f32), EngineFormat(.i8, .i32)]),
            emulating(mfma, ["EMULATE_MFMA", "MFMA_BYTES=8"], small(2)),
            emulating(mfma, ["EMULATE_MFMA", "MFMA_BYTES=4"], small(2), [EngineFormat(.i8, .i32)]),
            emulating(
                mfma, ["EMULATE_MFMA", "MFMA_BYTES=8"],
                MatrixGeometry(32, 64, waves: (16, 32), depth: 128, stages: 2), [EngineFormat(.bf16, .f32)]),
            emulating(wmma, ["EMULATE_WMMA"], small(2)),
            emulating(dpas, ["EMULATE_DPAS"], small(2)),
        ]
    }()
}
