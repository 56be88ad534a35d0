//! The doors into Salesforce's data and what can be done there, by the names that records and `explain` use.

use std::fmt;

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$item])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it in records, metrics and `explain`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_list! {
    /// A way into Salesforce's data (reference, section 0.1).
    Api {
        /// `/services/data`
        Versions => "versions",
        /// `/services/data/vXX.0`
        Resources => "resources",
        /// `/sobjects/...`
        Sobject => "sobject",
        /// `/query`, `/queryAll`, locators, `explain`, stored and asynchronous queries
        Query => "query",
        /// `/search...`, `/parameterizedSearch`
        Search => "search",
        /// `/composite`, `/composite/batch`, `/composite/graph`, `/composite/tree`
        Composite => "composite",
        /// `/composite/sobjects...`
        Collections => "collections",
        /// `/jobs/query...`, `/jobs/ingest...`
        Bulk2 => "bulk2",
        /// `/services/async/...`
        Bulk1 => "bulk1",
        /// `/services/Soap/u/...`
        SoapPartner => "soap.partner",
        /// `/services/Soap/c/...`
        SoapEnterprise => "soap.enterprise",
        /// `/services/Soap/m/...`
        SoapMetadata => "soap.metadata",
        /// `/services/Soap/T/...`
        SoapTooling => "soap.tooling",
        /// `/services/Soap/s/...`
        SoapApex => "soap.apex",
        /// `/services/Soap/class/...`
        SoapClass => "soap.class",
        /// `/metadata/...`
        Metadata => "metadata",
        /// `/tooling/...`
        Tooling => "tooling",
        /// `/graphql`
        GraphQl => "graphql",
        /// `/ui-api/...`
        Ui => "ui",
        /// `/connect/...`, `/chatter/...`
        Connect => "connect",
        /// `/actions/...`
        Actions => "actions",
        /// `/quickActions/...`
        QuickActions => "quickactions",
        /// `/process/...`
        Process => "process",
        /// `/services/apexrest/...`
        ApexRest => "apexrest",
        /// `/analytics/...`, `/folders`
        Analytics => "analytics",
        /// `/wave/...` and its kin
        Wave => "wave",
        /// `/limits`
        Limits => "limits",
        /// Other known REST resources
        Misc => "misc",
        /// CometD, generic streaming
        Streaming => "streaming",
        /// gRPC events
        PubSub => "pubsub",
        /// `/services/oauth2/...`
        OAuth => "oauth",
        /// `/id/...`
        Identity => "identity",
        /// Browser pages and servlets
        Web => "web",
    }
}

closed_list! {
    /// What a request does (reference, section 0.2).
    Operation {
        /// No record data.
        Meta => "meta",
        /// The schema.
        Describe => "describe",
        /// Records by id, by parent, by list view.
        Read => "read",
        /// SOQL.
        Query => "query",
        /// SOSL and its kin.
        Search => "search",
        /// New records.
        Create => "create",
        /// Changed records.
        Update => "update",
        /// New or changed records.
        Upsert => "upsert",
        /// Deleted records.
        Delete => "delete",
        /// Records taken back.
        Undelete => "undelete",
        /// Records merged.
        Merge => "merge",
        /// Leads converted.
        Convert => "convert",
        /// A bulk or file export created or downloaded.
        Export => "export",
        /// Job bookkeeping.
        Job => "job",
        /// Server-side code or automation.
        Execute => "execute",
        /// Events listened to.
        Subscribe => "subscribe",
        /// Events published.
        Publish => "publish",
        /// Metadata deployed.
        Deploy => "deploy",
        /// Logins and tokens.
        Auth => "auth",
        /// Passwords, sessions.
        Admin => "admin",
    }
}

/// What a request does, each once, in order of first appearance. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    first: Operation,
    rest: Vec<Operation>,
}

impl Operations {
    /// Adds one that may be there already.
    pub fn add(&mut self, operation: Operation) {
        if self.first != operation && !self.rest.contains(&operation) {
            self.rest.push(operation);
        }
    }

    /// The operations of several parts; `None` when there are none.
    pub fn gathered(operations: impl IntoIterator<Item = Operation>) -> Option<Self> {
        let mut operations = operations.into_iter();
        let mut all = Self::from(operations.next()?);
        operations.for_each(|operation| all.add(operation));
        Some(all)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Operation> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}

impl From<Operation> for Operations {
    fn from(first: Operation) -> Self {
        Self { first, rest: Vec::new() }
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.first.as_str())?;
        self.rest.iter().try_for_each(|operation| write!(f, "+{operation}"))
    }
}
