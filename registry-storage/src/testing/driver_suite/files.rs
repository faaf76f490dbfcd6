//! Cases about whole files: `put`, `read`, `stat`, `list`, `delete`.

use bytes::Bytes;
use futures::future::join_all;
use registry_core::store::StoreErrorKind;

use super::DriverSubject;
use super::fixture::{assert_kind, collect, content, delete, path, read};
use crate::path::StoragePath;

/// `put` content comes back exactly, whole and by range, and `stat` tells its size.
pub async fn what_was_put_is_read_back(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let content = content(10_000);
    let (file, empty) = (path("/suite/deep/er/file"), path("/suite/empty"));
    driver.put(&file, content.clone()).await.expect("putting");
    driver.put(&empty, Bytes::new()).await.expect("putting nothing");
    let other = subject.open().await;
    for range in [0..10_000, 0..0, 0..1, 9_999..10_000, 10_000..10_000, 123..9_000] {
        let expected = &content[range.start as usize..range.end as usize];
        assert!(read(&*other, &file, range.clone()).await == expected, "{range:?}");
    }
    assert_eq!(read(&*other, &empty, 0..0).await, b"");
    let info = other.stat(&file).await.expect("looking");
    assert_eq!((info.path, info.size_bytes), (file.clone(), 10_000));
    assert_eq!(other.stat(&empty).await.expect("looking").size_bytes, 0);
    delete(&*driver, [&file, &empty]).await;
}

/// A second `put` replaces the first; a reader of the first is not disturbed.
pub async fn put_replaces(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let file = path("/suite/file");
    driver.put(&file, Bytes::from_static(b"the first, which is longer")).await.expect("putting");
    let reader = driver.read(&file, 0..26).await.expect("opening");
    driver.put(&file, Bytes::from_static(b"the second")).await.expect("putting again");
    assert_eq!(collect(reader).await.expect("reading on"), b"the first, which is longer");
    assert_eq!(driver.stat(&file).await.expect("looking").size_bytes, 10);
    assert_eq!(read(&*driver, &file, 0..10).await, b"the second");
    delete(&*driver, [&file]).await;
}

/// Of several calls of `put_new` at once one writes its content, and only where there is no file.
pub async fn put_new_leaves_alone_what_is_there(subject: &dyn DriverSubject) {
    let drivers = [subject.open().await, subject.open().await];
    let file = path("/suite/new/file");
    let contents: [_; 8] = std::array::from_fn(|index| Bytes::from(format!("content {index}")));
    let put = join_all(
        contents.iter().enumerate().map(|(index, content)| drivers[index % 2].put_new(&file, content.clone())),
    );
    let written: Vec<_> =
        put.await.into_iter().enumerate().filter(|(_, put)| *put.as_ref().expect("putting")).collect();
    assert_eq!(written.len(), 1);
    assert!(read(&*drivers[0], &file, 0..9).await == contents[written[0].0]);
    assert!(!drivers[1].put_new(&file, Bytes::from_static(b"other")).await.expect("putting where a file is"));
    assert_eq!(drivers[1].stat(&file).await.expect("looking").size_bytes, 9);
    delete(&*drivers[0], [&file]).await;
    assert!(drivers[1].put_new(&file, Bytes::new()).await.expect("putting where a file was"));
    delete(&*drivers[0], [&file]).await;
}

/// `read` and `stat` of a path without a file are `NotFound`, also if there are files below it.
pub async fn what_is_missing_is_not_found(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let file = path("/suite/directory/file");
    driver.put(&file, Bytes::from_static(b"x")).await.expect("putting");
    for missing in ["/suite/missing", "/suite/directory", "/suite/directory/file/below", "/suite/a/b/c"] {
        assert_kind(driver.read(&path(missing), 0..0).await, StoreErrorKind::NotFound);
        assert_kind(driver.stat(&path(missing)).await, StoreErrorKind::NotFound);
    }
    delete(&*driver, [&file]).await;
}

/// A range that ends beyond the file, or before it starts, is `Corrupt`.
pub async fn reading_past_the_end_is_corrupt(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let file = path("/suite/file");
    driver.put(&file, Bytes::from_static(b"0123456789")).await.expect("putting");
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for range in [0..11, 10..11, 11..11, 0..u64::MAX, 5..4] {
        assert_kind(driver.read(&file, range).await, StoreErrorKind::Corrupt);
    }
    delete(&*driver, [&file]).await;
}

/// What `keep_copy` made stays when the original is replaced or deleted; without an original it is `NotFound`.
pub async fn a_copy_stands_alone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let (original, copies) = (path("/suite/a/original"), ["/suite/b/first", "/suite/b/second"].map(path));
    driver.put(&original, Bytes::from_static(b"first")).await.expect("putting");
    driver.keep_copy(&original, &copies[0]).await.expect("copying");
    driver.put(&original, Bytes::from_static(b"second")).await.expect("putting");
    driver.keep_copy(&original, &copies[1]).await.expect("copying");
    driver.delete(&original).await.expect("deleting");
    assert_eq!(read(&*driver, &copies[0], 0..5).await, b"first");
    assert_eq!(read(&*driver, &copies[1], 0..6).await, b"second");
    for missing in [&original, &path("/suite/b"), &path("/suite/never/was")] {
        assert_kind(driver.keep_copy(missing, &path("/suite/c/copy")).await, StoreErrorKind::NotFound);
    }
    delete(&*driver, &copies).await;
}

