import Foundation

/// The number of processors this process may run on.
func processors() -> Int { ProcessInfo.processInfo.activeProcessorCount }
