import Testing

@testable import Observe