/// A deleted file is `NotFound`, its neighbours stay, and deleting it again succeeds.
pub async fn deleted_is_gone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let (file, neighbour) = (path("/suite/a/file"), path("/suite/a/neighbour"));
    driver.put(&file, Bytes::from_static(b"x")).await.expect("putting");
    driver.put(&neighbour, Bytes::from_static(b"y")).await.expect("putting");
    driver.delete(&file).await.expect("deleting");
    assert_kind(subject.open().await.stat(&file).await, StoreErrorKind::NotFound);
    assert_kind(driver.read(&file, 0..0).await, StoreErrorKind::NotFound);
    driver.delete(&file).await.expect("deleting again");
    driver.delete(&path("/suite/never/was")).await.expect("deleting what never was");
    assert_eq!(read(&*driver, &neighbour, 0..1).await, b"y");
    driver.delete(&neighbour).await.expect("deleting");
    driver.put(&file, Bytes::from_static(b"z")).await.expect("putting where all was deleted");
    delete(&*driver, [&file]).await;
}

/// `delete_all` does the same for many, and leaves all others alone.
pub async fn all_that_were_deleted_are_gone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let neighbour = path("/suite/a/neighbour");
    driver.put(&neighbour, Bytes::from_static(b"y")).await.expect("putting");
    let mut files = vec![path("/suite/never/was")];
    for name in ["a/file", "a/other", "b/alone", "c/d/deep"] {
        files.push(path(&format!("/suite/{name}")));
        driver.put(&files[files.len() - 1], Bytes::from_static(b"x")).await.expect("putting");
    }
    for _ in 0..2 {
        let deleted = driver.delete_all(&files).await;
        assert_eq!(deleted.len(), files.len());
        deleted.into_iter().for_each(|deleted| deleted.expect("deleting, and deleting again"));
        for file in &files {
            assert_kind(subject.open().await.stat(file).await, StoreErrorKind::NotFound);
        }
    }
    assert!(driver.delete_all(&[]).await.is_empty());
    assert_eq!(read(&*driver, &neighbour, 0..1).await, b"y");
    delete(&*driver, [&neighbour]).await;
}

/// `delete_below` removes files at every depth and no other; a second time it succeeds.
pub async fn what_is_below_a_deleted_directory_is_gone(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    let below = ["/suite/a/file", "/suite/a/b/file", "/suite/a/b/c/d/file"].map(path);
    let beside = ["/suite/a.b", "/suite/ab/file", "/suite/b/a/file"].map(path);
    for file in below.iter().chain(&beside) {
        driver.put(file, Bytes::from_static(b"x")).await.expect("putting");
    }
    for _ in 0..2 {
        driver.delete_below(&path("/suite/a")).await.expect("deleting");
        for file in &below {
            assert_kind(driver.stat(file).await, StoreErrorKind::NotFound);
        }
    }
    for file in &beside {
        assert_eq!(driver.stat(file).await.expect("looking").size_bytes, 1, "{file}");
    }
    driver.put(&below[2], Bytes::from_static(b"again")).await.expect("putting where directories were");
    assert_eq!(read(&*driver, &below[2], 0..5).await, b"again");
    delete(&*driver, [&below[2], &beside[0], &beside[1], &beside[2]]).await;
}

/// `list` gives every file below a directory, at any depth, in byte order of the paths, in pages of the asked-for length.
pub async fn lists_come_in_pages(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    // In byte order: `-` and `.` come before `/`, digits and letters after it.
    let all = match subject.sorts_by_names_alone() {
        false => ["a", "b-x/f", "b.x", "b/a/1", "b/a/2", "b/b", "b0", "bb/c/d/e/f", "c"],
        true => ["a", "a-x/f", "a.x", "b/a/1", "b/a/2", "b/b", "b0", "bb/c/d/e/f", "c"],
    };
    let paths: Vec<_> = all.map(|name| path(&format!("/suite/list/{name}"))).into();
    let beside = [path("/suite/list-not/f"), path("/suite/list0")];
    for (size, file) in paths.iter().chain(&beside).enumerate() {
        driver.put(file, content(size)).await.expect("putting");
    }
    let directory = path("/suite/list");
    for limit in [1, 2, 3, all.len() - 1, all.len(), all.len() + 1] {
        let mut listed: Vec<StoragePath> = Vec::new();
        loop {
            let page = driver.list(&directory, listed.last(), limit).await.expect("listing");
            assert!(page.items.len() <= limit);
            for file in page.items {
                assert_eq!(file.size_bytes, listed.len() as u64, "{}", file.path);
                listed.push(file.path);
            }
            assert_eq!(page.more, listed.len() < paths.len(), "by {limit}: {listed:?}");
            if !page.more {
                break;
            }
        }
        assert_eq!(listed, paths, "by {limit}");
    }
    // From a path that is not there, in a directory that is.
    let page = driver.list(&directory, Some(&path("/suite/list/b/a/11")), 1).await.expect("listing");
    assert_eq!(page.items[0].path, paths[4]);
    delete(&*driver, paths.iter().chain(&beside)).await;
}

/// A directory that is not there has no files.
pub async fn a_list_of_nothing_is_empty(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    for directory in ["/suite", "/suite/a/b"] {
        let page = driver.list(&path(directory), None, 10).await.expect("listing");
        assert!(page.items.is_empty() && !page.more);
    }
}
