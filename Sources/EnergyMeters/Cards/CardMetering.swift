import NodeModel

/// Readings of one card through its library; what NVML's and ROCm SMI's meters share.
struct CardMetering: Sendable {
    let connection: CardConnection
    let place: String
    let quantity: CardQuantity
    let plausibleWatts: Watts

    init?(_ card: CardReport, _ connection: CardConnection) {
        guard let quantity = card.quantity else { return nil }
        self.connection = connection
        self.quantity = quantity
        place = card.place
        plausibleWatts = CardReading.plausibleWatts(limit: card.highestLimitWatts)
    }

    /// Reads the card now.
    ///
    /// - Throws: `SystemFailure` when the library failed or shows what cannot be.
    func read() throws(SystemFailure) -> TimedReading {
        let sample = try connection.sample(place)
        // A library that was started again may have taken another source.
        guard sample.quantity == quantity, sample.unit > 0, sample.unit < 1 else {
            throw SystemFailure(action: "reading gpu-\(place)", reason: "the library shows something else than before")
        }
        return try sample.reading(bound: plausibleWatts)
    }
}
