import Learning
import RedTeam
import Tensor
import Testing

@Suite("Test pictures")
struct DrawnPicturesTests {
    /// Pictures of two bytes that are the class and the place within it, class by class.
    private static func sorted(_ classes: Int, _ perClass: Int) -> (ImageSet, Labels) {
        let labels = (0..<classes).flatMap { [Int](repeating: $0, count: perClass) }
        let bytes = labels.indices.flatMap { [UInt8(labels[$0]), UInt8($0 % perClass)] }
        return (
            ImageSet(shape: ImageShape(channels: 1, height: 1, width: 2), bytes: bytes),
            Labels(values: labels, classes: classes)
        )
    }

    @Test(
        "each half of them is of every class, whether all are used or some, and each keeps its label",
        arguments: [nil, 1000, 600, 5000] as [Int?])
    func everyClass(count: Int?) {
        let (images, labels) = Self.sorted(10, 100)
        let test = Evaluation.Data.drawn(images, labels, count: count)
        let used = min(count ?? 1000, 1000)
        #expect(test.images.count == used && test.labels.values.count == used && test.labels.classes == 10)
        for (place, label) in test.labels.values.enumerated() {
            #expect(Int(test.images.image(place).first ?? 255) == label)
        }
        let pictures = Set((0..<used).map { Array(test.images.image($0)) })
        #expect(pictures.count == used, "each once")
        for half in [test.labels.values.prefix(used / 2), test.labels.values.suffix(used / 2)] {
            for kind in 0..<10 {
                #expect(half.count { $0 == kind } > used / 100, "class \(kind)")
            }
        }
        #expect(Evaluation.Data.drawn(images, labels, count: count).labels == test.labels)
    }
}
