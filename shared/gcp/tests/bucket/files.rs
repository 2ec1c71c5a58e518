//! Objects to and from files, in part, and with labels.

use bytes::Bytes;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::names::AttemptFile::{Log, Output};
use ork_core::names::ObjectName;
use ork_emulators::storage::Fault;
use ork_engine::ports::{ObjectError, Objects};

use super::world::{alone, block_on, name};

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn a_file_goes_up_to_its_cap_and_comes_down_whole() {
    block_on(async {
        let (_storage, objects) = alone().await;
        let folder = tempfile::tempdir().expect("a folder");
        let (up, down) = (folder.path().join("up"), folder.path().join("down"));
        // Larger than one piece, larger than what goes up at once, and nothing.
        for (size, cap) in [
            (1_000_003_usize, u64::MAX),
            (40 << 20, u64::MAX),
            (900_000, 600_001),
            (10, 0),
            (0, 100),
        ] {
            let contents = noise(size);
            std::fs::write(&up, &contents).expect("a file");
            let sent = objects
                .upload(&name(Log), &up, cap)
                .await
                .expect("uploaded");
            let expected = &contents[..size.min(usize::try_from(cap).unwrap_or(usize::MAX))];
            assert_eq!((sent.bytes, sent.of), (expected.len() as u64, size as u64));
            let got = objects
                .download(&name(Log), &down, 64 << 20)
                .await
                .expect("downloaded")
                .expect("it is there");
            assert_eq!((got.bytes, got.generation), (sent.bytes, sent.generation));
            assert!(
                std::fs::read(&down).expect("a file") == expected,
                "{size} bytes, cap {cap}"
            );
            let known = objects.metadata(&name(Log)).await.expect("asked");
            let known = known.expect("it is there");
            assert_eq!(
                (known.bytes, known.generation),
                (sent.bytes, sent.generation)
            );
        }
    });
}

#[test]
fn a_download_that_fails_leaves_no_half_file() {
    block_on(async {
        let (storage, objects) = alone().await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("down");
        let bundle = ObjectName::Bundle(
            WorkflowName::new("w").expect("a workflow name"),
            VersionHash::of(b"x"),
        );
        let none = objects.download(&bundle, &file, 10).await.expect("asked");
        assert_eq!(none, None);
        objects.put(&bundle, &noise(11), None).await.expect("put");
        let large = objects.download(&bundle, &file, 10).await;
        assert!(
            matches!(
                large,
                Err(ObjectError::TooLarge {
                    bytes: 11,
                    limit: 10,
                    ..
                })
            ),
            "{large:?}"
        );
        storage.fault(Fault {
            times: 100,
            status: Some(503),
            ..Fault::default()
        });
        let away = objects.download(&bundle, &file, 100).await;
        assert!(matches!(away, Err(ObjectError::Unavailable(_))), "{away:?}");
        storage.clear_faults();
        let nowhere = folder.path().join("no/such/folder");
        let unwritable = objects.download(&bundle, &nowhere, 100).await;
        assert!(
            matches!(unwritable, Err(ObjectError::Refused(_))),
            "{unwritable:?}"
        );
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0);
        let unreadable = objects.upload(&bundle, &nowhere, 1).await;
        assert!(
            matches!(unreadable, Err(ObjectError::Refused(_))),
            "{unreadable:?}"
        );
    });
}

#[test]
fn a_part_of_an_object_is_read_alone() {
    block_on(async {
        let (storage, objects) = alone().await;
        let contents = noise(1000);
        objects
            .put(&name(Output), &contents, None)
            .await
            .expect("put");
        storage.reset_operations();
        for (offset, count, expected) in [
            (0, 10, 0..10),
            (990, 10, 990..1000),
            (990, 100, 990..1000),
            (5, 1, 5..6),
            (1000, 5, 0..0),
            (5000, 5, 0..0),
            (3, 0, 0..0),
        ] {
            let read = objects.get_range(&name(Output), offset, count).await;
            let read = read.expect("read").expect("it is there");
            assert_eq!(read, contents[expected], "{count} from {offset}");
        }
        // 31 bytes of it, and the words of two refusals.
        let sent = storage.operations().bytes_out;
        assert!((31..400).contains(&sent), "no more than asked for: {sent}");
        let none = objects.get_range(&name(Log), 0, 10).await.expect("asked");
        assert_eq!(none, None);
    });
}

#[test]
fn a_listing_shows_labels() {
    block_on(async {
        let (_storage, objects) = alone().await;
        let batch = |n: u8| {
            let run = RunId::new("r").expect("a run id");
            ObjectName::Batch(run, VersionHash::of(&[n]))
        };
        let labels = [("one", "1".to_owned()), ("path", "a/b.c".to_owned())];
        let bytes = Bytes::from_static(b"{}");
        objects
            .create_labelled(&batch(1), bytes.clone(), &labels)
            .await
            .expect("made");
        objects.create(&batch(2), b"{}").await.expect("made");
        let again = objects.create_labelled(&batch(1), bytes, &[]).await;
        assert!(
            matches!(again, Err(ObjectError::Precondition(_))),
            "{again:?}"
        );
        let mut listed = objects
            .list_labels("runs/r/batches/")
            .await
            .expect("listed");
        listed.sort_by_key(std::collections::BTreeMap::len);
        let expected = labels
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        assert_eq!(listed, [Default::default(), expected.collect()]);
    });
}
