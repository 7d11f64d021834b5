import HostProbe
import Isolation
import NodeModel

/// A library that was opened, and what it shows.
struct OpenCards {
    var connection: CardConnection
    var cards: [CardReport]
    var unavailable: [Unavailable]
}

/// Opening a vendor's library for meters or for management.
enum CardDiscovery {
    /// Starts a worker and opens a library in it.
    ///
    /// - Parameters:
    ///   - kind: Whose library it is.
    ///   - library: What the dynamic linker is to be given.
    ///   - options: What starts the worker, and how long it may take.
    /// - Returns: What the library shows, each card once and with a place that can be.
    /// - Throws: ``NodeModel/SystemFailure`` with the reason; ``NodeModel/InputError`` for a limit that is none.
    static func open(_ kind: CardLibraryKind, _ library: String, _ options: MeterOptions) throws -> OpenCards {
        guard let program = options.worker else {
            throw SystemFailure(action: library, reason: "no program was named to load it")
        }
        let limits = try options.cardLimits ?? CardLimits(environment: options.environment)
        let connection = CardConnection(
            CardLaunch(
                program: program, kind: kind, library: library, environment: options.environment, limits: limits))
        let found = try connection.open()
        var cards: [CardReport] = []
        var unavailable = found.refused.prefix(Int(mostCards)).map {
            Unavailable(
                subject: "\(kind.rawValue) \(CleanText.line($0.subject, limit: 40))",
                reason: CleanText.line($0.reason, limit: 300))
        }
        for card in found.cards.prefix(Int(mostCards)) {
            let isPlace = isPlace(card.place)
            let card = cleaned(card)
            guard isPlace, !cards.contains(where: { $0.place == card.place }) else {
                unavailable.append(
                    Unavailable(subject: "\(kind.rawValue) card", reason: "its place, \(card.place), cannot be"))
                continue
            }
            cards.append(card)
        }
        return OpenCards(connection: connection, cards: cards, unavailable: unavailable)
    }

    private static let mostCards = 256

    /// Whether text is a place as sysfs writes it, for example `0000:c1:00.0`.
    static func isPlace(_ text: String) -> Bool {
        text.wholeMatch(of: /[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]/) != nil
    }

    /// The report with nothing in it that a library with a broken worker could steer a terminal with.
    private static func cleaned(_ card: CardReport) -> CardReport {
        var card = card
        card.place = CleanText.line(card.place, limit: 24)
        card.name = CleanText.line(card.name, limit: 96)
        card.uuid = card.uuid.map { CleanText.line($0, limit: 96) }
        card.reasons = card.reasons.prefix(8).map { CleanText.line($0, limit: 300) }
        return card
    }
}
