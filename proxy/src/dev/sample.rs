//! The sample integrations of `forcefield dev`, and the configuration that holds them.

/// The integrations, as name and text. `{HASH}` stands for the hash of a secret that is made anew.
pub(super) const IDENTITIES: [(&str, &str); 3] =
    [("crm-sync", CRM_SYNC), ("dashboard", DASHBOARD), ("chatbot", CHATBOT)];

/// Reads and writes most of what the org has.
const CRM_SYNC: &str = r#"identity: crm-sync
owner: revops@example.com
purpose: keeps the billing system and the CRM in step
expires: {EXPIRES}
org: sample
authenticate:
  - client: { id: crm-sync, secret_hash: "{HASH}" }
session: 30m
credential:
  client_credentials: { client_id: file:keys/client_id, client_secret: file:keys/client_secret }
allow:
  Account:     { read: "*", create: "*", update: "*", delete: true }
  Contact:     { read: "*", create: "*", update: "*", except: [SSN__c] }
  Opportunity: { read: "*", update: [StageName, Amount] }
  Invoice__c:  { read: "*", create: "*", update: "*", except: [Secret__c], delete: true }
also: [versions, resources, limits, describe-global, userinfo]
limits: { requests: 200/s, burst: 400, concurrent: 32, rows: 200000/day }
"#;

/// Reads European accounts and their opportunities, a few fields of each.
const DASHBOARD: &str = r#"identity: dashboard
owner: bi@example.com
purpose: shows European accounts on a wall screen
expires: {EXPIRES}
org: sample
authenticate:
  - client: { id: dashboard, secret_hash: "{HASH}" }
credential:
  jwt_bearer: { client_id: file:keys/jwt_client_id, key: file:keys/jwt.pem, username: dashboard@sample.example }
allow:
  Account:     { read: [Name, Industry, Region__c, AnnualRevenue], where: "Region__c = 'EU'", max_rows: 500 }
  Opportunity: { read: [Name, StageName, Amount, AccountId], max_rows: 500 }
also: [versions, limits]
limits: { requests: 20/s, burst: 40, concurrent: 4, rows: 20000/day, bytes: 50MiB/day }
"#;

/// A chat connector whose secret was stolen: it tries what Drift's and Klue's thieves did.
const CHATBOT: &str = r#"identity: chatbot
owner: support@example.com
purpose: opens cases from the web chat
expires: {EXPIRES}
org: sample
authenticate:
  - client: { id: chatbot, secret_hash: "{HASH}" }
credential:
  client_credentials: { client_id: file:keys/client_id2, client_secret: file:keys/client_secret2 }
allow:
  Case: { read: [CaseNumber, Subject, Status], create: [Subject, Description, Origin] }
also: [versions]
limits: { requests: 20/s, burst: 40, concurrent: 4, rows: 1000/day }
"#;

/// One call of the sample traffic and what has to come of it.
pub(super) struct Step {
    /// Who calls.
    pub(super) identity: &'static str,
    /// What it is about, for the summary.
    pub(super) title: &'static str,
    /// The method.
    pub(super) method: &'static str,
    /// Path and query string.
    pub(super) target: &'static str,
    /// Content type and body.
    pub(super) body: Option<(&'static str, &'static str)>,
    /// The status that must come back.
    pub(super) status: u16,
    /// Text that the answer must contain.
    pub(super) contains: &'static str,
    /// Text that the answer must not contain.
    pub(super) lacks: &'static str,
}

const JSON: &str = "application/json";

/// The sample traffic, in order: each denial beside the same request without the offence.
pub(super) const STEPS: &[Step] = &[
    allowed(
        "crm-sync",
        "lists what it may see",
        ("GET", "/services/data/v62.0/sobjects"),
        ("\"Invoice__c\"", "\"CaseComment\""),
    ),
    allowed(
        "crm-sync",
        "queries accounts with their contacts",
        (
            "GET",
            "/services/data/v62.0/query?q=SELECT+Name,+(SELECT+LastName+FROM+Contacts)+FROM+Account+LIMIT+3",
        ),
        ("\"Contacts\"", "CANARY"),
    ),
    Step {
        body: Some((JSON, r#"{"Name":"I-1","Status__c":"Open","Amount__c":12.5}"#)),
        ..allowed(
            "crm-sync",
            "upserts an invoice by its own key",
            ("PATCH", "/services/data/v62.0/sobjects/Invoice__c/ExtId__c/DEV-1"),
            ("", "CANARY"),
        )
    }
    .answers(201),
    allowed(
        "crm-sync",
        "reads a contact: the answer is cut to the grant",
        ("GET", "/services/data/v62.0/query?q=SELECT+FIELDS(ALL)+FROM+Contact+LIMIT+2"),
        ("LastName", "SSN__c"),
    ),
    refused(
        "crm-sync",
        "asks for the one field it may not have",
        "/services/data/v62.0/query?q=SELECT+SSN__c+FROM+Contact+LIMIT+1",
        "SSN__c",
    ),
    allowed(
        "dashboard",
        "counts accounts: only European ones are counted",
        ("GET", "/services/data/v62.0/query?q=SELECT+Name,+Region__c+FROM+Account"),
        ("\"EU\"", "\"US\""),
    ),
    refused(
        "dashboard",
        "filters by a field it may not read",
        "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+WHERE+Phone+LIKE+'1%25'",
        "Phone",
    ),
    allowed(
        "chatbot",
        "reads the cases it may read",
        ("GET", "/services/data/v62.0/query?q=SELECT+CaseNumber,+Subject+FROM+Case+LIMIT+5"),
        ("CaseNumber", "CANARY"),
    ),
    Step {
        body: Some((JSON, r#"{"Subject":"Hello","Origin":"Web"}"#)),
        ..allowed(
            "chatbot",
            "opens a case",
            ("POST", "/services/data/v62.0/sobjects/Case"),
            ("\"success\":true", "CANARY"),
        )
    }
    .answers(201),
    refused(
        "chatbot",
        "reads what customers wrote",
        "/services/data/v62.0/query?q=SELECT+Description+FROM+Case+LIMIT+5",
        "Case.Description",
    ),
    refused(
        "chatbot",
        "counts users, as the thieves did",
        "/services/data/v62.0/query?q=SELECT+COUNT()+FROM+User",
        "User",
    ),
    Step {
        method: "POST",
        body: Some((JSON, r#"{"operation":"query","query":"SELECT Id, Subject FROM Case"}"#)),
        ..refused("chatbot", "starts a bulk export of Case", "/services/data/v62.0/jobs/query", "export")
    },
    refused(
        "chatbot",
        "runs code",
        "/services/data/v62.0/tooling/executeAnonymous/?anonymousBody=System.debug(1);",
        "may not",
    ),
    refused("chatbot", "asks an unknown door", "/services/data/v62.0/frobnicator", "").answers(400),
];

const fn allowed(
    identity: &'static str,
    title: &'static str,
    (method, target): (&'static str, &'static str),
    (contains, lacks): (&'static str, &'static str),
) -> Step {
    Step { identity, title, method, target, body: None, status: 200, contains, lacks }
}

const fn refused(
    identity: &'static str,
    title: &'static str,
    target: &'static str,
    contains: &'static str,
) -> Step {
    Step { identity, title, method: "GET", target, body: None, status: 403, contains, lacks: "CANARY" }
}

impl Step {
    const fn answers(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}
