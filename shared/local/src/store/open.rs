//! Opening the file: refusing what is not ours or newer than us, making the tables, setting the connection up.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ork_engine::ports::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::{explain, move_it_away};

/// The version of the tables below; raised whenever an older Ork could not work with them.
pub const SCHEMA_VERSION: i32 = 1;

/// "Ork1" in ASCII: tells our file from any other SQLite database.
const APPLICATION_ID: i32 = 0x4f72_6b31;

/// Against what a commit is safe once it has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// The end of any process, SIGKILL included. A power cut may lose the last commits, never half of one.
    #[default]
    Normal,
    /// A power cut too: every commit waits for the disk.
    Full,
}

/// How to open the store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Against what a commit is safe.
    pub sync: Sync,
    /// Only read; the file must exist.
    pub read_only: bool,
    /// How long to wait for another process's commit before giving up.
    pub busy_timeout: Duration,
    /// An upper bound for the file, in bytes; beyond it a commit is refused as on a full disk.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: Sync::Normal,
            read_only: false,
            busy_timeout: Duration::from_secs(30),
            max_bytes: None,
        }
    }
}

/// Measured with commits of 2 to 10 KB bodies: rowid tables beat WITHOUT ROWID (whose wide rows make the tree of keys deep and
/// its rebalancing dear), and larger pages than 4 KB gain nothing over it but cost small documents more log.
const PAGE_BYTES: u64 = 4096;

/// `created_at` is never NULL (the lowest integer stands for none) so that a page of a listing can start by one comparison of
/// (created_at, key). The body comes last so that reading the index columns never touches its overflow pages.
const SCHEMA: &str = "
CREATE TABLE documents (
    key TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    wake_at INTEGER,
    status TEXT,
    workflow TEXT,
    created_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX due_workflows ON documents (wake_at, key) WHERE kind = 0 AND wake_at IS NOT NULL;
CREATE INDEX due_runs ON documents (wake_at, key) WHERE kind = 2 AND wake_at IS NOT NULL;
CREATE INDEX workflows ON documents (key) WHERE kind = 0;
CREATE INDEX runs ON documents (created_at, key) WHERE kind = 2;
CREATE INDEX runs_by_status ON documents (status, created_at, key) WHERE kind = 2;
CREATE INDEX runs_by_workflow ON documents (workflow, created_at, key) WHERE kind = 2;
CREATE TABLE versions (next INTEGER NOT NULL);
INSERT INTO versions VALUES (1);
";

/// Opens or makes the file at `path`.
pub(super) fn open(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let explained =
        |doing: &'static str| move |error: rusqlite::Error| explain(path, doing, &error);
    check_surroundings(path, options)?;
    // The connection is behind a mutex of ours, so SQLite need not lock it again.
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | if options.read_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        };
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(explained("opening the state"))?;
    connection
        .busy_timeout(options.busy_timeout)
        .map_err(explained("opening the state"))?;
    connection.set_prepared_statement_cache_capacity(64);
    let found = recognise(path, &connection)?;
    if found == 0 && options.read_only {
        return Err(StoreError::new(
            StoreErrorKind::Refused,
            format!(
                "`{}` is empty and cannot be set up read-only",
                path.display()
            ),
        ));
    }
    configure(&connection, options).map_err(explained("setting up the state"))?;
    if found == 0 {
        create_tables(path, &mut connection)?;
    }
    Ok(connection)
}

/// Says early and plainly what SQLite would only call "unable to open".
fn check_surroundings(path: &Path, options: &Options) -> Result<(), StoreError> {
    let refused = |what: String| Err(StoreError::new(StoreErrorKind::Refused, what));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        return refused(format!(
            "cannot open `{}`: the folder `{}` does not exist; make it or name another with --state",
            path.display(),
            folder.display()
        ));
    }
    match path.metadata() {
        Ok(found) if !found.is_file() => refused(format!(
            "cannot open `{}`: it is not a file; move it away or name another --state folder",
            path.display()
        )),
        Err(_) if options.read_only => refused(format!(
            "cannot open `{}`: there is no such file",
            path.display()
        )),
        Ok(found) if found.len() > 0 => check_header(path),
        _ => Ok(()),
    }
}

