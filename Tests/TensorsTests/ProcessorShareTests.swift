import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite("Processors that a process may use")
struct ProcessorShareTests {
  /// A folder with what the kernel tells of a machine.
  private struct Machine {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func tell(_ path: String, _ text: String) throws {
      let url = URL(fileURLWithPath: "\(folder.path)/\(path)")
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("\(text)\n".utf8).write(to: url)
    }

    func siblings(_ groups: [[Int]]) throws {
      for group in groups {
        let list = group.map(String.init).joined(separator: ",")
        for processor in group {
          try tell("sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list", list)
        }
      }
    }

    func share(_ processors: String) throws -> ProcessorShare {
      try tell("proc/self/status", "Name:\tscion\nCpus_allowed_list:\t\(processors)")
      return ProcessorShare(root: folder.path)
    }
  }

  @Test("Where the kernel tells nothing, each processor is a core and all may be used")
  func unknown() throws {
    let share = try Machine().share("0-1,5")
    #expect(share.coreCount == 3 && share.fastCoreCount == 3 && share.quota == nil)
    #expect(share.threads == 3 && share.candidates == [3])
  }

  @Test("Hardware threads of one core count once, and only where they may be used")
  func siblings() throws {
    let machine = try Machine()
    try machine.siblings([[0, 4], [1, 5], [2, 6], [3, 7]])
    #expect(try machine.share("0-7").candidates == [4, 8])
    #expect(try machine.share("0,1,5").candidates == [2, 3])
    #expect(try machine.share("2").candidates == [1])
  }

  @Test("Efficiency cores are told from performance cores, by Intel's list and by ARM's capacity")
  func kinds() throws {
    let intel = try Machine()
    try intel.siblings([[0, 1], [2, 3], [4], [5], [6], [7]])
    try intel.tell("sys/devices/cpu_atom/cpus", "4-7")
    let share = try intel.share("0-7")
    #expect(share.fastCoreCount == 2 && share.coreCount == 6)
    #expect(share.candidates == [2, 6, 8])
    let arm = try Machine()
    for processor in 0..<4 {
      try arm.tell(
        "sys/devices/system/cpu/cpu\(processor)/cpu_capacity", processor < 2 ? "446" : "1024")
    }
    #expect(try arm.share("0-3").candidates == [2, 4])
  }

  @Test(
    "The quota of a control group, or of one above it, bounds the threads",
    arguments: [
      ("0::/", ["sys/fs/cgroup/cpu.max": "150000 100000"], 1.5, 2),
      ("0::/", ["sys/fs/cgroup/cpu.max": "max 100000"], nil, 8),
      ("0::/a/b", ["sys/fs/cgroup/a/cpu.max": "50000 100000"], 0.5, 1),
      (
        "0::/a/b",
        ["sys/fs/cgroup/a/cpu.max": "400000 100000", "sys/fs/cgroup/a/b/cpu.max": "300000 100000"],
        3, 3
      ),
      (
        "3:cpu,cpuacct:/docker/x",
        [
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        ], 2, 2
      ),
      (
        "3:cpu:/x",
        [
          "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "-1",
          "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000",
        ], nil, 8
      ),
      ("4:memory:/x", ["sys/fs/cgroup/memory/x/cpu.max": "100000 100000"], nil, 8),
    ] as [(String, [String: String], Double?, Int)])
  func quotas(group: String, files: [String: String], quota: Double?, threads: Int) throws {
    let machine = try Machine()
    try machine.tell("proc/self/cgroup", group)
    for (path, text) in files { try machine.tell(path, text) }
    let share = try machine.share("0-7")
    #expect(share.quota == quota && share.threads == threads)
    #expect(share.candidates == [threads])
  }

  @Test("This process may use at least one processor")
  func thisProcess() {
    let share = ProcessorShare.current
    #expect(!share.processors.isEmpty && share.threads >= 1 && share.coreCount >= 1)
    #expect(share.candidates.last == share.threads)
  }
}
