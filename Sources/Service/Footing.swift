import Glibc

/// What a daemon must be sure of before it does anything else.
package enum Footing {
    /// Signals whose default would end the process, and that may come before it has taken them, or at any time.
    private static let ignored = [SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2]

    /// Ignores what would end the process by default: writing where nobody reads any more, such as a standard error whose reader has
    /// ended, and the signals that it takes once it serves. And opens what is closed of standard input, output and error, so that
    /// no socket gets such a number and is written to as if it were one.
    ///
    /// **Call it** first, before anything is opened.
    package static func prepare() {
        for number in ignored { signal(number, SIG_IGN) }
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number, which is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }
}
