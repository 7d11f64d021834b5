public import NodeModel

/// A meter that knows which power cannot be true.
public protocol PowerBounded: EnergyMeter {
    /// A reading that means more power than this is an error of the counter.
    var plausibleWatts: Watts { get }
}

/// The power no hardware draws, for meters that know no limit of their own.
enum PlausiblePower {
    /// What a part of a node cannot draw: a processor or card takes up to some hundred watts, a node with eight cards
    /// some ten thousand.
    static func watts(_ kind: EnergyDomainKind) -> Watts {
        switch kind {
        case .node, .host, .platform: Watts(20_000)
        case .package, .core, .uncore, .dram, .gpu, .other: Watts(2_000)
        }
    }
}

extension EnergyMeter {
    /// The power above which a reading is not believed.
    var believableWatts: Watts {
        (self as? any PowerBounded)?.plausibleWatts ?? PlausiblePower.watts(description.domain.kind)
    }
}
