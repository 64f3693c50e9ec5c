/// The routes in order of precedence.
struct RouteTable: Sendable {
    /// What a request's path and method lead to.
    enum Match {
        case route(Route)
        /// The path is known, the method is not among these.
        case methodNotAllowed([String])
        case notFound
    }

    private let routes: [Route]

    init(_ routes: [Route]) { self.routes = routes }

    /// The first route that takes the decoded path and the method.
    ///
    /// A protected route ends the search when its path matches and its method does not: falling through to a
    /// catch-all would carry a query past the score under another method.
    func match(path: String, method: String) -> Match {
        var allowed: Set<String> = []
        for route in routes where route.matches(path: path) {
            if route.methods.isEmpty || route.methods.contains(method) { return .route(route) }
            allowed.formUnion(route.methods)
            if route.protection != nil { break }
        }
        return allowed.isEmpty ? .notFound : .methodNotAllowed(allowed.sorted())
    }
}
