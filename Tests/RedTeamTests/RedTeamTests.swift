import Testing

@testable import RedTeam
