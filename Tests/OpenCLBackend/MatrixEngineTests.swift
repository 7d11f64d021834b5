import NodeModel
import OpenCLBackend
import OpenCLKernels
import Testing

/// The kernels for matrix engines with emulated instructions: tiles, fragments, copies and edges are the real ones.
@Suite(
    .serialized,
    .enabled(if: canOpenDevice, "there is no OpenCL device; `apt-get install pocl-opencl-icd` brings one"))
struct MatrixEngineTests {
    static let shapes = ["1", "5x3x1", "13x129x515", "64x64x32", "130x70x600"]

    @Test(arguments: MatrixEngine.emulated.indices, shapes)
    func emulatedProductsAreRight(_ index: Int, _ text: String) throws {
        let engine = MatrixEngine.emulated[index]
        let shape = try #require(GEMMShape(text))
        for format in engine.formats {
            let product = EngineProduct(shape, format)
            let prepared = try OpenCLSession(kernels: .gpu).prepare(product, emulated: engine, seed: 11)
            try verify(prepared, "\(engine.name) \(format) \(shape)")
        }
    }

    @Test func emulatedEnginesAreNoDevicesEngines() throws {
        #expect(MatrixEngine.all.allSatisfy { !$0.isEmulated && !$0.sources.contains("matrix_emulated") })
        #expect(MatrixEngine.emulated.allSatisfy { $0.isEmulated })
        // Every engine is emulated, in every format it has.
        for engine in MatrixEngine.all where !engine.isAssembly {
            let formats = MatrixEngine.emulated.filter { $0.source == engine.source }.flatMap(\.formats)
            #expect(Set(formats) == Set(engine.formats), "\(engine.name)")
        }
    }

    @Test func devicesWithoutAnEngineSayWhy() throws {
        let product = EngineProduct(GEMMShape(m: 64, n: 64, k: 64), EngineFormat(.f16, .f32))
        let failure = #expect(throws: TrialFailure.self) {
            try OpenCLSession().prepare(.engineProduct(product), seed: 1)
        }
        #expect(failure?.status == .unsupported)
        #expect(failure?.reason.isEmpty == false)
    }

    @Test func workCountsTheOperandsAsTheyAre() throws {
        let engine = try #require(MatrixEngine.emulated.first)
        let product = EngineProduct(GEMMShape(m: 3, n: 5, k: 7), EngineFormat(.f16, .f32))
        let prepared = try OpenCLSession().prepare(product, emulated: engine, seed: 1)
        #expect(prepared.work == Work(flops: Flops(210), bytes: Double(2 * (21 + 35) + 4 * 15)))
    }
}

/// The table of engines.
struct MatrixEngineTableTests {
    private static let engines = MatrixEngine.all + MatrixEngine.emulated

    @Test func geometriesAreWholeFragmentsAndWholeCopies() {
        for engine in Self.engines {
            for way in engine.geometries {
                let items = way.items(lanes: engine.lanes)
                let name = "\(engine.name), \(way.description)"
                #expect(way.rows % way.waveRows == 0 && way.columns % way.waveColumns == 0, "\(name)")
                #expect(way.waveRows % engine.fragment.rows == 0, "\(name)")
                #expect(way.waveColumns % engine.fragment.columns == 0, "\(name)")
                #expect(way.depth % engine.step == 0, "\(name)")
                #expect(engine.isAssembly || [64, 128].contains(way.depth), "\(name)")
                #expect(way.rows * way.depth / 16 % items == 0, "\(name)")
                #expect(way.columns * way.depth / 16 % items == 0, "\(name)")
                // Columns are transposed by 32, and 256 items are the most that every GPU takes.
                #expect(way.columns % 32 == 0 && items <= 256, "\(name)")
                #expect(way.stages >= 2 && way.localBytes <= engine.localLimit, "\(name)")
            }
            #expect(!engine.geometries.isEmpty && !engine.formats.isEmpty && !engine.targets.isEmpty)
            #expect(Set(engine.sources).isSubset(of: OpenCLKernels.names + OpenCLKernels.assemblyNames))
        }
    }

    @Test func namesInAssemblyLanguageAreAllReplaced() throws {
        for engine in MatrixEngine.all where engine.isAssembly {
            for (format, way) in engine.formats.map({ ($0, engine.geometries[0]) }) {
                let values = engine.macros(format, way)
                let plain = try #require(OpenCLKernels.assembly(engine.source))
                let text = try #require(OpenCLKernels.assembly(engine.source, replacing: values))
                #expect(!text.contains(/@[A-Z_]+@/))
                let given = Set(values.compactMap { $0.split(separator: "=").first.map(String.init) })
                #expect(given == Set(plain.matches(of: /@([A-Z_]+)@/).map { String($0.1) }))
            }
        }
    }

    @Test func everyPairOfFormatsHasAnEngine() {
        for format in EngineFormat.all {
            #expect(MatrixEngine.all.contains { $0.formats.contains(format) })
        }
    }
}
