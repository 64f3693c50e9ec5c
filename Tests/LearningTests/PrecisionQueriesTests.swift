import SAME
import Testing

@testable import Learning

@Suite("Queries that precisions are measured with")
struct PrecisionQueriesTests {
    @Test("all of them, in their order, where there are not too many")
    func few() {
        #expect(ModelBundle.precisionQueries([7, 3, 5]) == [7, 3, 5])
        #expect(ModelBundle.precisionQueries([]).isEmpty)
    }

    @Test("of too many a part of every class, also where the images come class by class")
    func everyClass() {
        let indices = Array(100..<60_100)
        let chosen = ModelBundle.precisionQueries(indices)
        #expect(chosen.count == ModelBundle.precisionQueriesMax && Set(chosen).isSubset(of: indices))
        #expect(chosen == chosen.sorted() && Set(chosen).count == chosen.count)
        for kind in 0..<10 {
            let count = chosen.count { ($0 - 100) / 6000 == kind }
            #expect((800...1200).contains(count), "class \(kind): \(count)")
        }
        #expect(chosen == ModelBundle.precisionQueries(indices))
    }
}
