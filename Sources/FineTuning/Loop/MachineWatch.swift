internal import Foundation

/// What a run says of the machine it is on; see `MachineWatch`.
public enum MachineFinding: Sendable, Equatable {
  /// The machine runs on its battery, which has so many percent left where it tells.
  case onBattery(percent: Int?)
  /// The battery is nearly empty; a checkpoint of so many steps has been written, or nil where there is nothing to save.
  case lowBattery(percent: Int, savedStep: Int?)
  /// The processor has been slowed down since it is too hot.
  case hot
  /// The disk has less room, in bytes, than the next checkpoint takes.
  case noRoom(free: Int, needed: Int)
}

/// Looks at power, heat and disk now and then, and finds each kind of trouble once.
///
/// Linux tells in files: `class/power_supply/*/{type,scope,online,status,capacity}`
/// (Documentation/ABI/testing/sysfs-class-power), `class/thermal/thermal_zone*/{temp,trip_point_*}` and
/// `devices/system/cpu/cpu*/thermal_throttle/*_throttle_count`. What is not there is not judged.
struct MachineWatch {
  /// Percent at and under which a battery that is being emptied is nearly empty.
  static let lowBattery = 10
  /// Seconds between two looks.
  static let interval = 10.0

  private let root: String
  private var said: Set<Kind> = []
  private var lastLook: ContinuousClock.Instant?
  /// How often the processor had been slowed when the run began.
  private let throttlesBefore: Int

  private enum Kind { case onBattery, lowBattery, hot, noRoom }

  /// `root` is where the kernel's tree is mounted.
  init(root: String = "/sys") {
    self.root = root
    throttlesBefore = Self.throttles(root)
  }

  /// Whether a look is due at `now`; then the next one is so many seconds away.
  mutating func isDue(at now: ContinuousClock.Instant = .now) -> Bool {
    if let lastLook, (now - lastLook) / .seconds(1) < Self.interval { return false }
    lastLook = now
    return true
  }

  // MARK: - Findings

  /// What is new. `free` and `needed` are bytes on the run's disk: what there is, and what a checkpoint takes; nil is unknown.
  /// `savedStep` of a low battery is the caller's to fill in.
  mutating func look(free: Int?, needed: Int) -> [MachineFinding] {
    var findings: [MachineFinding] = []
    let supplies = names("class/power_supply").map { "class/power_supply/\($0)" }
      .filter { text("\($0)/scope") != "Device" }
    let batteries = supplies.filter { text("\($0)/type") == "Battery" }
    let isEmptied =
      batteries.contains { text("\($0)/status") == "Discharging" }
      && !supplies.contains { text("\($0)/type") != "Battery" && number("\($0)/online") == 1 }
    if isEmptied {
      let percent = batteries.compactMap { number("\($0)/capacity") }.max()
      if let percent, percent <= Self.lowBattery {
        if said.insert(.lowBattery).inserted {
          findings.append(.lowBattery(percent: percent, savedStep: nil))
        }
        said.insert(.onBattery)
      } else if said.insert(.onBattery).inserted {
        findings.append(.onBattery(percent: percent))
      }
    }
    if isHot, said.insert(.hot).inserted { findings.append(.hot) }
    if let free, free < needed, said.insert(.noRoom).inserted {
      findings.append(.noRoom(free: free, needed: needed))
    }
    return findings
  }

  /// Slowed since the run began, or at a temperature at which the kernel slows.
  private var isHot: Bool {
    if Self.throttles(root) > throttlesBefore { return true }
    return names("class/thermal").filter { $0.hasPrefix("thermal_zone") }.contains { name in
      let zone = "class/thermal/\(name)"
      guard let temperature = number("\(zone)/temp") else { return false }
      return names(zone).filter { $0.hasPrefix("trip_point_") && $0.hasSuffix("_type") }
        .contains { type in
          guard ["passive", "hot", "critical"].contains(text("\(zone)/\(type)")),
            let trip = number("\(zone)/\(type.replacing("_type", with: "_temp"))")
          else { return false }
          return trip > 0 && temperature >= trip
        }
    }
  }

  // MARK: - Reading

  private static func throttles(_ root: String) -> Int {
    let folder = "devices/system/cpu"
    return names(root, folder).filter { $0.hasPrefix("cpu") }.reduce(0) { sum, cpu in
      let counters = "\(folder)/\(cpu)/thermal_throttle"
      return ["core_throttle_count", "package_throttle_count"].reduce(sum) {
        $0 + (text(root, "\(counters)/\($1)").flatMap { Int($0) } ?? 0)
      }
    }
  }

  private func names(_ folder: String) -> [String] { Self.names(root, folder) }

  private func text(_ path: String) -> String? { Self.text(root, path) }

  private func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

  private static func names(_ root: String, _ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []).sorted()
  }

  private static func text(_ root: String, _ path: String) -> String? {
    guard let text = try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) else {
      return nil
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

// MARK: - In a run

extension TrainingLoop {
  /// Hands out what is new of the machine. A battery that is nearly empty makes a checkpoint; the run goes on.
  func lookAtMachine() throws {
    guard watch.isDue() else { return }
    for finding in watch.look(free: freeBytes, needed: checkpointBytes) {
      guard case .lowBattery(let percent, _) = finding else {
        emit(.machine(finding))
        continue
      }
      if case .training = phase, state.steps > 0, savedStep != state.steps { try save() }
      emit(.machine(.lowBattery(percent: percent, savedStep: savedStep)))
    }
  }

  /// Bytes that the run's disk has for it.
  private var freeBytes: Int? {
    let facts = try? FileManager.default.attributesOfFileSystem(forPath: directory.path)
    return (facts?[.systemFreeSize] as? NSNumber)?.intValue
  }

  /// Bytes of a checkpoint: the trainer's state, the best adapters in both formats (no more than the parameters, which the
  /// state has too), and some text.
  private var checkpointBytes: Int {
    let state = session.trainer.state.reduce(0) { $0 + $1.values.byteCount }
    return 2 * state + 1 << 20
  }
}
