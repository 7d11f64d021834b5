import NodeModel

/// A and B on the device as they are given, and as a matrix engine reads them.
struct MatrixOperands {
    /// A and B, row-major without gaps.
    let a, b: Buffer
    /// What makes them ready, part of every timed product; empty where they are whole tiles already.
    let launches: [Launch]
    /// What the engine reads, and the 16-byte chunks of their rows or columns.
    let left, right: (buffer: Buffer, pitch: Int)
    /// How many of A and B are made ready by ``launches``, in words.
    let description: String

    /// Makes room for the operands of a product.
    ///
    /// - Parameters:
    ///   - product: The product.
    ///   - engine: Whose operands they are.
    ///   - geometry: How it is cut up.
    ///   - queue: The device.
    /// - Throws: `TrialFailure` when the device fails or has no such memory.
    init(_ product: EngineProduct, _ engine: MatrixEngine, _ geometry: MatrixGeometry, queue: DeviceQueue) throws {
        let layout = EngineLayout(product, engine, geometry)
        let (shape, size) = (product.shape, layout.elementBytes)
        // Bytes are filled by whole words.
        a = try queue.buffer(bytes: (shape.m * shape.k * size + 3) / 4 * 4)
        b = try queue.buffer(bytes: (shape.k * shape.n * size + 3) / 4 * 4)
        var launches: [Launch] = []
        let program = try queue.build(["matrix_pack"], options: ["ELEMENT=\(size == 2 ? "ushort" : "uchar")"])
        func padded(_ from: Buffer, rows: Int, columns: Int, to: (rows: Int, pitch: Int)) throws -> Buffer {
            let whole = try queue.buffer(bytes: to.rows * to.pitch)
            let kernel = try program.kernel(
                "pad_rows", .buffer(from), .buffer(whole), .uint(rows), .uint(columns), .uint(to.pitch / size))
            launches.append(
                Launch(kernel: kernel, groups: [(to.pitch / size + 255) / 256, to.rows], local: [256, 1]))
            return whole
        }
        func transposed(_ from: Buffer, to: (rows: Int, pitch: Int)) throws -> Buffer {
            let whole = try queue.buffer(bytes: to.rows * to.pitch)
            let kernel = try program.kernel(
                "transpose_columns", .buffer(from), .buffer(whole), .uint(shape.n), .uint(shape.k),
                .uint(to.pitch / 4))
            launches.append(Launch(kernel: kernel, groups: [to.rows / 32, to.pitch / 128], local: [32, 8]))
            return whole
        }
        let isWholeA = layout.left == (shape.m, shape.k * size)
        let from = isWholeA ? a : try padded(a, rows: shape.m, columns: shape.k, to: layout.left)
        left = (from, layout.left.pitch / 16)
        let way: String
        if engine.readsRows(product.format) {
            let isWholeB = layout.right == (shape.k, shape.n * size)
            right = (
                isWholeB ? b : try padded(b, rows: shape.k, columns: shape.n, to: layout.right),
                layout.right.pitch / 16
            )
            way = isWholeB ? "as it is" : "padded"
        } else {
            right = (try transposed(b, to: layout.right), layout.right.pitch / 16)
            way = "transposed"
        }
        self.launches = launches
        description = "A \(isWholeA ? "as it is" : "padded"), B \(way)" + (launches.isEmpty ? "" : ", in the time")
    }
}

/// How large the operands are that a matrix engine reads.
struct EngineLayout {
    /// Bytes of an element of A or B.
    let elementBytes: Int
    /// Tiles along k.
    let steps: Int
    /// The rows of A and the bytes from one to the next.
    let left: (rows: Int, pitch: Int)
    /// The columns of B, or where the engine reads them its rows, and the bytes from one to the next.
    let right: (rows: Int, pitch: Int)

    init(_ product: EngineProduct, _ engine: MatrixEngine, _ geometry: MatrixGeometry) {
        func whole(_ count: Int, _ unit: Int) -> Int { (count + unit - 1) / unit * unit }
        let shape = product.shape
        elementBytes = product.format.precision == .i8 ? 1 : 2
        let depth = whole(shape.k * elementBytes, geometry.depth)
        steps = depth / geometry.depth
        left = (whole(shape.m, geometry.rows), depth)
        let columns = whole(shape.n, geometry.columns)
        right =
            engine.readsRows(product.format)
            ? (depth / elementBytes, columns * elementBytes) : (columns, whole(depth, 128))
    }

    /// Bytes of the largest operand, as it is kept or as it is made ready.
    func largestBuffer(_ shape: GEMMShape) -> Int {
        max(
            elementBytes * max(shape.m * shape.k, shape.k * shape.n), 4 * shape.m * shape.n, left.rows * left.pitch,
            right.rows * right.pitch)
    }

    /// Bytes of all operands, those that are made ready included.
    func bytes(_ shape: GEMMShape) -> Int {
        elementBytes * (shape.m * shape.k + shape.k * shape.n) + 4 * shape.m * shape.n + left.rows * left.pitch
            + right.rows * right.pitch
    }
}
