extension Image {
    /// How samples of a new size are made.
    package enum Interpolation: Sendable, CaseIterable {
        /// Two by two neighbours, pixel centres at half coordinates, edges repeated, no smoothing before
        /// shrinking: PyTorch's `interpolate(mode="bilinear", align_corners=False)` and OpenCV's `INTER_LINEAR`.
        case bilinear
        /// The mean over the area a new pixel covers, fractions included: OpenCV's `INTER_AREA` when shrinking.
        case area
    }

    /// The picture in another size.
    /// **Throws** `ImageError.malformedShape` unless both sides are positive and the result has at most
    /// `limits.pixelsMax` pixels.
    package func resized(
        width newWidth: Int, height newHeight: Int, by interpolation: Interpolation = .bilinear,
        limits: ImageLimits = ImageLimits()
    ) throws(ImageError) -> Image {
        guard newWidth > 0, newHeight > 0, newWidth <= limits.sideMax, newHeight <= limits.sideMax,
            newWidth <= limits.pixelsMax / newHeight
        else {
            throw .malformedShape(
                width: newWidth, height: newHeight, channels: channels, samples: samples.count)
        }
        if newWidth == width, newHeight == height { return self }
        let columns = Taps.make(from: width, to: newWidth, interpolation)
        let rows = Taps.make(from: height, to: newHeight, interpolation)
        return Image(
            unchecked: apply(columns, rows), width: newWidth, height: newHeight, channels: channels)
    }

    /// Both passes, rows of the source shrunk across first. **Shapes** between (height, new width, channels).
    private func apply(_ columns: [Taps], _ rows: [Taps]) -> [UInt8] {
        let stride = columns.count * channels
        var between = [Float](repeating: 0, count: height * stride)
        for y in 0..<height {
            for (x, taps) in columns.enumerated() {
                for channel in 0..<channels {
                    var sum: Float = 0
                    for (offset, weight) in taps.weights.enumerated() {
                        sum += weight * Float(samples[(y * width + taps.first + offset) * channels + channel])
                    }
                    between[y * stride + x * channels + channel] = sum
                }
            }
        }
        var output: [UInt8] = []
        output.reserveCapacity(rows.count * stride)
        for taps in rows {
            for index in 0..<stride {
                var sum: Float = 0
                for (offset, weight) in taps.weights.enumerated() {
                    sum += weight * between[(taps.first + offset) * stride + index]
                }
                output.append(UInt8(min(255, max(0, sum.rounded()))))
            }
        }
        return output
    }
}

/// Which source samples make one new sample along an axis, and with what weights (they sum to 1).
struct Taps {
    var first: Int
    var weights: [Float]

    /// The taps of each of `count` new samples made of `source` old ones.
    static func make(from source: Int, to count: Int, _ interpolation: Image.Interpolation) -> [Taps] {
        let scale = Double(source) / Double(count)
        return (0..<count).map { index in
            // A new pixel larger than none of the old ones covers no area to speak of: there area means bilinear.
            interpolation == .area && scale > 1
                ? area(index, scale, source) : bilinear(index, scale, source)
        }
    }

    private static func bilinear(_ index: Int, _ scale: Double, _ source: Int) -> Taps {
        let centre = max(0, (Double(index) + 0.5) * scale - 0.5)
        let first = min(Int(centre), source - 1)
        guard first + 1 < source else { return Taps(first: first, weights: [1]) }
        let fraction = Float(centre - Double(first))
        return Taps(first: first, weights: [1 - fraction, fraction])
    }

    private static func area(_ index: Int, _ scale: Double, _ source: Int) -> Taps {
        let start = Double(index) * scale
        let end = min(Double(index + 1) * scale, Double(source))
        let first = min(Int(start), source - 1)
        let last = min(Int(end.rounded(.up)), source)
        let weights = (first..<max(last, first + 1)).map { cell in
            Float((min(end, Double(cell + 1)) - max(start, Double(cell))) / (end - start))
        }
        return Taps(first: first, weights: weights)
    }
}
