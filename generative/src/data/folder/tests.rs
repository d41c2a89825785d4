use super::*;
use image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage,
    Rgba, RgbaImage,
};
use std::fs;
use std::io::Cursor;

fn read(dir: &Path) -> Stored {
    folder(dir, &FolderConfig::default()).unwrap()
}

fn told(dir: &Path) -> String {
    let told = format!("{:#}", folder(dir, &FolderConfig::default()).unwrap_err());
    assert!(!told.contains('\n'), "{told}");
    told
}

/// `n` images 3×2 whose first number is their own.
fn grey(dir: &Path, n: u8) {
    fs::create_dir_all(dir).unwrap();
    for i in 0..n {
        let file = dir.join(format!("{i:02}.png"));
        GrayImage::from_raw(3, 2, vec![i, 1, 2, 3, 4, 5]).unwrap().save(file).unwrap();
    }
}

/// First number and class of every image of all parts, in order.
fn all(parts: &Parts<Images>) -> Vec<(u8, Option<String>)> {
    let of = |images: &Images, i: usize| {
        images.labels().map(|labels| labels.names[labels.of[i] as usize].clone())
    };
    let each = |images: &Images| {
        (0..images.len()).map(|i| (images.image(i)[0], of(images, i))).collect::<Vec<_>>()
    };
    let mut all = [&parts.train, &parts.validation, &parts.test].map(each).concat();
    all.sort();
    all
}

/// The image whose first number is `first`.
fn with_first(parts: &Parts<Images>, first: u8) -> Vec<u8> {
    let parts = [&parts.train, &parts.validation, &parts.test];
    let found = parts.into_iter().find_map(|images| {
        (0..images.len())
            .map(|i| images.image(i))
            .find(|image| image[0] == first)
            .map(<[u8]>::to_vec)
    });
    found.unwrap()
}

#[test]
fn grey_images_are_read_in_an_order_that_is_always_the_same() {
    let dir = tempfile::tempdir().unwrap();
    grey(dir.path(), 20);
    let Stored { parts, record, notes } = read(dir.path());
    assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (16, 2, 2));
    assert_eq!(parts.train.shape(), Shape { channels: 1, height: 2, width: 3 });
    assert_eq!(parts.train.image(0)[1..], [1, 2, 3, 4, 5]);
    assert_eq!(all(&parts), (0..20).map(|i| (i, None)).collect::<Vec<_>>());
    assert!((0..16).any(|i| parts.train.image(i)[0] != i as u8), "shuffled");
    assert!(parts.train.labels().is_none() && notes.is_empty());
    let again = read(dir.path());
    assert_eq!((again.parts, &again.record), (parts, &record));
    assert_eq!((record.files.len(), record.counts.train, record.shape), (20, 16, [1, 2, 3]));
}

#[test]
fn folders_within_are_classes_however_deep_and_one_colour_image_makes_all_of_them_coloured() {
    let dir = tempfile::tempdir().unwrap();
    grey(&dir.path().join("cats"), 6);
    grey(&dir.path().join("dogs/2024/may"), 6);
    let red = RgbImage::from_pixel(3, 2, Rgb([200, 10, 20]));
    red.save(dir.path().join("cats/red.BMP")).unwrap();
    let Stored { parts, notes, .. } = read(dir.path());
    assert_eq!(parts.train.shape().channels, 3);
    assert_eq!(with_first(&parts, 200), [[200; 6], [10; 6], [20; 6]].concat());
    assert_eq!(parts.test.labels().unwrap().names, ["cats", "dogs"]);
    let all = all(&parts);
    let of = |name: &str| all.iter().filter(|(_, class)| class.as_deref() == Some(name)).count();
    assert_eq!((of("cats"), of("dogs"), notes.len()), (7, 6, 0));
    assert!(all.contains(&(200, Some("cats".to_owned()))));
}

#[test]
fn what_programs_leave_behind_is_passed_over_and_the_rest_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    grey(&path.join("cats"), 6);
    grey(&path.join("dogs"), 6);
    let expected = read(path);
    grey(&path.join(".ipynb_checkpoints"), 3);
    grey(&path.join("__MACOSX/cats"), 3);
    grey(&path.join("cats/.thumbs"), 3);
    for file in
        ["cats/._x.png", ".DS_Store", "Thumbs.db", "dogs/.DS_Store", "notes.txt", "dogs/a.tif"]
    {
        fs::write(path.join(file), "no image").unwrap();
    }
    fs::create_dir_all(path.join("mice/old")).unwrap();
    let Stored { parts, record, notes } = read(path);
    assert_eq!((parts, record), (expected.parts, expected.record));
    assert_eq!(
        notes,
        [
            "passed over: 7 hidden (.DS_Store, .ipynb_checkpoints, Thumbs.db, __MACOSX, cats/._x.png and 2 more), \
          2 not images (dogs/a.tif, notes.txt), 2 folders without images (mice, mice/old)"
        ]
    );
    grey(path, 1);
    let Stored { parts, notes, .. } = read(path);
    assert!(parts.train.labels().is_none());
    assert_eq!(
        notes[1],
        "1 of 13 images lie beside the folders of classes: none of the 13 has a label"
    );
}

