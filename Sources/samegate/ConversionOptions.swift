import ArgumentParser
import Learning
import SAME

/// How pictures of folders and tars become images of one shape.
struct ConversionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Scale the pictures of folders and tars to this size.", valueName: "WIDTHxHEIGHT"))
    var resize: String?
    @Option(
        help: ArgumentHelp(
            "Make the pictures of folders and tars grey (1) or coloured (3).", valueName: "1|3"))
    var channels: Int?

    func validate() throws { _ = try conversion }

    /// What is done to a picture when it is read.
    var conversion: ImageFile.Conversion {
        get throws {
            if let channels, channels != 1, channels != 3 { throw ValidationError("--channels is 1 or 3") }
            guard let resize else { return ImageFile.Conversion(channels: channels) }
            let sizes = resize.lowercased().split(separator: "x").map { Int($0) }
            guard sizes.count == 2, let width = sizes[0], let height = sizes[1],
                (1...1024).contains(width), (1...1024).contains(height)
            else { throw ValidationError("--resize takes a size such as 32x32") }
            return ImageFile.Conversion(size: (width, height), channels: channels)
        }
    }

    /// What is done to the pictures at a path; refused where its files have one shape, which stays.
    func checkedConversion(
        of path: String, unless isOfOneShape: (String) throws -> Bool = TrainData.isOfOneShape
    ) throws -> ImageFile.Conversion {
        if told != nil, try isOfOneShape(path) {
            throw ValidationError(
                "--resize and --channels are for folders and tars of pictures; \(path) is neither")
        }
        return try conversion
    }

    /// What is done, for a provenance; nil where pictures are taken as they come.
    var told: String? {
        guard resize != nil || channels != nil else { return nil }
        return "resize \(resize ?? "no"), channels \(channels.map(String.init) ?? "as they are")"
    }
}