/// SQLite takes a file of a few bytes for an empty one and would write over it.
fn check_header(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut header));
    match read {
        Err(error) => Err(StoreError::new(
            StoreErrorKind::Refused,
            format!(
                "cannot open `{}`: {error}; check that you may read it, or name another --state folder",
                path.display()
            ),
        )),
        Ok(_) if header == b"SQLite format 3\0" => Ok(()),
        Ok(_) => Err(StoreError::new(
            StoreErrorKind::Corrupt,
            format!(
                "`{}` is not a database; {}",
                path.display(),
                move_it_away(path)
            ),
        )),
    }
}

/// The version of the tables, 0 in an empty file; an error for anything that is not ours.
fn recognise(path: &Path, connection: &Connection) -> Result<i32, StoreError> {
    let explained = |error: rusqlite::Error| explain(path, "opening the state", &error);
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(explained)
    };
    // One look at all three: another process may be making the tables right now.
    let look = if connection.is_autocommit() {
        Some(connection.unchecked_transaction().map_err(explained)?)
    } else {
        None
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(explained)?;
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    look.map_or(Ok(()), rusqlite::Transaction::finish)
        .map_err(explained)?;
    if application == APPLICATION_ID {
        return match version {
            1..=SCHEMA_VERSION => Ok(version),
            0 => Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!(
                    "`{}` has state version 0, which no Ork wrote; {}",
                    path.display(),
                    move_it_away(path)
                ),
            )),
            newer => Err(StoreError::new(
                StoreErrorKind::Refused,
                format!(
                    "`{}` was written by a newer Ork (state version {newer}, this one reads up to {SCHEMA_VERSION}): use that one or another --state folder",
                    path.display()
                ),
            )),
        };
    }
    if application == 0 && version == 0 && tables == 0 {
        return Ok(0);
    }
    Err(StoreError::new(
        StoreErrorKind::Corrupt,
        format!(
            "`{}` is a database, but not one of Ork's (application id {application:#x}); {}",
            path.display(),
            move_it_away(path)
        ),
    ))
}

fn configure(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    let set = |name: &str, value: i64| connection.pragma_update(None, name, value);
    if !options.read_only {
        // Only before the first table: later it is a no-op.
        set("page_size", PAGE_BYTES as i64)?;
        use_wal(connection, options.busy_timeout)?;
    }
    connection.pragma_update(
        None,
        "synchronous",
        if options.sync == Sync::Full {
            "full"
        } else {
            "normal"
        },
    )?;
    // A checkpoint syncs twice and writes each changed page once: every 16 MB of log makes that rare and halves the mean commit.
    set("wal_autocheckpoint", 4000)?;
    set("journal_size_limit", 32 << 20)?;
    set("cache_size", -16_384)?;
    // Not mapped: were the file cut short from outside, a read must be an error and not a SIGBUS.
    set("mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    if let Some(bytes) = options.max_bytes {
        set(
            "max_page_count",
            i64::try_from(bytes.div_ceil(PAGE_BYTES)).unwrap_or(i64::MAX),
        )?;
    }
    Ok(())
}

/// The file remembers it, so only the first handle ever has to switch. SQLite does not wait for others when it switches, so this
/// does: only processes that make the same new file at the same moment meet here.
fn use_wal(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    loop {
        match connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))
        {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waited < patience =>
            {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            answer => return answer.map(|_| ()),
        }
    }
}

/// Two processes may come here at once: the second finds the tables made.
fn create_tables(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let explained = |error: rusqlite::Error| explain(path, "making the state", &error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(explained)?;
    if recognise(path, &transaction)? == 0 {
        transaction.execute_batch(SCHEMA).map_err(explained)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(explained)?;
        transaction
            .pragma_update(None, "user_version", SCHEMA_VERSION)
            .map_err(explained)?;
    }
    transaction.commit().map_err(explained)
}
