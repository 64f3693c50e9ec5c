import Testing

@testable import Tensor

@Suite struct TensorTests {
    private let tensor = Tensor(shape: [3, 2, 2], values: (0..<12).map(Float.init))

    @Test("gives, cuts and gathers rows of the outermost dimension")
    func rows() {
        #expect(Array(tensor.row(1)) == [4, 5, 6, 7])
        #expect(
            tensor.rows(1..<3).shape == [2, 2, 2] && tensor.rows(1..<3).values == (4..<12).map(Float.init))
        #expect(tensor.gathering(rows: [2, 0]).values == [8, 9, 10, 11, 0, 1, 2, 3])
        #expect(tensor.reshaped([3, 4]).rowCount == 4)
    }

    @Test("an image's shape counts its values")
    func imageShape() {
        let shape = ImageShape(channels: 3, height: 5, width: 7)
        #expect(shape.count == 105 && shape.description == "3x5x7")
    }
}
