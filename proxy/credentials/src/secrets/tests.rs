//! Reading secrets from where they are, and refusing what is none.

use super::*;

fn secrets() -> (tempfile::TempDir, Secrets) {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(folder.path());
    (folder, secrets)
}

fn read(secrets: &Secrets, reference: &str) -> Result<String, String> {
    let secret = secrets.read_blocking(&reference.parse().unwrap());
    secret.map(|secret| secret.expose_text().unwrap().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn a_file_is_read_beside_the_configuration_and_anew_each_time() {
    let (folder, secrets) = secrets();
    let path = folder.path().join("key");
    std::fs::write(&path, "one\n").unwrap();
    assert_eq!(read(&secrets, "file:key"), Ok("one".into()));
    std::fs::write(&path, "two\r\n").unwrap();
    assert_eq!(read(&secrets, "file:key"), Ok("two".into()));
    assert_eq!(read(&secrets, &format!("file:{}", path.display())), Ok("two".into()));
}

#[test]
fn a_missing_empty_or_huge_secret_is_an_error_that_names_the_reference() {
    let (folder, secrets) = secrets();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("huge"), vec![b'a'; LARGEST + 1]).unwrap();
    for reference in ["file:missing", "file:empty", "file:huge", "env:FORCEFIELD_NO_SUCH_VARIABLE"] {
        assert!(read(&secrets, reference).unwrap_err().contains(reference), "{reference}");
    }
    assert!(read(&secrets, "vault:secret/billing#key").unwrap_err().contains("has no `vault`"));
}

#[test]
fn a_command_prints_the_secret() {
    let (folder, secrets) = secrets();
    std::fs::write(folder.path().join("key"), "from a command").unwrap();
    assert_eq!(read(&secrets, "exec:cat key"), Ok("from a command".into()));
    assert_eq!(read(&secrets, "env:PATH").unwrap(), std::env::var("PATH").unwrap());
}

#[test]
fn a_failing_command_says_nothing_of_what_it_printed() {
    let (folder, secrets) = secrets();
    std::fs::write(folder.path().join("script"), "echo hunter2; echo hunter2 >&2; exit 3").unwrap();
    let error = read(&secrets, "exec:sh script").unwrap_err();
    assert!(error.contains("exec:sh script") && !error.contains("hunter2"));
    assert!(read(&secrets, "exec:/no/such/program").is_err());
}
