import Foundation
import TestSupport
import Testing

@testable import FineTuning

/// Battery, heat and disk, in trees as the kernel shows them.
struct MachineWatchTests {
  /// A tree with these files.
  private func tree(_ files: [String: String]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try write(files, folder)
    return folder
  }

  private func write(_ files: [String: String], _ folder: TemporaryFolder) throws {
    for (path, text) in files {
      let url = URL(fileURLWithPath: "\(folder.path)/\(path)")
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("\(text)\n".utf8).write(to: url)
    }
  }

  private let battery = "class/power_supply/BAT0"

  private func laptop(_ status: String, _ percent: Int, online: Int) -> [String: String] {
    [
      "\(battery)/type": "Battery", "\(battery)/status": status,
      "\(battery)/capacity": "\(percent)",
      "class/power_supply/AC/type": "Mains", "class/power_supply/AC/online": "\(online)",
    ]
  }

  @Test func aMachineThatTellsNothingIsNotJudged() throws {
    let empty = try tree([:])
    for root in [empty.path, "\(empty.path)/missing"] {
      var watch = MachineWatch(root: root)
      #expect(watch.look(free: nil, needed: 1) == [])
    }
  }

  @Test func aBatteryIsSaidOnceAndAgainWhenNearlyEmpty() throws {
    let folder = try tree(laptop("Charging", 80, online: 1))
    var watch = MachineWatch(root: folder.path)
    #expect(watch.look(free: nil, needed: 0) == [])
    try write(laptop("Discharging", 79, online: 0), folder)
    #expect(watch.look(free: nil, needed: 0) == [.onBattery(percent: 79)])
    #expect(watch.look(free: nil, needed: 0) == [])
    try write(laptop("Discharging", 11, online: 0), folder)
    #expect(watch.look(free: nil, needed: 0) == [])
    try write(laptop("Discharging", 10, online: 0), folder)
    #expect(watch.look(free: nil, needed: 0) == [.lowBattery(percent: 10, savedStep: nil)])
    #expect(watch.look(free: nil, needed: 0) == [])
  }

  @Test func aNearlyEmptyBatteryIsSaidAtOnceAndAlone() throws {
    let folder = try tree(laptop("Discharging", 4, online: 0))
    var watch = MachineWatch(root: folder.path)
    #expect(watch.look(free: nil, needed: 0) == [.lowBattery(percent: 4, savedStep: nil)])
    try write(laptop("Discharging", 40, online: 0), folder)
    #expect(watch.look(free: nil, needed: 0) == [])
  }

  @Test func aBatteryOfAMouseOrOnThePlugIsNoTrouble() throws {
    var files = laptop("Discharging", 5, online: 1)
    files["class/power_supply/mouse/type"] = "Battery"
    files["class/power_supply/mouse/scope"] = "Device"
    files["class/power_supply/mouse/status"] = "Discharging"
    files["class/power_supply/mouse/capacity"] = "3"
    var watch = MachineWatch(root: try tree(files).path)
    #expect(watch.look(free: nil, needed: 0) == [])
    let mouse = files.filter { $0.key.contains("mouse") }
    let folder = try tree(mouse)
    var desk = MachineWatch(root: folder.path)
    #expect(desk.look(free: nil, needed: 0) == [])
  }

  @Test func heatIsACounterThatGrowsDuringTheRun() throws {
    let counter = "devices/system/cpu/cpu1/thermal_throttle/package_throttle_count"
    let folder = try tree([counter: "7"])
    var watch = MachineWatch(root: folder.path)
    #expect(watch.look(free: nil, needed: 0) == [])
    try write([counter: "8"], folder)
    #expect(watch.look(free: nil, needed: 0) == [.hot])
    #expect(watch.look(free: nil, needed: 0) == [])
  }

  @Test func heatIsATemperatureAtWhichTheKernelSlows() throws {
    let zone = "class/thermal/thermal_zone0"
    let folder = try tree([
      "\(zone)/temp": "94000", "\(zone)/trip_point_0_type": "active",
      "\(zone)/trip_point_0_temp": "50000", "\(zone)/trip_point_1_type": "passive",
      "\(zone)/trip_point_1_temp": "95000",
    ])
    var watch = MachineWatch(root: folder.path)
    #expect(watch.look(free: nil, needed: 0) == [])
    try write(["\(zone)/temp": "95000"], folder)
    #expect(watch.look(free: nil, needed: 0) == [.hot])
  }

  @Test func aDiskTooFullForACheckpointIsSaidOnce() throws {
    let folder = try tree([:])
    var watch = MachineWatch(root: folder.path)
    #expect(watch.look(free: 100, needed: 100) == [])
    #expect(watch.look(free: 99, needed: 100) == [.noRoom(free: 99, needed: 100)])
    #expect(watch.look(free: 98, needed: 100) == [])
  }

  @Test func looksAreTenSecondsApart() throws {
    var watch = MachineWatch(root: try tree([:]).path)
    let now = ContinuousClock.now
    let dues = [0, 9, 10, 19, 20].map { watch.isDue(at: now + .seconds($0)) }
    #expect(dues == [true, false, true, false, true])
  }
}
