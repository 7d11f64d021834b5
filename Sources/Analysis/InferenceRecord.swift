import NodeModel

/// A row of a layer's cache.
struct CacheRow: Hashable {
    var layer: Int
    var sequence: Int
    var position: Int
}

/// A key and a value as stored.
struct StoredRow: Equatable {
    var key: [Float]
    var value: [Float]
}

/// Rows of activations one after the other.
struct BufferRows {
    let values: [Float]
    let width: Int

    subscript(row: Int) -> [Float] { Array(values[row * width..<(row + 1) * width]) }
}

/// One operation in one pass.
struct InferenceSite {
    var index: Int
    var pass: InferencePass
    var layer: Int?
    var operation: InferenceOperation

    var name: String {
        "pass \(index), " + (layer.map { "layer \($0), " } ?? "") + operation.name
    }

    /// A row of the pass, by its place in it.
    func name(row: Int) -> String {
        let place = pass.place(ofRow: row)
        return "\(name), row \(row) (sequence \(place.sequence), position \(place.position))"
    }

    /// A key for random choices that differs from operation to operation.
    func key(seed: UInt32) -> UInt32 {
        let text = name.utf8.reduce(UInt32(17)) { SeededData.mix($0 ^ UInt32($1)) }
        return SeededData.key(seed: seed, stream: text)
    }
}

/// Deviations relative to what is allowed, and the first that is too large.
struct InferenceRecord {
    private var worst = 0.0
    private var detail: String?
    var effort = 0

    /// Takes a number that was found.
    mutating func add(_ found: Float, _ expected: BoundedValue, place: () -> String) {
        let error = abs(Double(found) - expected.value)
        guard error != 0 else { return }
        add(ratio: error / expected.allowed) { "\(place()) is \(found), not \(expected.value)" }
    }

    /// Takes a row that was found.
    mutating func add(_ found: [Float], _ expected: [BoundedValue], place: () -> String) {
        guard found.count == expected.count else { return fail("\(place()) has \(found.count) elements") }
        for index in found.indices { add(found[index], expected[index]) { "\(place()), element \(index)," } }
    }

    /// Takes a deviation relative to what is allowed; one that is not a number is infinite.
    mutating func add(ratio: Double, problem: () -> String) {
        let ratio = ratio.isNaN ? .infinity : ratio
        worst = max(worst, ratio)
        if ratio > 1, detail == nil { detail = problem() }
    }

    /// Takes something that is wrong in a way that has no size.
    mutating func fail(_ problem: String) { add(ratio: .infinity) { problem } }

    /// Takes an output all of whose numbers have to be finite.
    mutating func addFinite(_ rows: BufferRows, count: Int, place: String) {
        guard let index = rows.values.prefix(count * rows.width).firstIndex(where: { !$0.isFinite }) else { return }
        let (row, element) = index.quotientAndRemainder(dividingBy: rows.width)
        fail("\(place), row or visit \(row), element \(element) is \(rows.values[index])")
    }

    func verification(method: String) -> Verification {
        Verification(passed: worst <= 1, method: method, worst: worst, detail: detail)
    }
}

extension InferenceOperation {
    /// Its name in messages.
    var name: String {
        switch self {
        case .embed: "embed"
        case .normalise(.attention): "norm before attention"
        case .normalise(.feedForward): "norm before feed-forward"
        case .normalise(.output): "output norm"
        case .multiply(let matrix, _, _, _): "product with \(matrix.name)"
        case .rotateAndStore: "rotation and cache"
        case .attend: "attention"
        case .gate: "gate"
        case .route: "route"
        case .visitGateUp: "experts' gate and up"
        case .visitDown: "experts' down"
        case .combine: "combination of visits"
        case .choose: "choice"
        }
    }

    /// The layer it belongs to, which the gate alone does not tell.
    func place(after layer: Int?) -> Int? {
        switch self {
        case .embed, .choose, .normalise(.output): nil
        case .normalise(.attention(let layer)), .normalise(.feedForward(let layer)), .rotateAndStore(let layer),
            .attend(let layer), .route(let layer), .visitGateUp(let layer), .visitDown(let layer), .combine(let layer):
            layer
        case .multiply, .gate: layer
        }
    }
}

extension ModelMatrix {
    /// Its name in messages.
    var name: String {
        switch self {
        case .embedding: "the embedding"
        case .queryKeyValue: "query, key and value"
        case .attentionOutput: "attention output"
        case .gateUp: "gate and up"
        case .down: "down"
        case .router: "the router"
        case .expertGateUp(_, let expert): "gate and up of expert \(expert)"
        case .expertDown(_, let expert): "down of expert \(expert)"
        case .outputHead: "the output head"
        }
    }
}
