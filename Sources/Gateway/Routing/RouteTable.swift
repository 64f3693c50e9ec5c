import Settings

/// The routes in order of precedence.
struct RouteTable: Sendable {
    /// What a request's path and method lead to.
    enum Match {
        case route(Route)
        /// The path is known, the method is not among these.
        case methodNotAllowed([String])
        case notFound
    }

    /// In order of precedence.
    let routes: [Route]
    /// The paths that routes spell out: such a route has its path to itself, however else others read it.
    private let spelt: Set<String>
    /// Whether a model's path has to be looked for under its other spellings.
    private let protectsModels: Bool

    /// The base paths of the routes' upstreams, and which of them is each route's: what a path asks of a model is told by both.
    private let bases: [String]
    private let baseOf: [Int]

    init(_ routes: [Route]) {
        self.routes = routes
        let bases = Set(routes.map(\.basePath)).sorted()
        self.bases = bases
        baseOf = routes.map { bases.firstIndex(of: $0.basePath) ?? 0 }
        protectsModels = routes.contains(where: \.protectsModel)
        spelt = Set(
            routes.compactMap { route in
                if case .exact(let path) = route.pattern { path } else { nil }
            })
    }

    /// The first route that takes the decoded path and the method.
    ///
    /// A guarded route ends the search when its path matches and its method does not: falling through to a
    /// catch-all would carry a query past the score, or past the key, under another method. It also takes the other spellings of its
    /// model's path, unless a route spells that path out. What else a guarded model can be asked (`:classify`, `:regress`)
    /// answers as `:predict` does, so no unguarded catch-all takes it.
    func match(path: String, method: String) -> Match {
        let models = protectsModels && !spelt.contains(path) ? bases.map { PredictPath($0 + path) } : []
        var allowed: Set<String> = []
        for (route, base) in zip(routes, baseOf) {
            let model = models.isEmpty ? nil : models[base]
            guard route.spells(path) || model.map(route.protectsModel) ?? false else { continue }
            if route.protection == nil, let model, routes.contains(where: { $0.guardsModel(of: model) }) {
                continue
            }
            if route.methods.isEmpty || route.methods.contains(method) { return .route(route) }
            allowed.formUnion(route.methods)
            if route.isGuarded { break }
        }
        return allowed.isEmpty ? .notFound : .methodNotAllowed(allowed.sorted())
    }
}
