//! The two breaches, move by move, and the integrations that they were done to.

/// A breach to be replayed.
pub(super) struct Play {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// What is replayed, and where time and numbers are smaller than they were.
    pub(super) story: &'static str,
    /// The integration whose secret was stolen.
    pub(super) identity: &'static str,
    /// What it needs, and no more.
    pub(super) narrow: &'static str,
    /// What such integrations were usually given: nearly everything.
    pub(super) wide: &'static str,
    /// Objects of the narrow grant.
    pub(super) granted: &'static [&'static str],
    /// The rows a day of either grant.
    pub(super) budget: u64,
    /// What it does on an ordinary day: queries.
    pub(super) ordinary: &'static [&'static str],
    /// The client and API version of the integration itself.
    pub(super) own: (&'static str, &'static str),
    /// Those of the thieves.
    pub(super) thieves: (&'static str, &'static str),
    /// What the thieves did, in order.
    pub(super) moves: &'static [Move],
}

/// One move of the thieves.
pub(super) struct Move {
    /// What it is, for the table.
    pub(super) title: &'static str,
    /// How it is done.
    pub(super) act: Act,
}

/// How a move is done.
pub(super) enum Act {
    /// The list of the org's objects.
    List,
    /// The description of an object.
    Describe(&'static str),
    /// How many records an object has.
    Count(&'static str),
    /// One query of an object.
    Query(&'static str, &'static str),
    /// So many queries, on these objects in turn.
    Burst(&'static [&'static str], u32),
    /// A query of an object, followed page by page for so many pages, and its last page.
    Page(&'static str, &'static str, u32),
    /// A Bulk 2.0 job that exports an object, and its results.
    Export(&'static str, &'static str),
    /// The deletion of that job.
    DeleteJob,
}

/// The chat connector of August 2025.
pub(super) const DRIFT: Play = Play {
    name: "drift",
    story: "Salesloft Drift, August 2025: stolen tokens of a chat connector. The export took minutes and its job was \
            deleted 24 s later; here it follows at once.",
    identity: "drift",
    narrow: "allow:\n  Case: { read: [CaseNumber, Subject, Status], create: [Subject, Origin] }\n",
    wide: "allow:\n  Case: { read: \"*\", create: \"*\" }\n  Account: { read: \"*\" }\n  Contact: { read: \"*\" }\n  \
           Opportunity: { read: \"*\" }\n  User: { read: \"*\" }\nalso: [versions, describe-global]\n\
           exports:\n  Case: { to: [anywhere] }\n",
    granted: &["Case"],
    budget: 500,
    ordinary: &["SELECT CaseNumber, Subject, Status FROM Case LIMIT 2"],
    own: ("DriftConnector/3.1", "v62.0"),
    thieves: ("python-requests/2.32.4", "v62.0"),
    moves: &[
        Move { title: "lists the org's objects", act: Act::List },
        Move { title: "describes Case", act: Act::Describe("Case") },
        Move { title: "SELECT COUNT() FROM Account", act: Act::Count("Account") },
        Move { title: "SELECT COUNT() FROM Contact", act: Act::Count("Contact") },
        Move { title: "SELECT COUNT() FROM Opportunity", act: Act::Count("Opportunity") },
        Move { title: "SELECT COUNT() FROM User", act: Act::Count("User") },
        Move { title: "SELECT COUNT() FROM Case", act: Act::Count("Case") },
        Move {
            title: "a sample of 20 users",
            act: Act::Query("User", "SELECT Id, Username, Email, IsActive FROM User LIMIT 20"),
        },
        Move {
            title: "a sample of cases",
            act: Act::Query("Case", "SELECT Id, Subject, Description FROM Case LIMIT 20"),
        },
        Move {
            title: "a Bulk 2.0 export of every case",
            act: Act::Export("Case", "SELECT Id, CaseNumber, Subject, Description, SuppliedEmail FROM Case"),
        },
        Move { title: "deletes the job", act: Act::DeleteJob },
    ],
};

/// The vendor of June 2026.
pub(super) const KLUE: Play = Play {
    name: "klue",
    story: "Klue, June 2026: a vendor's access, used with another client and API version. About 1,000 queries in 15 \
            minutes are 100 here, and of 13.9 million rows 100 pages are fetched, and the last one.",
    identity: "klue",
    narrow: "allow:\n  Account: { read: [Name, Industry] }\n",
    wide: "allow:\n  Account: { read: \"*\" }\n  Contact: { read: \"*\" }\n  Opportunity: { read: \"*\" }\n  \
           Reading__c: { read: \"*\" }\nalso: [versions, describe-global]\n",
    granted: &["Account"],
    budget: 5000,
    ordinary: &["SELECT Name, Industry FROM Account LIMIT 5"],
    own: ("Klue-Sync/8.4", "v62.0"),
    thieves: ("python-urllib3/2.2", "v59.0"),
    moves: &[
        Move { title: "lists the org's objects, as another client", act: Act::List },
        Move {
            title: "100 queries on all it finds",
            act: Act::Burst(&["Opportunity", "Contact", "Reading__c"], 100),
        },
        Move {
            title: "queryMore over 13.9 million rows",
            act: Act::Page("Reading__c", "SELECT Id, Name, Value__c FROM Reading__c", 100),
        },
    ],
};
