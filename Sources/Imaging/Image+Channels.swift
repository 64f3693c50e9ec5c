extension Image {
    /// The picture with one channel: luma of Rec. 601, `(19595 R + 38470 G + 7471 B + 32768) >> 16`, as Pillow's
    /// mode L and libjpeg compute it. Alpha is dropped; flatten first where it matters.
    package func grey() -> Image {
        guard channels > 1 else { return self }
        var output: [UInt8] = []
        output.reserveCapacity(width * height)
        for start in stride(from: 0, to: samples.count, by: channels) {
            let red = UInt32(samples[start]) * 19_595
            let green = UInt32(samples[start + 1]) * 38_470
            let blue = UInt32(samples[start + 2]) * 7_471
            output.append(UInt8(truncatingIfNeeded: (red + green + blue + 32_768) >> 16))
        }
        return Image(unchecked: output, width: width, height: height, channels: 1)
    }

    /// The picture with three channels: grey repeated, alpha dropped.
    package func rgb() -> Image {
        guard channels != 3 else { return self }
        var output: [UInt8] = []
        output.reserveCapacity(width * height * 3)
        for start in stride(from: 0, to: samples.count, by: channels) {
            for channel in 0..<3 { output.append(samples[channels == 1 ? start : start + channel]) }
        }
        return Image(unchecked: output, width: width, height: height, channels: 3)
    }

    /// An RGBA picture laid over a background of one grey level; others unchanged.
    package func flattened(over background: UInt8 = 255) -> Image {
        guard channels == 4 else { return self }
        var output: [UInt8] = []
        output.reserveCapacity(width * height * 3)
        for start in stride(from: 0, to: samples.count, by: 4) {
            let alpha = Int(samples[start + 3])
            for channel in 0..<3 {
                let blend = Int(samples[start + channel]) * alpha + Int(background) * (255 - alpha)
                output.append(UInt8((blend + 127) / 255))
            }
        }
        return Image(unchecked: output, width: width, height: height, channels: 3)
    }

    /// The picture with 1 or 3 channels; nil for any other number.
    package func converted(toChannels count: Int) -> Image? {
        switch count {
        case 1: grey()
        case 3: rgb()
        default: nil
        }
    }
}
