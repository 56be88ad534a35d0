//! `identities/NAME.yaml` as it is written. The descriptions are those of the schema and of `docs/configuration.md`.

use std::num::{NonZeroU32, NonZeroU64};

use forcefield_policy::grant::FieldsSpec;
use forcefield_policy::names::{FieldName, IdentityName, ObjectName};
use forcefield_policy::request::{Api, Verb};
use ipnet::IpNet;
use jiff::civil::Date;
use serde_json::{Value as Json, json};

use crate::config::{CertificateMatch, Rate};
use crate::problem::Report;
use crate::raw::signals::Signals;
use crate::read::{
    AllowKey, At, Bytes, Condition, Door, Host, Lasting, ModeName, Name, PasswordHash, Percent, Read,
    Required, Rows, Table, alternatives, record,
};
use crate::secret::SecretRef;
use crate::yaml::{Node, Value};

record! {
    /// identities/NAME.yaml
    Identity {
        /// The name of the integration.
        identity: At<IdentityName>,
        /// Who answers for it.
        owner: At<String>,
        /// What it is for.
        purpose: At<String>,
        /// The last day on which it is served.
        expires: At<Date>,
        /// The org it works with, a key of `orgs`.
        org: At<Name>,
        /// Whether refusals for want of a grant are carried out (`enforce`, also when absent), only recorded
        /// (`observe`), or recorded and told in the response header `X-Forcefield-Would-Refuse` (`warn`).
        mode: Option<At<ModeName>>,
        /// The last day of `observe` or `warn`; required with them.
        until: Option<At<Date>>,
        /// The integration's own host name: its requests must come to it.
        host: Option<At<Host>>,
        /// What proves that a caller is this integration: any one of the list.
        authenticate: Required<Vec<Authenticate>>,
        /// Where it may call from; anywhere when absent.
        networks: Vec<At<IpNet>>,
        /// The lifetime of tokens that Forcefield hands out to it, at most `24h`; `30m` when absent.
        session: Option<At<Lasting>>,
        /// How long a job that it deletes stays at the org as evidence, at most `7d`; `24h` when absent.
        evidence: Option<At<Lasting>>,
        /// What Forcefield holds for it at the org: exactly one of the keys.
        credential: Credential,
        /// Why it shares its `host` or its credential's `client_id` with another integration that says so too.
        shared: Option<At<String>>,
        /// What it may do, by object or namespace.
        allow: Table<AllowKey, Allow>,
        /// What it may do that is not about an object.
        also: Vec<At<Door>>,
        /// Which objects may leave by an export, and where to.
        exports: Table<ObjectName, Export>,
        /// How much it may do.
        limits: Option<Limits>,
        /// What of `signals` in the main file is otherwise for it.
        signals: Option<Signals>,
    }
}

alternatives! {
    /// authenticate: exactly one of
    Authenticate {
        /// A client certificate.
        "certificate" => Certificate(At<CertificateMatch>),
        /// A workload JWT.
        "jwt" => Jwt(Jwt),
        /// A client id and secret, for OAuth and SOAP logins at Forcefield.
        "client" => Client(Client),
        /// A user name and password, for stock clients that insist on them.
        "login" => Login(Login),
    }
}

record! {
    /// authenticate: jwt
    Jwt {
        /// Who issued it, a key of `issuers`.
        issuer: At<Name>,
        /// The `sub` claim, exactly.
        subject: At<String>,
    }
}

record! {
    /// authenticate: client
    Client {
        /// The client id.
        id: At<String>,
        /// The hash of the client secret.
        secret_hash: At<PasswordHash>,
    }
}

record! {
    /// authenticate: login
    Login {
        /// The user name.
        username: At<String>,
        /// The hash of the password.
        password_hash: At<PasswordHash>,
    }
}

alternatives! {
    /// credential: exactly one of
    Credential {
        /// OAuth 2.0 JWT bearer.
        "jwt_bearer" => JwtBearer(JwtBearer),
        /// OAuth 2.0 client credentials.
        "client_credentials" => ClientCredentials(ClientCredentials),
        /// OAuth 2.0 refresh token.
        "refresh_token" => RefreshToken(RefreshToken),
    }
}

