import Foundation

/// One HTTP request over a real socket on loopback, in the bytes that the test gives; every wait is bounded.
public struct LoopbackClient {
  /// What came back, headers by lower-case name.
  public struct Answer {
    public let status: Int
    public let headers: [String: String]
    public let body: String
  }

  private let socket: Int32

  /// nil where nobody listens.
  public init?(port: Int, address: String = "127.0.0.1") {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      unsafe setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = in_port_t(port).bigEndian
    unsafe inet_pton(AF_INET, address, &target.sin_addr)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = unsafe withUnsafePointer(to: &target) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket, $0, size) == 0
      }
    }
    guard isConnected else {
      Glibc.close(socket)
      return nil
    }
  }

  public func close() { Glibc.close(socket) }

  /// Sends `request` as it is and reads to the end of the answer; nil where there was none.
  public func send(_ request: String) -> Answer? {
    let bytes = Array(request.utf8)
    guard unsafe Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    else { return nil }
    var received = Data()
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      received += buffer[..<count]
      guard received.count < 16 << 20 else { return nil }
    }
    let text = String(decoding: received, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count > 1, let status = Int(words[1]) else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { continue }
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return Answer(status: status, headers: headers, body: String(text[end.upperBound...]))
  }

  /// One request on a connection of its own. `host` nil sends no such header.
  public static func request(
    _ path: String, port: Int, host: String? = "127.0.0.1", method: String = "GET"
  ) -> Answer? {
    guard let client = LoopbackClient(port: port) else { return nil }
    defer { client.close() }
    let name = host.map { "Host: \($0)\r\n" } ?? ""
    return client.send("\(method) \(path) HTTP/1.1\r\n\(name)Connection: close\r\n\r\n")
  }
}
