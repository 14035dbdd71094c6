internal import Dispatch
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// A page about work that goes on in this process, for browsers on this machine, as HTTP on 127.0.0.1.
///
/// The page and its numbers are asked for at each request, on threads of their own: the thread that computes neither waits for
/// a browser nor is waited for. There are two addresses, `/` and `/run.json`; no path of a request ever names a file.
public final class Dashboard: Sendable {
  /// Makes the page or the numbers, as they are now; called from any thread.
  public typealias Content = @Sendable () -> String

  /// The port that browsers reach.
  public let port: Int
  public var address: String { "http://\(Self.host):\(port)/" }

  private static let host = "127.0.0.1"
  private let group: ServiceGroup
  private let executor: EventLoopExecutor
  private let service: Task<Void, Never>
  private let ended: DispatchSemaphore
  private let responder: DashboardResponder

  /// Serves from now on.
  ///
  /// - Parameters:
  ///   - port: 0 takes a free one.
  ///   - page: A whole HTML document; what its `main` holds is renewed in open browsers.
  ///   - numbers: A JSON document.
  /// - Throws: `ServingError` when the port cannot be had.
  public init(
    port: Int, page: @escaping Content, numbers: @escaping Content
  ) throws(ServingError) {
    let responder = DashboardResponder(page: page, numbers: numbers)
    let (began, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let state = Outcome()
    let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let executor = EventLoopExecutor(threads.next())
    // Hummingbird would write to the terminal, which belongs to the run.
    let silent = Logger(label: "dashboard") { _ in SwiftLogNoOpLogHandler() }
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in
        responder.respond(to: request)
      },
      server: .http1(configuration: .init(idleTimeout: .seconds(60))),
      configuration: .init(
        address: .hostname(Self.host, port: port),
        availableConnectionsDelegate: MaximumAvailableConnections(64)),
      onServerRunning: { channel in
        state.set(.success(channel.localAddress?.port ?? port))
        began.signal()
      },
      eventLoopGroupProvider: .shared(threads),
      logger: silent)
    // Signals are the run's.
    let group = ServiceGroup(
      configuration: .init(services: [application], gracefulShutdownSignals: [], logger: silent))
    service = Task.detached(executorPreference: executor) {
      do { try await group.run() } catch {
        state.set(.failure(ServingError(error, port: port)))
      }
      began.signal()
      ended.signal()
    }
    began.wait()
    self.port = try state.port(for: port)
    (self.group, self.executor, self.ended, self.responder) = (group, executor, ended, responder)
  }

  /// How the start went, told from one thread to another.
  private final class Outcome: Sendable {
    private let stored = Mutex<Result<Int, ServingError>?>(nil)

    /// The first word counts.
    func set(_ value: Result<Int, ServingError>) { stored.withLock { $0 = $0 ?? value } }

    func port(for wanted: Int) throws(ServingError) -> Int {
      let result = stored.withLock { $0 }
      return try (result ?? .failure(.cannotListen(port: wanted, reason: "it ended at once"))).get()
    }
  }

  /// Ends the service within a second. Where `lettingBrowsersSeeTheEnd`, a browser that was just looking gets the time of one
  /// more look first.
  public func stop(lettingBrowsersSeeTheEnd: Bool) {
    if lettingBrowsersSeeTheEnd { responder.waitForALook() }
    let group = group
    Task.detached(executorPreference: executor) { await group.triggerGracefulShutdown() }
    guard ended.wait(timeout: .now() + 0.5) == .timedOut else { return }
    service.cancel()
    _ = ended.wait(timeout: .now() + 0.5)
  }
}
