import Tensor

extension Pass {
    /// The largest value of each window, per channel (PyTorch's `MaxPool2d` without dilation, sizes rounded down).
    package func maxPool(_ x: FeatureMap, side: Int, stride: Int, padding: Int = 0) -> FeatureMap {
        precondition(2 * padding <= side, "a window lies at least half inside")
        return maxPool(x, side: (side, side), stride: stride, padding: padding)
    }

    /// The largest value of each channel over the image.
    package func globalMaxPool(_ x: FeatureMap) -> Activation {
        maxPool(x, side: (x.height, x.width), stride: 1, padding: 0).activation
    }

    private func maxPool(_ x: FeatureMap, side: (Int, Int), stride: Int, padding: Int) -> FeatureMap {
        precondition(side.0 * side.1 <= 1 << 16, "a place in the window is kept in 16 bits")
        let (window, y) = pooled(x, side: side, stride: stride, padding: padding)
        let count = x.images * window.pooledCount
        let places = UnsafeMutableRawPointer(workspace.arena.allocate((count + 1) / 2))
            .bindMemory(to: UInt16.self, capacity: count)
        eachImage(x) { image in
            window.largest(
                x.activation.values + image * x.imageCount, into: y.activation.values + image * y.imageCount,
                places: places + image * y.imageCount)
        }
        record { [self] in
            let dy = gradient(of: y.activation)
            eachImageGradient(x) { image, dx in
                window.largestBackward(
                    dy + image * y.imageCount, places: places + image * y.imageCount, addingTo: dx)
            }
        }
        return y
    }

    /// The mean of each window, per channel (PyTorch's `AvgPool2d`; padding counts as zeros).
    package func averagePool(_ x: FeatureMap, side: Int, stride: Int, padding: Int = 0) -> FeatureMap {
        averagePool(x, side: (side, side), stride: stride, padding: padding)
    }

    /// The mean of each channel over the image.
    package func globalAveragePool(_ x: FeatureMap) -> Activation {
        averagePool(x, side: (x.height, x.width), stride: 1, padding: 0).activation
    }

    private func averagePool(_ x: FeatureMap, side: (Int, Int), stride: Int, padding: Int) -> FeatureMap {
        let (window, y) = pooled(x, side: side, stride: stride, padding: padding)
        eachImage(x) { image in
            window.mean(
                x.activation.values + image * x.imageCount, into: y.activation.values + image * y.imageCount)
        }
        record { [self] in
            let dy = gradient(of: y.activation)
            eachImageGradient(x) { image, dx in window.meanBackward(dy + image * y.imageCount, addingTo: dx) }
        }
        return y
    }

    private func pooled(
        _ x: FeatureMap, side: (Int, Int), stride: Int, padding: Int
    ) -> (Window, FeatureMap) {
        let window = Window(
            height: x.height, width: x.width, channels: x.channels, side: side, stride: stride,
            padding: padding)
        let y = activation(x.images * window.places, x.channels)
        return (window, FeatureMap(y, images: x.images, height: window.outHeight, width: window.outWidth))
    }

    /// Calls the body with each image and the place to add its gradient to.
    private func eachImageGradient(_ x: FeatureMap, _ body: (Int, UnsafeMutablePointer<Float>) -> Void) {
        let (dx, accumulate) = sink(for: x.activation)
        eachImage(x) { image in
            let room = dx + image * x.imageCount
            if !accumulate { room.update(repeating: 0, count: x.imageCount) }
            body(image, room)
        }
    }

    private func eachImage(_ x: FeatureMap, _ body: (Int) -> Void) {
        workspace.forEachChunk(of: x.images, by: max(1, Self.chunk / x.imageCount)) { images, _ in
            for image in images { body(image) }
        }
    }
}

extension Pass {
    /// Channels-first images, (B, C·H·W), as a channels-last feature map.
    package func featureMap(_ x: Activation, _ shape: ImageShape) -> FeatureMap {
        precondition(x.columns == shape.count)
        let pixels = shape.height * shape.width
        let y = transposed(x, shape.channels, pixels, rows: x.rows * pixels, columns: shape.channels)
        return FeatureMap(y, images: x.rows, height: shape.height, width: shape.width)
    }

    /// A feature map as rows of C·H·W values, channels first, as PyTorch flattens.
    package func flatten(_ x: FeatureMap) -> Activation {
        transposed(x.activation, x.height * x.width, x.channels, rows: x.images, columns: x.imageCount)
    }

    /// Each image's (m, n) matrix transposed, under the given number of rows and columns.
    private func transposed(_ x: Activation, _ m: Int, _ n: Int, rows: Int, columns: Int) -> Activation {
        let y = Activation(workspace.arena.allocate(x.count), rows, columns, needsGradient: x.needsGradient)
        let size = m * n
        workspace.forEach(x.count / size) { image, _ in
            Kernels.transpose(x.values + image * size, into: y.values + image * size, m, n)
        }
        guard x.needsGradient else { return y }
        record { [self] in
            let dy = gradient(of: y)
            let (dx, accumulate) = sink(for: x)
            workspace.forEach(x.count / size) { image, _ in
                Kernels.transpose(dy + image * size, into: dx + image * size, n, m, accumulate: accumulate)
            }
        }
        return y
    }
}