#[test]
fn folders_called_by_the_parts_are_the_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    grey(&path.join("train/cats"), 20);
    grey(&path.join("test/cats"), 3);
    grey(&path.join("test/dogs"), 4);
    let Stored { parts, record, notes } = read(path);
    assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (18, 2, 7));
    assert_eq!(parts.train.labels().unwrap().names, ["cats", "dogs"]);
    assert_eq!(
        record.split,
        "by the folders train and test; a tenth of train is the validation part"
    );
    assert_eq!(notes, [format!("images are divided {}", record.split)]);
    grey(&path.join("Val/dogs"), 5);
    let parts = read(path).parts;
    assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (20, 5, 7));
    grey(&path.join("birds"), 1);
    assert_eq!(read(path).parts.train.labels().unwrap().names, ["Val", "birds", "test", "train"]);
}

#[test]
fn transparent_images_lie_on_a_background() {
    let dir = tempfile::tempdir().unwrap();
    grey(dir.path(), 9);
    // A black stroke on nothing, one that is half there, and nothing that hides a colour.
    let pixels = [[0, 255], [0, 128], [90, 0], [7, 255], [7, 255], [7, 255]].concat();
    let stroke = GrayAlphaImage::from_raw(3, 2, pixels).unwrap();
    stroke.save(dir.path().join("stroke.png")).unwrap();
    let Stored { parts, notes, .. } = read(dir.path());
    assert_eq!(with_first(&parts, 0)[0], 0);
    let stroke = |parts: &Parts<Images>| {
        let parts = [&parts.train, &parts.validation, &parts.test];
        let images =
            parts.into_iter().flat_map(|part| (0..part.len()).map(|i| part.image(i).to_vec()));
        images.into_iter().find(|image| image[3] == 7).unwrap()
    };
    assert_eq!((stroke(&parts), parts.train.shape().channels), (vec![0, 127, 255, 7, 7, 7], 1));
    assert_eq!(
        notes,
        ["transparent in places, laid over white (see --background): 1 of 10 images"]
    );
    let black = folder(dir.path(), &FolderConfig { background: Background::Black }).unwrap();
    assert_eq!(stroke(&black.parts), [0, 0, 0, 7, 7, 7]);
}

#[test]
fn grey_is_what_looks_grey() {
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str, image: DynamicImage| image.save(dir.path().join(name)).unwrap();
    grey(dir.path(), 6);
    save("a.gif", RgbaImage::from_pixel(3, 2, Rgba([60, 60, 60, 255])).into());
    save("b.png", RgbImage::from_pixel(3, 2, Rgb([70, 70, 70])).into());
    save("c.jpg", RgbImage::from_pixel(3, 2, Rgb([80, 80, 80])).into());
    save("d.webp", RgbImage::from_pixel(3, 2, Rgb([90, 90, 90])).into());
    save("e.bmp", RgbImage::from_pixel(3, 2, Rgb([100, 100, 100])).into());
    save("f.pgm", GrayImage::from_pixel(3, 2, Luma([110])).into());
    save("g.png", ImageBuffer::from_pixel(3, 2, Luma([120u16 * 257])).into());
    save("h.png", GrayAlphaImage::from_pixel(3, 2, LumaA([130, 255])).into());
    let Stored { parts, notes, .. } = read(dir.path());
    assert_eq!((parts.train.shape().channels, notes.len()), (1, 0));
    for level in (60..=130).step_by(10) {
        assert_eq!(with_first(&parts, level), [level; 6]);
    }
    save("z.gif", RgbaImage::from_pixel(3, 2, Rgba([60, 61, 60, 255])).into());
    assert_eq!(read(dir.path()).parts.train.shape().channels, 3);
}

/// A JPEG of 16 × 8 whose left half is black, with this EXIF orientation.
fn oriented(orientation: u8) -> Vec<u8> {
    let image = GrayImage::from_fn(16, 8, |x, _| Luma([if x < 8 { 0 } else { 255 }]));
    let mut jpeg = Cursor::new(Vec::new());
    image.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let exif = [
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0",
        &[orientation, 0, 0, 0, 0, 0, 0, 0][..],
    ]
    .concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn images_are_turned_upright() {
    // Where the black half is after each orientation: left, right, above or below.
    for (orientation, (height, width), corners) in [
        (1, (8, 16), [0, 255, 0, 255]),
        (2, (8, 16), [255, 0, 255, 0]),
        (3, (8, 16), [255, 0, 255, 0]),
        (4, (8, 16), [0, 255, 0, 255]),
        (5, (16, 8), [0, 0, 255, 255]),
        (6, (16, 8), [0, 0, 255, 255]),
        (7, (16, 8), [255, 255, 0, 0]),
        (8, (16, 8), [255, 255, 0, 0]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..10 {
            fs::write(dir.path().join(format!("{i}.jpg")), oriented(orientation)).unwrap();
        }
        let Stored { parts, notes, .. } = read(dir.path());
        let shape = parts.train.shape();
        assert_eq!((shape.height, shape.width), (height, width), "{orientation}");
        let image = parts.train.image(0);
        let at = |row: usize, column: usize| image[row * width + column];
        let found = [at(0, 0), at(0, width - 1), at(height - 1, 0), at(height - 1, width - 1)];
        assert_eq!(found, corners, "{orientation}");
        assert_eq!(notes.is_empty(), orientation == 1, "{notes:?}");
    }
}

#[test]
fn an_image_that_is_cut_short_is_named() {
    let noise =
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, y as u8]));
    for format in ["png", "jpg", "gif", "bmp", "webp", "ppm"] {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..10 {
            noise.save(dir.path().join(format!("{i}.{format}"))).unwrap();
        }
        read(dir.path());
        let file = dir.path().join(format!("7.{format}"));
        let whole = fs::read(&file).unwrap();
        for kept in
            [0, 1, whole.len() / 4, whole.len() / 2, whole.len() * 3 / 4, whole.len() * 19 / 20]
        {
            fs::write(&file, &whole[..kept]).unwrap();
            let told = told(dir.path());
            assert!(
                told.starts_with("cannot read the image ") && told.contains("/7."),
                "{kept}: {told}"
            );
        }
    }
}

