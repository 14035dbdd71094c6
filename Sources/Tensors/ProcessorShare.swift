internal import Glibc

/// What of the machine this process may use: the processors that it may run on, which of them share a core or are slower, and
/// the time that control groups grant it.
public struct ProcessorShare: Sendable, Equatable {
  /// Numbers of the processors that this process may run on.
  public let processors: [Int]
  /// Cores that have at least one of them: hardware threads of one core count once.
  public let coreCount: Int
  /// Of the cores those of the fastest kind, on machines that have several kinds.
  public let fastCoreCount: Int
  /// How many processors' time the control groups grant (`cpu.max`, or `cpu.cfs_quota_us`); nil: all.
  public let quota: Double?

  /// Of this process, now.
  public static var current: ProcessorShare { ProcessorShare(root: "") }

  /// What `root/proc` and `root/sys` tell.
  init(root: String) {
    processors = Self.allowed(root)
    let folder = "\(root)/sys/devices/system/cpu/cpu"
    var cores: [String: Int] = [:]
    for processor in processors {
      let siblings = Self.line("\(folder)\(processor)/topology/thread_siblings_list")
      // Without a topology each processor is a core.
      cores[siblings ?? "\(processor)", default: 0] += 1
    }
    coreCount = cores.count
    // ARM tells a capacity of each, Intel lists its efficiency cores.
    let efficient = Set(Self.list(Self.line("\(root)/sys/devices/cpu_atom/cpus") ?? ""))
    let speeds = processors.map { processor -> Int in
      guard !efficient.contains(processor) else { return 0 }
      return Self.line("\(folder)\(processor)/cpu_capacity").flatMap { Int($0) } ?? 1024
    }
    let fast = zip(processors, speeds).filter { $0.1 == speeds.max() }.map(\.0)
    fastCoreCount =
      Set(
        fast.map { Self.line("\(folder)\($0)/topology/thread_siblings_list") ?? "\($0)" }
      ).count
    quota = Self.quota(root)
  }

  /// Threads beyond which no time is to be had: the quota rounded up, since what it grants is spent by threads that stop
  /// in turn.
  public var threads: Int {
    let granted = quota.map { max(Int(($0 - 0.01).rounded(.up)), 1) } ?? .max
    return max(min(processors.count, granted), 1)
  }

  /// Numbers of threads that may be the fastest, the fewest first: one for each fast core, for each core, for each processor.
  public var candidates: [Int] {
    Set([fastCoreCount, coreCount, processors.count].map { max(min($0, threads), 1) }).sorted()
  }

  // ---- What Linux tells ----

  private static func allowed(_ root: String) -> [Int] {
    let key = "Cpus_allowed_list:"
    let status = lines("\(root)/proc/self/status").first { $0.hasPrefix(key) }
    let found = list(String(status?.dropFirst(key.count) ?? "").filter { !$0.isWhitespace })
    return found.isEmpty ? [0] : found
  }

  /// The least of the limits of this process's groups and those above them, in both versions of the interface.
  private static func quota(_ root: String) -> Double? {
    var limits: [Double] = []
    for line in lines("\(root)/proc/self/cgroup") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      guard controllers.isEmpty || controllers.contains("cpu") else { continue }
      let mounts =
        controllers.isEmpty ? ["", "/unified"] : ["/\(fields[1])", "/cpu", "/cpu,cpuacct"]
      for mount in mounts {
        limits += groups(String(fields[2])).compactMap {
          limit(of: "\(root)/sys/fs/cgroup\(mount)\($0)")
        }
      }
    }
    return limits.min()
  }

  /// A group's path and those above it, the mount itself as an empty one: `/a/b`, `/a`, ``.
  private static func groups(_ path: String) -> [String] {
    let names = path.split(separator: "/")
    return (0...names.count).map { names.prefix($0).map { "/\($0)" }.joined() }
  }

  private static func limit(of group: String) -> Double? {
    if let line = line("\(group)/cpu.max") {
      let fields = line.split(separator: " ")
      guard fields.count == 2, let time = Double(fields[0]), let period = Double(fields[1]),
        time > 0, period > 0
      else { return nil }  // "max 100000"
      return time / period
    }
    guard let time = line("\(group)/cpu.cfs_quota_us").flatMap({ Double($0) }), time > 0,
      let period = line("\(group)/cpu.cfs_period_us").flatMap({ Double($0) }), period > 0
    else { return nil }
    return time / period
  }

  /// Numbers of a list such as `0-3,8`.
  private static func list(_ text: String) -> [Int] {
    text.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }

  private static func line(_ path: String) -> String? { lines(path).first }

  /// Lines of a small file of the kernel's; none where it is not there.
  private static func lines(_ path: String) -> [String] {
    guard let file = unsafe fopen(path, "r") else { return [] }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }
}
