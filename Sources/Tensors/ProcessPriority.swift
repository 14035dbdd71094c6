internal import Foundation
internal import Glibc

/// How this process stands behind other work of the machine (nice: 0 is ordinary, 19 the most polite).
public enum ProcessPriority {
  /// Lowers the priority of all threads of this process, also those that libraries have begun, and of those to come. A thread
  /// that is nicer already stays as it is.
  ///
  /// Where the kernel groups processes by session (autogroup), niceness only counts inside the group. The group's own is
  /// lowered too where the session is this process's own, as under systemd or setsid. A session of a shell is left alone: its
  /// other processes, and those that come after this one, would be slowed as well; and a session of our own would have
  /// neither ctrl-C nor job control.
  public static func lower(to nice: Int) {
    let nice = min(max(nice, 0), 19)
    guard nice > 0 else { return }
    // Linux has a priority for each thread. New ones inherit that of the thread which begins them.
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    let oneThread = __priority_which_t(PRIO_PROCESS.rawValue)
    for thread in threads.compactMap({ id_t($0) }) {
      guard getpriority(oneThread, thread) < nice else { continue }
      _ = setpriority(oneThread, thread, Int32(nice))
    }
    guard getsid(0) == getpid(), let group = FileHandle(forWritingAtPath: "/proc/self/autogroup")
    else { return }
    // Not there, or not allowed: then the threads' own priority is all there is.
    try? group.write(contentsOf: Data("\(nice)".utf8))
    try? group.close()
  }
}
