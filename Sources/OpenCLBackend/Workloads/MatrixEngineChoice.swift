import Isolation
import NodeModel

extension MatrixEngine {
    /// What speaks against an engine in assembly language, for which a driver may have no use; `nil` for nothing.
    private func objection(to product: EngineProduct, queue: DeviceQueue, device: Device) -> String? {
        guard isAssembly, let way = geometries.first else { return nil }
        guard formats.contains(product.format) else { return "it has no such sums" }
        guard product.shape.m % way.rows == 0, product.shape.n % way.columns == 0 else {
            return "C is not made of whole tiles of \(way.rows)x\(way.columns)"
        }
        do {
            let small = EngineProduct(GEMMShape(m: 2 * way.rows, n: 3 * way.columns, k: 400), product.format)
            let outcome = try MatrixEngineWorkload(small, self, queue: queue, device: device, seed: 1).verify()
            return outcome.passed ? nil : "a product of its own was wrong: \(outcome.detail ?? outcome.method)"
        } catch {
            return CleanText.line("\(error)", limit: 300)
        }
    }

    /// Makes a product ready on the best engine a device turns out to have.
    ///
    /// - Parameters:
    ///   - product: The shape and the formats.
    ///   - queue: The device.
    ///   - device: Its description.
    ///   - seed: The seed of the data.
    /// - Returns: The prepared workload.
    /// - Throws: `TrialFailure`, unsupported with the reasons where no engine can be used.
    static func prepare(_ product: EngineProduct, queue: DeviceQueue, device: Device, seed: UInt32) throws
        -> MatrixEngineWorkload
    {
        var reasons: [String] = []
        var passedOver: [String: String] = [:]
        for engine in all where engine.isKnown(to: device) {
            do {
                try engine.capability.require(on: queue)
                if let objection = engine.objection(to: product, queue: queue, device: device) {
                    passedOver["without \(engine.name)"] = objection
                    continue
                }
                return try MatrixEngineWorkload(
                    product, engine, queue: queue, device: device, seed: seed, remarks: passedOver)
            } catch let failure as TrialFailure where failure.status == .unsupported {
                reasons.append(failure.reason)
            }
        }
        throw TrialFailure(
            .unsupported,
            reasons.isEmpty
                ? "there are no kernels for a matrix engine of \(device.vendor)" : reasons.joined(separator: "; "))
    }
}
