internal import Dispatch
internal import Foundation
internal import Hummingbird
internal import Synchronization

/// What the dashboard answers: `/` and `/run.json`, to GET and HEAD, under a loopback name.
///
/// A page from elsewhere that has its own name resolve to 127.0.0.1 (DNS rebinding) sends that name as `Host`, and gets nothing.
final class DashboardResponder: Sendable {
  private let page: Dashboard.Content
  private let numbers: Dashboard.Content
  /// When a browser got the page last.
  private let lastLook = Mutex<ContinuousClock.Instant?>(nil)
  private let looks = DispatchSemaphore(value: 0)
  private let isEnding = Atomic(false)

  init(page: @escaping Dashboard.Content, numbers: @escaping Dashboard.Content) {
    self.page = page
    self.numbers = numbers
  }

  func respond(to request: Request) -> Response {
    guard let host = request.head.authority else {
      return refusal(.badRequest, "The request names no host.")
    }
    guard Self.isLoopback(host) else {
      return refusal(.misdirectedRequest, "Only 127.0.0.1 and localhost are served.")
    }
    let path = request.uri.path
    guard path == "/" || path == "/run.json" else {
      return refusal(.notFound, "There is / and /run.json.")
    }
    guard request.method == .get || request.method == .head else {
      var response = refusal(.methodNotAllowed, "Only GET and HEAD are answered.")
      response.headers[.allow] = "GET, HEAD"
      return response
    }
    let response =
      path == "/"
      ? livePage() : answer(.ok, "application/json", numbers(), policy: "default-src 'none'")
    return request.method == .head ? response.createHeadResponse() : response
  }

  /// Whether a browser reached this machine by a name of itself; any port, since one may be forwarded here (`ssh -L`).
  static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard ["127.0.0.1", "localhost"].contains(parts[0].lowercased()) else { return false }
    return parts.count == 1 || UInt16(parts[1]) != nil
  }

  // MARK: - Answers

  private func livePage() -> Response {
    let nonce = String(UInt64.random(in: .min ... .max), radix: 36)
    let html = page().replacing("</head>", with: "\(LiveScript.style)\n</head>", maxReplacements: 1)
      .replacing(
        "</body>", with: "\(LiveScript.elements(nonce: nonce))\n</body>", maxReplacements: 1)
    lastLook.withLock { $0 = .now }
    if isEnding.load(ordering: .acquiring) { looks.signal() }
    return answer(
      .ok, "text/html; charset=utf-8", html,
      policy: "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-\(nonce)'; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
  }

  private func refusal(_ status: HTTPResponse.Status, _ sentence: String) -> Response {
    answer(status, "text/plain; charset=utf-8", sentence + "\n", policy: "default-src 'none'")
  }

  private func answer(
    _ status: HTTPResponse.Status, _ type: String, _ text: String, policy: String
  ) -> Response {
    var headers = HTTPFields()
    headers[.contentType] = type
    headers[.contentLength] = "\(text.utf8.count)"
    headers[.cacheControl] = "no-store"
    headers[.contentSecurityPolicy] = policy
    headers[.xContentTypeOptions] = "nosniff"
    headers[.crossOriginResourcePolicy] = "same-origin"
    return Response(
      status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  // MARK: - The end

  /// Waits until a browser that has just looked looks again; returns at once where nobody does.
  func waitForALook() {
    let patience = LiveScript.interval + .milliseconds(1500)
    guard let last = lastLook.withLock({ $0 }), ContinuousClock.now - last < patience else {
      return
    }
    isEnding.store(true, ordering: .releasing)
    _ = looks.wait(timeout: .now() + patience / .seconds(1))
    // The answer goes out before the service does: its end is graceful.
  }
}
