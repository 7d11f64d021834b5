import Isolation
import NodeModel

/// A vendor's library that shows cards.
package enum CardLibraryKind: String, Codable, Sendable, CaseIterable {
    /// NVIDIA's management library.
    case nvml
    /// AMD's system management interface.
    case rocm
}

/// What a step announced by a worker is, which decides how long it may take.
enum CardStep: String, Codable, Sendable {
    /// Loading and starting the library.
    case start
    /// Asking for one card.
    case card
}

/// The messages between the worker and its parent, as lines.
let cardLines = LineProtocol(version: 1)

/// What the parent asks for.
enum CardRequest: Codable, Sendable {
    case open(library: String)
    case sample
    case state(place: String)
    case setPowerLimit(place: String, milliwatts: UInt32)
}

/// What the worker answers: any number of announcements, then one result.
enum CardReply: Codable, Sendable {
    case step(name: String, kind: CardStep)
    case opened(result: OpenedLibrary)
    case sampled(samples: [CardSample])
    case state(state: CardState)
    case done
    case failed(reason: String)
}

/// What a card shows of its use of energy.
enum CardQuantity: String, Codable, Sendable {
    /// A counter.
    case energy
    /// The power of the moment.
    case momentaryPower
    /// A power averaged over a second or so.
    case averagePower
}

/// What was found when a library was opened.
struct OpenedLibrary: Codable, Sendable {
    /// The driver's version.
    var driver: String?
    var cards: [CardReport]
    var refused: [CardRefusal]
}

/// A card that can be metered or managed.
struct CardReport: Codable, Sendable {
    /// Its place as sysfs writes it, for example `0000:c1:00.0`.
    var place: String
    var name: String
    var uuid: String?
    /// What it shows; `nil` when nothing that could be believed.
    var quantity: CardQuantity?
    /// Joules or watts of one count.
    var unit = 1e-3
    /// The library's number of the architecture.
    var architecture: UInt64?
    /// Whether the card is divided (MIG).
    var isPartitioned = false
    /// The highest power limit that can be set.
    var highestLimitWatts: Double?
    /// The counter's energy over what the power sensor showed meanwhile, where that was compared.
    var checkedRatio: Double?
    /// Why better quantities are not shown.
    var reasons: [String] = []
}

/// A card that shows nothing, or cannot be.
struct CardRefusal: Codable, Sendable {
    var subject: String
    var reason: String
}

/// What one card showed at one instant.
struct CardSample: Codable, Sendable {
    var place: String
    var nanoseconds: UInt64
    var quantity: CardQuantity
    /// The library's number.
    var count: UInt64
    /// Joules or watts of one count.
    var unit: Double
    /// Why the library gave no number.
    var problem: String?
}

/// What a card does and may do; powers in milliwatts, clocks in MHz, `nil` where the library does not say.
struct CardState: Codable, Sendable {
    var smClock: UInt64?
    var memoryClock: UInt64?
    var temperature: UInt64?
    var clockEvents: UInt64?
    var limit: UInt64?
    var enforcedLimit: UInt64?
    var defaultLimit: UInt64?
    var lowestLimit: UInt64?
    var highestLimit: UInt64?
}
