import Analysis
import NodeModel
import Testing

@Suite struct ProductCheckTests {
    let shape = GEMMShape(m: 17, n: 13, k: 29)

    private func operands(integers: Bool) -> (a: [Float], b: [Float], c: [Float]) {
        func fill(_ count: Int, _ stream: UInt32) -> [Float] {
            let key = SeededData.key(seed: 3, stream: stream)
            return (0..<count).map {
                integers
                    ? SeededData.smallInteger(key: key, index: UInt32($0))
                    : SeededData.uniform(key: key, index: UInt32($0))
            }
        }
        let (a, b) = (fill(shape.m * shape.k, 1), fill(shape.k * shape.n, 2))
        var c = [Float](repeating: 0, count: shape.m * shape.n)
        for i in 0..<shape.m {
            for j in 0..<shape.n {
                for k in 0..<shape.k { c[i * shape.n + j] += a[i * shape.k + k] * b[k * shape.n + j] }
            }
        }
        return (a, b, c)
    }

    private func sampled(_ o: (a: [Float], b: [Float], c: [Float])) -> Verification {
        ProductCheck.sampled(
            shape, seed: 1, a: { o.a[$0 * shape.k + $1] }, b: { o.b[$0 * shape.n + $1] }, c: o.c)
    }

    @Test func rightProductsPass() {
        let integers = operands(integers: true)
        #expect(ProductCheck.freivalds(shape, a: integers.a, b: integers.b, c: integers.c, seed: 9).passed)
        #expect(sampled(operands(integers: false)).passed)
    }

    @Test(arguments: 0..<20) func oneWrongElementShows(place: Int) {
        var integers = operands(integers: true)
        integers.c[place * 11] += 1
        #expect(!ProductCheck.freivalds(shape, a: integers.a, b: integers.b, c: integers.c, seed: 9).passed)
    }

    private func crossings(_ o: (a: [Float], b: [Float], c: [Float]), exact: Bool) -> Verification {
        ProductCheck.crossings(
            shape, rows: [0, 7, 16], columns: [3, 12], exact: exact, a: { o.a[$0 * shape.k + $1] },
            b: { o.b[$0 * shape.n + $1] }, c: { Double(o.c[$0 * shape.n + $1]) })
    }

    @Test func everyCrossingIsChecked() {
        let (integers, floats) = (operands(integers: true), operands(integers: false))
        #expect(crossings(integers, exact: true).passed && crossings(floats, exact: false).passed)
        for (row, column) in [(0, 3), (0, 12), (7, 3), (7, 12), (16, 3), (16, 12)] {
            let place = row * shape.n + column
            var wrong = integers
            wrong.c[place] += 1
            #expect(crossings(wrong, exact: true).detail == "C[\(row)][\(column)] is off by 1.0")
            wrong = floats
            wrong.c[place] += 1e-3
            #expect(crossings(wrong, exact: false).detail?.hasPrefix("C[\(row)][\(column)] is off") == true)
            wrong.c[place] = .nan
            #expect(!crossings(wrong, exact: false).passed)
        }
        // Elsewhere it does not look.
        var wrong = integers
        wrong.c[1] += 1
        #expect(crossings(wrong, exact: true).passed)
    }

    @Test func unwrittenAndWrongElementsShow() {
        var integers = operands(integers: true)
        integers.c[5] = .nan
        #expect(!ProductCheck.freivalds(shape, a: integers.a, b: integers.b, c: integers.c, seed: 9).passed)
        var floats = operands(integers: false)
        floats.c[0] += 1e-3
        #expect(!sampled(floats).passed)
        floats.c[0] = .nan
        #expect(!sampled(floats).passed)
        floats.c.removeLast()
        #expect(!sampled(floats).passed)
    }
}

@Suite struct PeakCheckTests {
    @Test func followsTheRecurrenceToTheBit() {
        let count = 100
        let starts = (0..<count).map { PeakCheck.start(seed: 1, index: $0) }
        let addends = (0..<count).map { PeakCheck.addend(seed: 1, index: $0) }
        #expect(addends.allSatisfy { $0 >= -1.9 && $0 <= -1.5 })
        var results = starts
        for index in 0..<count {
            for _ in 0..<500 { results[index] = addends[index].addingProduct(results[index], results[index]) }
        }
        #expect(PeakCheck.follow(steps: 500, starts: starts, addends: addends, results: results).passed)
        #expect(!PeakCheck.follow(steps: 499, starts: starts, addends: addends, results: results).passed)
        results[count - 1] = results[count - 1].nextUp
        #expect(!PeakCheck.follow(steps: 500, starts: starts, addends: addends, results: results).passed)
        #expect(results.allSatisfy { abs($0) <= 2 })
    }
}
