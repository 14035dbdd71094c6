import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Serving

/// The dashboard through real sockets on loopback: what it answers, to whom, and how it ends.
struct DashboardTests {
  private static let page = "<!DOCTYPE html><html><head></head><body><main>one</main></body></html>"

  private func make(page: @escaping Dashboard.Content = { Self.page }) throws -> Dashboard {
    try Dashboard(port: 0, page: page, numbers: { #"{"steps":[1]}"# })
  }

  @Test func thePageAndTheNumbersAreServedAsTheyAreNow() throws {
    let count = Counter()
    let board = try make { Self.page.replacing("one", with: "look \(count.next())") }
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    #expect(board.port > 0 && board.address == "http://127.0.0.1:\(board.port)/")
    for look in 1...2 {
      let answer = try #require(LoopbackClient.request("/", port: board.port))
      #expect(answer.status == 200 && answer.body.contains("<main>look \(look)</main>"))
      #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
    }
    let numbers = try #require(LoopbackClient.request("/run.json?now", port: board.port))
    #expect(numbers.status == 200 && numbers.body == #"{"steps":[1]}"#)
    #expect(numbers.headers["content-type"] == "application/json")
    #expect(numbers.headers["cache-control"] == "no-store")
  }

  @Test func onlyTheScriptOfTheSamePageMayRunAndNothingComesFromElsewhere() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    let answers = try (0..<2).map { _ in
      try #require(LoopbackClient.request("/", port: board.port))
    }
    for answer in answers {
      let policy = try #require(answer.headers["content-security-policy"])
      let nonce = try #require(policy.firstMatch(of: /'nonce-([0-9a-z-]+)'/)?.1)
      #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("script-src 'unsafe"))
      #expect(answer.body.components(separatedBy: "<script").count == 2)
      #expect(answer.body.contains("<script nonce=\"\(nonce)\">"))
      for words in ["src=", "href=", "http:", "https:", "url(", "@import"] {
        #expect(!answer.body.contains(words), "\(words)")
      }
    }
    #expect(
      answers[0].headers["content-security-policy"] != answers[1].headers["content-security-policy"]
    )
  }

  @Test func headHasTheHeadersOfGetAndNoBody() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    let head = try #require(LoopbackClient.request("/run.json", port: board.port, method: "HEAD"))
    #expect(head.status == 200 && head.body.isEmpty && head.headers["content-length"] == "13")
  }

  @Test func noPathNamesAFile() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    for path in [
      "/report.html", "/index.html", "/run.json/", "//run.json", "/../run.json",
      "/..%2f..%2fetc/passwd",
      "/../../../../etc/passwd", "/adapter.gguf", "/favicon.ico", "/%00", "*",
    ] {
      let answer = LoopbackClient.request(path, port: board.port)
      #expect(answer.map { [400, 404].contains($0.status) } ?? true, "\(path)")
      #expect(answer?.body.contains("steps") != true && answer?.body.contains("root:") != true)
    }
    let answer = try #require(LoopbackClient.request("/report.html", port: board.port))
    #expect(answer.status == 404)
  }

  @Test func otherMethodsAreRefused() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
      let answer = try #require(
        LoopbackClient.request("/", port: board.port, method: method), "\(method)")
      #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD", "\(method)")
    }
  }

  @Test func aNameThatIsNotThisMachinesGetsNothing() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    for host in ["127.0.0.1", "127.0.0.1:\(board.port)", "localhost", "LOCALHOST:9000"] {
      #expect(LoopbackClient.request("/", port: board.port, host: host)?.status == 200, "\(host)")
    }
    for host in [
      "evil.example", "evil.example:\(board.port)", "127.0.0.1.evil.example",
      "localhost.evil.example",
      "127.0.0.1:80@evil.example", "0.0.0.0", "127.0.0.1:", "[::1]",
    ] {
      let answer = LoopbackClient.request("/", port: board.port, host: host)
      #expect(answer.map { [400, 421].contains($0.status) } ?? true, "\(host)")
      #expect(answer?.body.contains("<main>") != true, "\(host)")
    }
    let answer = LoopbackClient.request("/", port: board.port, host: nil)
    #expect(answer.map { $0.status == 400 } ?? true)
    #expect(
      LoopbackClient.request("/", port: board.port, host: "evil.example")?.status == 421)
  }

  @Test func onlyOneAddressOfTheMachineIsBound() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    // 127.0.0.2 is this machine too: a service on all addresses would answer.
    #expect(LoopbackClient(port: board.port, address: "127.0.0.2") == nil)
  }

  @Test func aPortInUseIsNamed() throws {
    let board = try make()
    defer { board.stop(lettingBrowsersSeeTheEnd: false) }
    #expect(throws: ServingError.portInUse(board.port)) {
      try Dashboard(port: board.port, page: { "" }, numbers: { "" })
    }
    #expect(ServingError.portInUse(8080).description.contains("choose another"))
  }

  @Test func theEndWaitsForNoIdleConnectionAndFreesThePort() throws {
    let board = try make()
    let idle = try #require(LoopbackClient(port: board.port))
    defer { idle.close() }
    let took = ContinuousClock().measure { board.stop(lettingBrowsersSeeTheEnd: true) }
    #expect(took < .seconds(2), "nobody was looking")
    #expect(LoopbackClient.request("/", port: board.port) == nil)
    let next = try Dashboard(port: board.port, page: { Self.page }, numbers: { "" })
    next.stop(lettingBrowsersSeeTheEnd: false)
  }

  @Test func aBrowserThatWasLookingSeesTheEnd() throws {
    let state = Box("running")
    let board = try make { Self.page.replacing("one", with: state.value) }
    #expect(LoopbackClient.request("/", port: board.port)?.body.contains("running") == true)
    state.value = "finished"
    let seen = Box("")
    let looker = Thread {
      Thread.sleep(forTimeInterval: 1)
      seen.value = LoopbackClient.request("/", port: board.port)?.body ?? "nothing"
    }
    looker.start()
    let took = ContinuousClock().measure { board.stop(lettingBrowsersSeeTheEnd: true) }
    for _ in 0..<500 where seen.value.isEmpty { Thread.sleep(forTimeInterval: 0.01) }
    #expect(seen.value.contains("<main>finished</main>"))
    #expect(took < .seconds(6))
  }

  private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
      count.withLock {
        $0 += 1
        return $0
      }
    }
  }

  private final class Box: Sendable {
    private let stored: Mutex<String>

    init(_ value: String) { stored = Mutex(value) }

    var value: String {
      get { stored.withLock { $0 } }
      set { stored.withLock { $0 = newValue } }
    }
  }
}
