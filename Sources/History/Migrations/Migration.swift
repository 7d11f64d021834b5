import GRDB

/// One forward step of the database's layout.
///
/// A migration that was ever released is never changed; a later change is a new migration.
struct Migration: Sendable {
    /// The name under which the step is recorded in the database, unique and in order.
    var identifier: String
    /// Makes the change, inside a transaction.
    var change: @Sendable (Database) throws -> Void
}

extension Migration {
    /// All steps in the order they are applied; a new one is a file of its own and a line here.
    static let all: [Migration] = [.initial]

    /// GRDB's form of ``all``.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for migration in all {
            migrator.registerMigration(migration.identifier) { try migration.change($0) }
        }
        return migrator
    }
}