record! {
    /// credential: jwt_bearer
    JwtBearer {
        /// The connected app's consumer key.
        client_id: At<SecretRef>,
        /// The RSA private key, PEM.
        key: At<SecretRef>,
        /// The Salesforce user.
        username: At<String>,
    }
}

record! {
    /// credential: client_credentials
    ClientCredentials {
        /// The connected app's consumer key.
        client_id: At<SecretRef>,
        /// Its consumer secret.
        client_secret: At<SecretRef>,
    }
}

record! {
    /// credential: refresh_token
    RefreshToken {
        /// The connected app's consumer key.
        client_id: At<SecretRef>,
        /// Its consumer secret, for apps that need one.
        client_secret: Option<At<SecretRef>>,
        /// The first refresh token; a rotated one is kept in the state folder, or sealed in the store of several replicas.
        refresh_token: At<SecretRef>,
    }
}

record! {
    /// allow
    Allow {
        /// The fields it may read, in every clause of a query: a list, or `"*"`.
        read: Option<FieldList>,
        /// The fields it may set on new records: a list, or `"*"`.
        create: Option<FieldList>,
        /// The fields it may change: a list, or `"*"`.
        update: Option<FieldList>,
        /// Whether it may delete records.
        delete: Option<At<bool>>,
        /// Whether it may take deleted records back.
        undelete: Option<At<bool>>,
        /// Whether it may merge records.
        merge: Option<At<bool>>,
        /// Whether it may publish events.
        publish: Option<At<bool>>,
        /// Whether it may listen to events.
        subscribe: Option<At<bool>>,
        /// Whether it may read the object's description; implied by any other verb.
        describe: Option<At<bool>>,
        /// The fields that `"*"` leaves out.
        except: Vec<At<FieldName>>,
        /// Which records it may read: added to its queries, in whatever form they read the object.
        r#where: Option<At<Condition>>,
        /// The most rows of one query.
        max_rows: Option<At<NonZeroU64>>,
    }
}

record! {
    /// exports
    Export {
        /// Where to, keys of `destinations`.
        to: Required<Vec<At<Name>>>,
        /// How many rows.
        rows: Option<At<Rows>>,
    }
}

record! {
    /// limits
    Limits {
        /// How often it may call.
        requests: Option<At<Rate>>,
        /// How many requests may come at once after a quiet time; the number in `requests` when absent.
        burst: Option<At<NonZeroU32>>,
        /// How often it may call through single doors, beside `requests`: `{ bulk2: 10/m, query: 5/s }`, by the names
        /// that `forcefield explain` gives as `api`.
        doors: Table<Api, At<Rate>>,
        /// How often it may ask for single verbs, beside `requests`: `{ delete: 1/s, describe: 60/h }`.
        verbs: Table<Verb, At<Rate>>,
        /// How many requests may be under way at one time.
        concurrent: Option<At<NonZeroU32>>,
        /// How many rows it may read.
        rows: Option<At<Rows>>,
        /// How many bytes it may read.
        bytes: Option<At<Bytes>>,
        /// Its share of the org's daily API calls, as Salesforce reports them, in any 24 hours.
        daily_api_share: Option<At<Percent>>,
        /// Who is slowed first when the org has used four fifths of its daily API calls: lower numbers first; 100 when
        /// absent.
        priority: Option<At<u8>>,
    }
}

/// The fields of a verb.
#[derive(Debug)]
pub(crate) struct FieldList(pub(crate) FieldsSpec);

impl Read for FieldList {
    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        let fields = match &node.value {
            Value::Scalar(scalar) if scalar.text == "*" => FieldsSpec::Every,
            Value::List(_) => {
                let fields: Vec<At<FieldName>> = Vec::read(node, report)?;
                FieldsSpec::Listed(fields.into_iter().map(|field| field.value).collect())
            }
            Value::Scalar(_) | Value::Map(_) => {
                report.error(
                    node.at,
                    "these are not fields",
                    "write a list like `[Name, Industry]`, or `\"*\"`",
                );
                return None;
            }
        };
        Some(Self(fields))
    }

    fn schema() -> Json {
        let title = "a list of fields such as `[Name, Industry]`, or `\"*\"`";
        json!({ "title": title, "anyOf": [{ "const": "*" }, <Vec<At<FieldName>> as Read>::schema()] })
    }
}
