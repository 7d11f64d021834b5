import ModelFiles
import NodeModel
import Testing

/// Rows of tensors as numbers, against what the formats' descriptions say, computed in another way.
@Suite struct RowDecodingTests {
    /// The rows of a tensor [columns × rows] with given bytes: the embedding of a model that is otherwise as small as can be.
    private func rows(_ type: GGMLType, columns: Int, _ data: [UInt8]) throws -> [[Float]] {
        let count = data.count / (columns / type.blockLength * type.blockBytes)
        var model = TinyModel(architecture: .llama, type: type, layers: 1, width: columns, head: columns / 4)
        (model.vocabulary, model.hidden) = (count, 32)
        var writer = model.writer
        writer.change("token_embd.weight") { $0.data = data }
        let tensor = try #require(try GGUFModel(.reading(writer.bytes)).tensor(.tokenEmbedding))
        #expect(tensor.type == type && tensor.columns == columns && tensor.rows == count && tensor.experts == 1)
        #expect(try tensor.withBytes { Array($0) } == data)
        #expect(tensor.rowBytes * count == data.count)
        return try (0..<count).map { try tensor.values(ofRow: $0) }
    }

    @Test func singlePrecision() throws {
        let values: [Float] = [0, -0.0, 1.5, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, -7]
        let data = (0..<8).flatMap { row in values.indices.flatMap { littleEndian(values[($0 + row) % 8].bitPattern) } }
        let rows = try rows(.f32, columns: 8, data)
        for (row, found) in rows.enumerated() {
            #expect(found.map(\.bitPattern) == values.indices.map { values[($0 + row) % 8].bitPattern })
        }
    }

    @Test("all 65 536 numbers of half precision") func halfPrecision() throws {
        let data = (0...UInt16.max).flatMap { littleEndian($0) }
        let found = try rows(.f16, columns: 256, data).flatMap(\.self)
        for bits in 0...UInt16.max {
            let (sign, exponent, fraction) = (bits >> 15, Int(bits >> 10 & 31), Int(bits & 1023))
            let magnitude: Double
            switch exponent {
            case 0: magnitude = Double(fraction) * 0x1p-24
            case 31: magnitude = fraction == 0 ? .infinity : .nan
            default: magnitude = Double(1024 + fraction) * (0..<exponent).reduce(0x1p-25) { product, _ in product * 2 }
            }
            let expected = Float(sign == 1 ? -magnitude : magnitude)
            let value = found[Int(bits)]
            #expect(value.isNaN ? expected.isNaN : value == expected && value.sign == expected.sign, "\(bits)")
        }
    }

    @Test("all 65 536 numbers of bf16") func brainFloat() throws {
        let data = (0...UInt16.max).flatMap { littleEndian($0) }
        let found = try rows(.bf16, columns: 256, data).flatMap(\.self)
        for bits in 0...UInt16.max where !found[Int(bits)].isNaN {
            #expect(found[Int(bits)].bitPattern == UInt32(bits) * 65_536)
        }
    }

    @Test("Q8_0: scale · byte, for all bytes") func q8() throws {
        let scales: [Float16] = [1, -0.5, 0.1, 65_504, 0x1p-24, 3.25, -7.75, 0]
        let blocks = (0..<16).map { block in
            (scale: scales[block % 8], bytes: (0..<32).map { UInt8(truncatingIfNeeded: block * 32 + $0) })
        }
        let data = blocks.flatMap { littleEndian($0.scale.bitPattern) + $0.bytes }
        let found = try rows(.q8, columns: 64, data).flatMap(\.self)
        for (index, value) in found.enumerated() {
            let byte = Int(blocks[index / 32].bytes[index % 32])
            let exact = Double(blocks[index / 32].scale) * Double(byte < 128 ? byte : byte - 256)
            #expect(Double(value) == exact, "element \(index)")
        }
    }

    @Test("Q4_0: scale · (four bits − 8); low halves first, for all bytes") func q4() throws {
        let scales: [Float16] = [1, -0.5, 0.1, 65_504]
        let blocks = (0..<16).map { block in
            (scale: scales[block % 4], bytes: (0..<16).map { UInt8(truncatingIfNeeded: block * 16 + $0) })
        }
        let data = blocks.flatMap { littleEndian($0.scale.bitPattern) + $0.bytes }
        let found = try rows(.q4, columns: 64, data).flatMap(\.self)
        for (index, value) in found.enumerated() {
            let (block, place) = (blocks[index / 32], index % 32)
            let bits = place < 16 ? Int(block.bytes[place]) % 16 : Int(block.bytes[place - 16]) / 16
            #expect(Double(value) == Double(block.scale) * Double(bits - 8), "element \(index)")
        }
    }

    @Test("an expert's rows follow those of the one before") func experts() throws {
        var writer = TinyModel(architecture: .llama, type: .f32, layers: 1, experts: 4).writer
        let name = "blk.0.ffn_down_exps.weight"
        writer.change(name) { $0.data = (0..<(96 * 64 * 4)).flatMap { littleEndian(Float($0).bitPattern) } }
        let tensor = try #require(try GGUFModel(.reading(writer.bytes)).tensor(.layer(0, .expertDowns)))
        #expect(tensor.name == name && tensor.columns == 96 && tensor.rows == 64 && tensor.experts == 4)
        #expect(try tensor.values(ofRow: 3, expert: 2) == (0..<96).map { Float((2 * 64 + 3) * 96 + $0) })
    }
}
