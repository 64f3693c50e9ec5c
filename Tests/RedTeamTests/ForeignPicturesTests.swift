import Foundation
import Imaging
import Tensor
import TestSupport
import Testing

@testable import RedTeam

@Suite("Pictures from elsewhere")
struct ForeignPicturesTests {
    @Test("dark, light and even pictures are stretched or left out, whatever their levels")
    func levels() throws {
        let folder = try ScratchFolder()
        let image = ImageShape(channels: 1, height: 8, width: 8)
        // From one level to another; the last two show next to nothing.
        for (place, (low, high)) in [(0, 30), (225, 255), (239, 255), (100, 200), (245, 255), (250, 250)]
            .enumerated()
        {
            let samples = (0..<64).map { UInt8(low + (high - low) * $0 / 63) }
            let png = try Image(width: 8, height: 8, channels: 1, samples: samples).encodePNG()
            try Data(png).write(to: URL(fileURLWithPath: "\(folder.path)/\(place).png"))
        }
        let found = ForeignPictures(folders: [folder.path], count: 10, image: image, seed: 1)
        #expect(
            Set(found.files.map { ($0 as NSString).lastPathComponent }).isSubset(of: [
                "0.png", "1.png", "2.png", "3.png",
            ]))
        #expect(!found.files.isEmpty)
        for row in 0..<found.files.count {
            #expect(found.values.row(row).min() == -1 && found.values.row(row).max() == 1)
        }
    }
}
