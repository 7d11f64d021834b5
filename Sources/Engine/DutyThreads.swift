import Glibc
import NodeModel
import Synchronization

/// Threads that each drive a workload of their own at a load level, until they are stopped.
final class DutyThreads {
    /// What one thread does; shared with it, and otherwise only read.
    // The workload is touched by its thread alone between start and join.
    final class Driver: @unchecked Sendable {
        let workload: any PreparedWorkload
        let repetitions: Int
        let index: Int
        let count: Int
        let seed: UInt32
        let workedNanoseconds = Atomic<UInt64>(0)
        let done = Atomic<UInt64>(0)
        let stops = Atomic<Bool>(false)
        let level = Atomic<Int>(0)
        let failure = Mutex<String?>(nil)

        init(_ workload: any PreparedWorkload, repetitions: Int, index: Int, of count: Int, seed: UInt32) {
            self.workload = workload
            self.repetitions = repetitions
            self.index = index
            self.count = count
            self.seed = seed
        }

        func run() {
            var current = -1
            var cycle = DutyCycle(level: 0, index: index, of: count, seed: seed, now: Self.now())
            while !stops.load(ordering: .relaxed) {
                let wanted = level.load(ordering: .relaxed)
                if wanted != current {
                    current = wanted
                    cycle = DutyCycle(
                        level: Double(wanted) / 1000, index: index, of: count, seed: seed, now: Self.now())
                }
                switch cycle.step(at: Self.now()) {
                case .sleep(let until): Self.sleep(until: until)
                case .work:
                    guard let spent = work() else { return }
                    cycle.report(spent)
                }
            }
        }

        private func work() -> Seconds? {
            do {
                let begin = Self.now()
                _ = try workload.run(repetitions: repetitions)
                let spent = Self.now().since(begin)
                workedNanoseconds.wrappingAdd(UInt64(max(spent.rawValue, 0) * 1e9), ordering: .relaxed)
                done.wrappingAdd(UInt64(repetitions), ordering: .relaxed)
                return spent
            } catch {
                let text = "\(error)"
                failure.withLock { $0 = text }
                return nil
            }
        }

        static func now() -> MonotonicInstant {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return MonotonicInstant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
        }

        private static func sleep(until instant: MonotonicInstant) {
            let nanoseconds = instant.nanoseconds
            var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
        }
    }

    private let drivers: [Driver]
    private var threads: [pthread_t] = []

    /// Starts a thread for each workload; they sleep until a level is set.
    init(_ workloads: [any PreparedWorkload], repetitions: Int, seed: UInt32) throws {
        drivers = workloads.enumerated().map {
            Driver($0.element, repetitions: repetitions, index: $0.offset, of: workloads.count, seed: seed)
        }
        for driver in drivers {
            var thread = pthread_t()
            let own = Unmanaged.passRetained(driver)
            let status = pthread_create(
                &thread, nil,
                { context in
                    guard let context else { return nil }
                    Unmanaged<Driver>.fromOpaque(context).takeRetainedValue().run()
                    return nil
                }, own.toOpaque())
            guard status == 0 else {
                own.release()
                stop()
                throw TrialFailure(.failed, "the system gives no more threads: \(String(cString: strerror(status)))")
            }
            threads.append(thread)
        }
    }

    deinit { stop() }

    /// Sets the level of all threads, 0 to 1.
    func set(_ level: Double) {
        drivers.forEach { $0.level.store(Int((level * 1000).rounded()), ordering: .relaxed) }
    }

    /// How far all threads together are.
    struct Progress {
        /// When they were looked at.
        var instant: MonotonicInstant
        /// The time they worked.
        var worked = Seconds.zero
        /// The repetitions they did.
        var repetitions = 0.0
    }

    /// How far the threads are now.
    var progress: Progress {
        drivers.reduce(into: Progress(instant: Driver.now())) { sum, driver in
            sum.worked = sum.worked + Seconds(Double(driver.workedNanoseconds.load(ordering: .relaxed)) * 1e-9)
            sum.repetitions += Double(driver.done.load(ordering: .relaxed))
        }
    }

    /// Why a thread ended by itself, if one did.
    var failure: String? { drivers.compactMap { $0.failure.withLock { $0 } }.first }

    /// Ends the threads and waits for them.
    func stop() {
        drivers.forEach { $0.stops.store(true, ordering: .relaxed) }
        threads.forEach { pthread_join($0, nil) }
        threads = []
    }
}
