/// What a request of the Open Inference Protocol says of its input tensor, in whatever order it says it.
struct OpenInferenceTensor {
    /// Its name was there.
    var isNamed = false
    var shape: Shape?
    var datatype: TensorDatatype?
    /// How many bytes of the body behind the JSON are its numbers.
    var rawBytes: Int?
    var data = Numbers.none

    /// The numbers in the JSON.
    enum Numbers {
        /// There are none.
        case none
        /// They are at that byte, and cannot be read before shape and type are known.
        case waiting(at: Int)
        /// They have been read.
        case read
    }

    /// A shape that holds pictures.
    struct Shape {
        /// The sizes of the dimensions.
        let sizes: [Int]
        let rows: Int
        /// The sizes of one picture's dimensions.
        let picture: [Int]

        /// Most sizes that a shape may have.
        static let sizesMax = 8

        /// Whether the number of rows is one of the sizes.
        var hasRows: Bool { sizes.count > picture.count }

        /// The shape of `sizes`, where they are one of `forms` or the number of rows and one of those.
        ///
        /// Both are true only of a single row, where they mean the same.
        init?(_ sizes: [Int], forms: [[Int]]) {
            if forms.contains(sizes) {
                rows = 1
                picture = sizes
            } else if forms.contains(Array(sizes.dropFirst())) {
                rows = sizes[0]
                picture = Array(sizes.dropFirst())
            } else {
                return nil
            }
            self.sizes = sizes
        }
    }
}
