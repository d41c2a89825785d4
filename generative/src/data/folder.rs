//! A folder of pictures of your own.
use super::{Dataset, Images, Labels, Parts, Shape};
use anyhow::{Context, Result, bail, ensure};
use image::{ColorType, DynamicImage, ImageDecoder as _, ImageReader};
use rand::seq::SliceRandom as _;
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use train::stream;

const ENDINGS: [&str; 6] = ["bmp", "gif", "jpeg", "jpg", "png", "webp"];

/// Reads every picture of a folder; those in folders of it are labelled with the folder's name. They
/// must be of one size. They are grey if all are, else of three colours. In an order that is always the
/// same, eight of ten are trained on, one is there to choose by and one to test on.
///
/// # Errors
/// Names the picture that can't be read, or is of another size than the first.
pub fn folder(path: &Path) -> Result<Dataset> {
    let mut files = Vec::new();
    for entry in listed(path)? {
        if entry.is_dir() {
            let class = entry.file_name().map(|name| name.to_string_lossy().into_owned());
            let within = listed(&entry)?.into_iter().filter(|file| is_picture(file));
            files.extend(within.map(|file| (file, class.clone())));
        } else if is_picture(&entry) {
            files.push((entry, None));
        }
    }
    ensure!(
        files.len() >= 10,
        "--data folder:{}: {} pictures are there, at least 10 are needed ({})",
        path.display(),
        files.len(),
        ENDINGS.join(", ")
    );
    let headers = files.par_iter().map(|(file, _)| header(file)).collect::<Vec<_>>();
    let headers = headers.into_iter().collect::<Result<Vec<_>>>()?;
    let (width, height, _) = headers[0];
    if let Some(other) = headers.iter().position(|&(w, h, _)| (w, h) != (width, height)) {
        let (w, h, _) = headers[other];
        bail!(
            "{} is {w}×{h} and {} is {width}×{height}: the pictures of a folder must be of one size; \
             bring them to it first",
            files[other].0.display(),
            files[0].0.display()
        )
    }
    let colour = headers.iter().any(|(.., colour)| *colour);
    let channels = if colour { 3 } else { 1 };
    let shape = Shape { channels, height: height as usize, width: width as usize };
    files.shuffle(&mut stream(0, "folder"));
    let pixels = files.par_iter().map(|(file, _)| planes(file, colour)).collect::<Vec<_>>();
    let pixels = pixels.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let images = Images::new(shape, 256, pixels, labels(&files))?;
    let (n, held) = (images.len(), images.len() / 10);
    Ok(Dataset::Images(Parts {
        train: images.take(0..n - 2 * held),
        validation: images.take(n - 2 * held..n - held),
        test: images.take(n - held..n),
        entropy: None,
    }))
}

/// What is in a directory, by name.
fn listed(dir: &Path) -> Result<Vec<PathBuf>> {
    let read =
        || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut all = read().with_context(|| format!("cannot list {}", dir.display()))?;
    all.sort();
    Ok(all)
}

fn is_picture(file: &Path) -> bool {
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&&*ending)) && file.is_file()
}

/// Where every picture has a class.
fn labels(files: &[(PathBuf, Option<String>)]) -> Option<Labels> {
    let classes = files.iter().map(|(_, class)| class.clone()).collect::<Option<Vec<_>>>()?;
    let mut names = classes.clone();
    names.sort();
    names.dedup();
    let number = |class| names.binary_search(class).unwrap_or_default() as u32;
    Some(Labels { of: classes.iter().map(number).collect(), names })
}

/// Width, height, and whether there may be colours.
fn header(file: &Path) -> Result<(u32, u32, bool)> {
    let read = || -> Result<_> {
        let decoder = ImageReader::open(file)?.with_guessed_format()?.into_decoder()?;
        let (width, height) = decoder.dimensions();
        let grey = [ColorType::L8, ColorType::La8, ColorType::L16, ColorType::La16];
        Ok((width, height, !grey.contains(&decoder.color_type())))
    };
    read().with_context(|| format!("cannot read the picture {}", file.display()))
}

/// The picture as `[C, H, W]`, or `[1, H, W]`.
fn planes(file: &Path, colour: bool) -> Result<Vec<u8>> {
    let read = || -> Result<DynamicImage> {
        Ok(ImageReader::open(file)?.with_guessed_format()?.decode()?)
    };
    let image = read().with_context(|| format!("cannot read the picture {}", file.display()))?;
    if !colour {
        return Ok(image.into_luma8().into_raw());
    }
    let pixels = image.into_rgb8().into_raw();
    Ok((0..3).flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Rgb, RgbImage};

    fn grey(dir: &Path, n: u8) {
        for i in 0..n {
            let file = dir.join(format!("{i:02}.png"));
            GrayImage::from_raw(3, 2, vec![i, 1, 2, 3, 4, 5]).unwrap().save(file).unwrap();
        }
    }

    #[test]
    fn grey_pictures_are_read_in_an_order_that_is_always_the_same() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path(), 20);
        fs::write(dir.path().join("notes.txt"), "no picture").unwrap();
        let parts = folder(dir.path()).unwrap().images().unwrap();
        assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (16, 2, 2));
        assert_eq!(parts.train.shape(), Shape { channels: 1, height: 2, width: 3 });
        assert_eq!(parts.train.image(0)[1..], [1, 2, 3, 4, 5]);
        let firsts =
            |images: &Images| (0..images.len()).map(|i| images.image(i)[0]).collect::<Vec<_>>();
        let mut all = [&parts.train, &parts.validation, &parts.test].map(firsts).concat();
        assert!(!all.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(folder(dir.path()).unwrap().images().unwrap(), parts);
        assert!(parts.train.labels().is_none());
    }

    #[test]
    fn folders_within_are_classes_and_one_colour_picture_makes_all_of_them_coloured() {
        let dir = tempfile::tempdir().unwrap();
        for class in ["cats", "dogs"] {
            fs::create_dir(dir.path().join(class)).unwrap();
            grey(&dir.path().join(class), 6);
        }
        let red = RgbImage::from_pixel(3, 2, Rgb([200, 10, 20]));
        red.save(dir.path().join("cats/red.bmp")).unwrap();
        let parts = folder(dir.path()).unwrap().images().unwrap();
        assert_eq!(parts.train.shape().channels, 3);
        let all = [&parts.train, &parts.validation, &parts.test];
        let red = all.iter().find_map(|images| {
            let i = (0..images.len()).find(|&i| images.image(i)[0] == 200)?;
            Some((images.image(i).to_vec(), images.labels()?.of[i]))
        });
        assert_eq!(red.unwrap(), ([[200; 6], [10; 6], [20; 6]].concat(), 0));
        assert_eq!(parts.test.labels().unwrap().names, ["cats", "dogs"]);
    }

    #[test]
    fn what_is_wrong_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path(), 9);
        let told = || format!("{:#}", folder(dir.path()).unwrap_err());
        assert!(told().contains("9 pictures are there, at least 10 are needed"), "{}", told());
        GrayImage::new(4, 2).save(dir.path().join("large.png")).unwrap();
        assert!(told().contains("large.png is 4×2 and ") && told().contains("00.png is 3×2"));
        fs::write(dir.path().join("large.png"), "no picture").unwrap();
        assert!(told().contains("cannot read the picture ") && told().contains("large.png"));
        let absent = format!("{:#}", folder(&dir.path().join("none")).unwrap_err());
        assert!(absent.contains("cannot list "), "{absent}");
    }
}
