import Glibc
import Isolation
import NodeModel

/// The child process that loads a vendor's library, so that its crash or hang is a failed read and no more.
public enum CardWorker {
    /// Serves requests from standard input until it closes; answers on what was standard output.
    ///
    /// - Parameter library: `nvml` or `rocm`.
    /// - Returns: The exit status: 0, 64 for a library of another name, or 70 when the answers cannot be written.
    public static func main(library: String) -> Int32 {
        guard let kind = CardLibraryKind(rawValue: library) else { return 64 }
        guard let output = WorkerProcess.begin(endsWithInput: true) else { return 70 }
        let server = CardServer(kind == .nvml ? NVMLLibrary() : ROCmLibrary()) { cardLines.send($0, to: output) }
        while let line = readLine(strippingNewline: true) {
            guard server.serve(Array(line.utf8)) else { return 70 }
        }
        server.close()
        return 0
    }
}

/// The worker's state: at most one open library.
struct CardServer {
    private let library: any CardLibrary
    private let send: (CardReply) -> Bool

    init(_ library: any CardLibrary, send: @escaping (CardReply) -> Bool) {
        self.library = library
        self.send = send
    }

    /// Answers one request.
    ///
    /// - Returns: Whether the answer could be written.
    func serve(_ line: [UInt8]) -> Bool {
        do {
            return send(try answer(try cardLines.decode(CardRequest.self, from: line)))
        } catch let failure as SystemFailure {
            return send(.failed(reason: failure.description))
        } catch {
            return send(.failed(reason: "the request was not understood: \(CleanText.line("\(error)"))"))
        }
    }

    /// Ends the library.
    func close() { library.close() }

    private func answer(_ request: CardRequest) throws -> CardReply {
        switch request {
        case .open(let path):
            return .opened(result: try library.open(path) { _ = send(.step(name: $0, kind: $1)) })
        case .sample: return .sampled(samples: library.sample())
        case .state(let place): return .state(state: try library.state(of: place))
        case .setPowerLimit(let place, let milliwatts):
            try library.setPowerLimit(of: place, milliwatts: milliwatts)
            return .done
        }
    }
}
