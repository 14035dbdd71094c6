internal import NIOCore

/// Runs a service's tasks on its event loop's thread, beside the input and output that they wait for: Swift's pool of threads may
/// be busy with work that blocks, and an answer must not wait for that.
final class EventLoopExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
