import Testing

@testable import SAME
