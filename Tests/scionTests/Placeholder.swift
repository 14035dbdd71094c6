import Testing

@testable import scion
