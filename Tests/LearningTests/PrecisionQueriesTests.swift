import Engine
import SAME
import Tensor
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

    @Test("where no precision can be measured that is refused, with the reasons, before there is any answer")
    func nothingToMeasure() throws {
        let (images, labels) = Synthetic.images(300)
        let run = TrainingRun(
            workspace: Workspace(threads: 1), checkpoints: nil, resume: false, stop: StopFlag(),
            show: { _ in })
        let bundle = try Fit(
            images: images, answers: Synthetic.answers(images, labels), options: Synthetic.options(epochs: 1),
            program: "test", run: run
        ).makeBundle()
        #expect(try bundle.measurablePrecisions(among: [.f32]) == [.f32])
        #expect(throws: TrainingError.self) { try bundle.measurablePrecisions(among: []) }
        let lacking = Plan.Precision.allCases.filter { !$0.isSupported }
        guard !lacking.isEmpty else { return }
        let error = #expect(throws: TrainingError.self) { try bundle.measurablePrecisions(among: lacking) }
        #expect(error?.description.contains("\(lacking[0].rawValue)") == true)
        #expect(try bundle.measurablePrecisions(among: lacking + [.f32]) == [.f32])
    }
}
