import GRDB

extension Migration {
    /// Sessions, their trials, the trials' samples and their energy by domain.
    ///
    /// `record` holds the JSON of the record as it was stored and is what is read back; the other columns are for
    /// queries. Units are in the names. An absent value is NULL, never 0.
    static let initial = Migration(identifier: "001-initial") { database in
        try database.execute(
            sql: """
                CREATE TABLE session (
                    id TEXT NOT NULL PRIMARY KEY,
                    started_at TEXT NOT NULL,
                    ended_at TEXT,
                    host TEXT NOT NULL,
                    suite TEXT NOT NULL,
                    nodewatt_version TEXT NOT NULL,
                    fingerprint_digest TEXT NOT NULL,
                    fingerprint TEXT NOT NULL,
                    simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
                    interrupted INTEGER NOT NULL CHECK (interrupted IN (0, 1)),
                    record TEXT NOT NULL
                ) STRICT;
                CREATE INDEX session_started ON session (started_at);
                CREATE INDEX session_fingerprint ON session (fingerprint_digest, started_at);

                CREATE TABLE trial (
                    id INTEGER NOT NULL PRIMARY KEY,
                    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
                    ordinal INTEGER NOT NULL,
                    workload TEXT NOT NULL,
                    device TEXT NOT NULL,
                    precision TEXT,
                    shape TEXT,
                    model TEXT,
                    phase TEXT,
                    status TEXT NOT NULL,
                    reason TEXT,
                    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
                    median_seconds REAL,
                    ci95_low_seconds REAL,
                    ci95_high_seconds REAL,
                    flops_per_second REAL,
                    bytes_per_second REAL,
                    tokens_per_second REAL,
                    fraction_of_peak REAL,
                    energy_joules REAL,
                    energy_net_joules REAL,
                    power_watts REAL,
                    energy_grade TEXT NOT NULL,
                    flops_per_watt REAL,
                    joules_per_token REAL,
                    simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
                    record TEXT NOT NULL,
                    UNIQUE (session_id, ordinal)
                ) STRICT;
                CREATE INDEX trial_figure ON trial (workload, device, precision, shape);

                CREATE TABLE sample (
                    trial_id INTEGER NOT NULL REFERENCES trial (id) ON DELETE CASCADE,
                    ordinal INTEGER NOT NULL,
                    seconds REAL NOT NULL,
                    PRIMARY KEY (trial_id, ordinal)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE domain_energy (
                    trial_id INTEGER NOT NULL REFERENCES trial (id) ON DELETE CASCADE,
                    ordinal INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    source TEXT NOT NULL,
                    grade TEXT NOT NULL,
                    energy_joules REAL,
                    in_total INTEGER NOT NULL CHECK (in_total IN (0, 1)),
                    PRIMARY KEY (trial_id, ordinal)
                ) STRICT, WITHOUT ROWID;
                """)
    }
}
