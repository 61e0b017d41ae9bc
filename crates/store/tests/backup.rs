//! Backup and restore of the embedded mode.

use portcullis_model::tenant::Origin;
use portcullis_model::{Name, Tenant, TenantId, Timestamp};
use portcullis_store::entity::tenants;
use portcullis_store::{DataDir, Database, Error, Options, Store, backup, restore};
use std::os::unix::fs::PermissionsExt;

async fn open(data: &DataDir) -> Store {
    Store::open(Options::new(Database::Sqlite(data.database()))).await.unwrap()
}

async fn add(store: &Store, name: &str) -> Tenant {
    let now = Timestamp::from_seconds(1);
    let mut entropy = [0; 10];
    entropy[2..2 + name.len().min(8)].copy_from_slice(&name.as_bytes()[..name.len().min(8)]);
    let tenant = Tenant {
        id: TenantId::new(now, entropy),
        name: Name::new(name).unwrap(),
        models: Vec::new(),
        origin: Origin::File,
        disabled: false,
        created_at: now,
        updated_at: now,
    };
    let mut tx = store.begin().await.unwrap();
    tenants::insert(&mut tx, &tenant).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

#[tokio::test]
async fn what_was_there_at_the_moment_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::open(place.path().join("data")).unwrap();
    let store = open(&data).await;
    let before = add(&store, "before").await;
    data.private("secrets.key", || vec![7; 32]).unwrap();
    std::fs::create_dir(data.spool()).unwrap();
    std::fs::write(data.spool().join("00000000000000000001.spool"), b"PCSPOOL\x01rest").unwrap();
    let to = place.path().join("backups/first");
    backup(&store, &data, &to).await.unwrap();
    add(&store, "after").await;

    for entry in ["", "portcullis.db", "secrets.key", "spool", "backup.json"] {
        let mode = std::fs::metadata(to.join(entry)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{entry} is nobody else's");
    }
    assert!(!to.join("lock").exists());
    // Nothing is written over: neither a backup, nor a data directory in use.
    assert!(backup(&store, &data, &to).await.is_err());
    assert!(to.join("backup.json").exists(), "the first is still there");
    let error = restore(&to, &data).await.unwrap_err();
    assert!(error.to_string().contains("move it away first"), "{error}");

    let other = DataDir::open(place.path().join("other")).unwrap();
    let restored = restore(&to, &other).await.unwrap();
    assert_eq!(restored.release, env!("CARGO_PKG_VERSION"));
    let again = open(&other).await;
    assert_eq!(tenants::find_by_name(&again, "before").await.unwrap(), Some(before));
    assert_eq!(tenants::find_by_name(&again, "after").await.unwrap(), None);
    assert_eq!(other.private("secrets.key", || panic!("it was restored")).unwrap(), vec![7; 32]);
    assert_eq!(std::fs::read(other.spool().join("00000000000000000001.spool")).unwrap(), b"PCSPOOL\x01rest");
}

#[tokio::test]
async fn a_bad_backup_leaves_the_directory_empty() {
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::open(place.path().join("data")).unwrap();
    let store = open(&data).await;
    add(&store, "before").await;
    data.private("secrets.key", || vec![7; 32]).unwrap();
    let to = place.path().join("backup");
    backup(&store, &data, &to).await.unwrap();
    let other = DataDir::open(place.path().join("other")).unwrap();

    let error = restore(place.path(), &other).await.unwrap_err();
    assert!(error.to_string().starts_with("not a backup"), "{error}");
    // Every page but the first is noise.
    let mut bytes = std::fs::read(to.join("portcullis.db")).unwrap();
    bytes[4096..].fill(0x5a);
    std::fs::write(to.join("portcullis.db"), bytes).unwrap();
    assert!(restore(&to, &other).await.is_err());
    let left: Vec<_> =
        std::fs::read_dir(other.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);

    std::fs::write(to.join("backup.json"), r#"{"migration":999}"#).unwrap();
    assert!(matches!(restore(&to, &other).await, Err(Error::Newer { database: 999, .. })));
}
