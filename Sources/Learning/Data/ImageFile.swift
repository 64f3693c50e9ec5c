import Imaging
import SAME
import Tensor

/// One decoded picture: bytes, channels first.
package struct ImageFile: Sendable {
    /// How pictures of different kinds become images of one shape.
    package struct Conversion: Hashable, Sendable {
        /// The size to scale to; nil leaves pictures as large as they are.
        package var size: (width: Int, height: Int)? {
            get { width.flatMap { width in height.map { (width, $0) } } }
            set { (width, height) = (newValue?.width, newValue?.height) }
        }
        /// 1 for grey, 3 for colour; nil leaves pictures as they are.
        package var channels: Int?
        /// What a transparent picture lies over. **Units** 0 black … 255 white.
        package var background: UInt8
        private var width: Int?
        private var height: Int?

        /// A conversion as given.
        package init(size: (width: Int, height: Int)? = nil, channels: Int? = nil, background: UInt8 = 255) {
            self.channels = channels
            self.background = background
            (width, height) = (size?.width, size?.height)
        }

        /// Pictures as they are.
        package static let none = Conversion()
    }

    /// The picture's shape after conversion.
    package let shape: ImageShape
    /// The samples. **Units** 0 darkest … 255 brightest.
    package let bytes: [UInt8]

    /// The picture in a PNG or JPEG file, converted. Transparency is always laid over the background: no
    /// network here has a channel for it.
    package init(_ path: String, conversion: Conversion = .none) throws(DataError) {
        let encoded: [UInt8]
        do throws(FileError) {
            encoded = try FileBytes.read(path, bytesMax: ImageLimits().encodedBytesMax)
        } catch {
            throw .file(error)
        }
        try self.init(encoded: encoded, named: path, conversion: conversion)
    }

    /// The picture that the bytes of a PNG or JPEG file hold; `path` names it in errors.
    init(encoded: [UInt8], named path: String, conversion: Conversion) throws(DataError) {
        do throws(ImageError) {
            var image = try Image.decode(encoded.span).flattened(over: conversion.background)
            if let channels = conversion.channels { image = image.converted(toChannels: channels) ?? image }
            if let size = conversion.size {
                let shrinks = size.width < image.width || size.height < image.height
                image = try image.resized(
                    width: size.width, height: size.height, by: shrinks ? .area : .bilinear)
            }
            shape = ImageShape(channels: image.channels, height: image.height, width: image.width)
            bytes = ImageSet.channelsFirst(image.samples, shape)
        } catch {
            throw .image(path: path, reason: error.description)
        }
    }
}
