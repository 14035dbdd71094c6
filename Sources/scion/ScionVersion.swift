/// The version of the program, as `scion --version` and recipes name it.
enum ScionVersion {
  static let current = "0.1.0"
}
