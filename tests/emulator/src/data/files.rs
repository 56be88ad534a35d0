//! Records with bytes: attachments, files, and a log of what people did.

use super::{Maker, number, pick};
use crate::value::Value;
use bytes::Bytes;

/// Secrets inside files.
pub(super) const SECRETS: [&str; 3] = ["CANARY-ATTACHMENT-1", "CANARY-FILE-1", "CANARY-EVENTLOG-1"];

impl Maker<'_> {
    pub(super) fn files(&mut self) {
        for i in 0..3 {
            let body = Bytes::from(format!("attachment {i}: {}\n", SECRETS[0]));
            self.add(
                "Attachment",
                i,
                &[
                    ("Name", Value::text(format!("notes-{i}.txt"))),
                    ("ContentType", Value::text("text/plain")),
                    ("BodyLength", length(&body)),
                    ("Body", Value::Blob(body)),
                    ("ParentId", pick(&self.accounts, i)),
                ],
            );
        }
        let template = Bytes::from_static(b"a template without secrets");
        self.add(
            "Document",
            0,
            &[
                ("Name", Value::text("Template")),
                ("ContentType", Value::text("text/plain")),
                ("BodyLength", length(&template)),
                ("Body", Value::Blob(template)),
            ],
        );
        for i in 0..3 {
            self.file(i);
        }
        let log = Bytes::from(format!(
            "\"EVENT_TYPE\",\"USER_ID\",\"URI\"\n\"API\",\"{}\",\"/services/data?x={}\"\n",
            pick(&self.users, 0).display(),
            SECRETS[2]
        ));
        for i in 0..2 {
            self.add(
                "EventLogFile",
                i,
                &[
                    ("EventType", Value::text("API")),
                    ("LogDate", Value::text("2024-01-01T00:00:00.000+0000")),
                    ("LogFileContentType", Value::text("text/csv")),
                    ("LogFileLength", length(&log)),
                    ("LogFile", Value::Blob(log.clone())),
                    ("Interval", Value::text("Daily")),
                    ("LogFileFieldNames", Value::text("EVENT_TYPE,USER_ID,URI")),
                ],
            );
        }
    }

    /// A document, its only version, and the link that shares it with an account.
    fn file(&mut self, i: u32) {
        let body = Bytes::from(format!("file {i}: {}\n{}", SECRETS[1], "x".repeat(1000)));
        let document = self.add(
            "ContentDocument",
            i,
            &[
                ("Title", Value::text(format!("Plan {i}"))),
                ("FileType", Value::text("TEXT")),
                ("FileExtension", Value::text("txt")),
                ("ContentSize", length(&body)),
            ],
        );
        let version = self.add(
            "ContentVersion",
            i,
            &[
                ("Title", Value::text(format!("Plan {i}"))),
                ("PathOnClient", Value::text(format!("plan-{i}.txt"))),
                ("FileType", Value::text("TEXT")),
                ("FileExtension", Value::text("txt")),
                ("IsLatest", Value::Bool(true)),
                ("VersionNumber", Value::text("1")),
                ("ContentSize", length(&body)),
                ("VersionData", Value::Blob(body)),
                ("ContentDocumentId", Value::text(document.as_str())),
            ],
        );
        self.add(
            "ContentDocumentLink",
            i,
            &[
                ("ContentDocumentId", Value::text(document.as_str())),
                ("LinkedEntityId", pick(&self.accounts, i)),
                ("ShareType", Value::text("V")),
            ],
        );
        let Some(documents) = self.schema.object("ContentDocument") else { return };
        if let Some(found) = self.store.get(documents, &document) {
            let mut row = (*found.row).clone();
            super::put(documents, &mut row, "LatestPublishedVersionId", Value::text(version));
            self.store.put(documents, document, row);
        }
    }
}

fn length(bytes: &Bytes) -> Value {
    number(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}