#[test]
fn what_is_wrong_is_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    grey(dir.path(), 9);
    fs::write(dir.path().join("a.tiff"), "").unwrap();
    let few = told(dir.path());
    assert!(few.contains("9 images are there, at least 10 are needed"), "{few}");
    assert!(few.ends_with("; passed over: 1 not images (a.tiff)"), "{few}");
    GrayImage::new(4, 2).save(dir.path().join("large.png")).unwrap();
    let sizes = told(dir.path());
    assert!(sizes.contains("large.png is 4×2 and ") && sizes.contains("00.png is 3×2"), "{sizes}");
    fs::write(dir.path().join("large.png"), "no image").unwrap();
    let damaged = told(dir.path());
    assert!(
        damaged.contains("cannot read the image ") && damaged.contains("large.png"),
        "{damaged}"
    );
    assert!(told(&dir.path().join("none")).contains("cannot list "));
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_pipes_and_names_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    grey(&path.join("cats"), 12);
    symlink(path, path.join("cats/again")).unwrap();
    symlink("loop", path.join("loop")).unwrap();
    symlink(path.join("cats"), path.join("kittens")).unwrap();
    let Stored { parts, notes, .. } = read(path);
    assert_eq!((all(&parts).len(), parts.train.labels().unwrap().names.len()), (24, 2));
    assert!(notes[0].contains("cats/again, a link to a folder that it lies in"), "{notes:?}");
    assert!(notes[0].contains("loop"), "{notes:?}");
    let odd = path.join(std::ffi::OsStr::from_bytes(b"m\xffx"));
    grey(&odd, 1);
    let told_name = told(path);
    assert!(told_name.contains("is not UTF-8") && told_name.contains("rename it"), "{told_name}");
    fs::remove_dir_all(odd).unwrap();
    grey(&path.join("cats"), 1);
    fs::copy(path.join("cats/00.png"), path.join(std::ffi::OsStr::from_bytes(b"cats/\xff.png")))
        .unwrap();
    assert_eq!(all(&read(path).parts).len(), 26);
    symlink("gone.png", path.join("x.png")).unwrap();
    assert!(told(path).contains("cannot read ") && told(path).contains("/x.png"), "{}", told(path));
    fs::remove_file(path.join("x.png")).unwrap();
    symlink("/dev/zero", path.join("y.png")).unwrap();
    assert!(told(path).contains("y.png is called like an image, but is not a regular file"));
}

/// 400 million pixels in a few hundred kilobytes.
#[test]
fn images_that_would_take_the_memory_are_refused_before_they_do() {
    let dir = tempfile::tempdir().unwrap();
    grey(dir.path(), 9);
    for side in [4097, 20_000] {
        let mut png = Cursor::new(Vec::new());
        GrayImage::new(16, 16).write_to(&mut png, ImageFormat::Png).unwrap();
        let mut png = png.into_inner();
        png[16..20].copy_from_slice(&u32::to_be_bytes(side));
        png[20..24].copy_from_slice(&u32::to_be_bytes(side));
        let sum = crc(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&sum);
        fs::write(dir.path().join("vast.png"), png).unwrap();
        let told = told(dir.path());
        assert!(
            told.contains(&format!("vast.png: it is {side}×{side}; at most 4096×4096")),
            "{told}"
        );
    }
}

/// The check sum of a chunk of a PNG.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[test]
fn a_changed_image_is_named() {
    let dir = tempfile::tempdir().unwrap();
    grey(dir.path(), 12);
    let then = read(dir.path()).record;
    GrayImage::from_pixel(3, 2, Luma([77])).save(dir.path().join("03.png")).unwrap();
    assert_eq!(then.changed(&read(dir.path()).record).unwrap(), "changed: 03.png");
    grey(dir.path(), 20);
    assert_eq!(
        then.changed(&read(dir.path()).record).unwrap(),
        "16 training images, 10 then; 2 validation images, 1 then; 2 test images, 1 then; \
         new: 12.png, 13.png, 14.png, 15.png, 16.png and 3 more"
    );
}
