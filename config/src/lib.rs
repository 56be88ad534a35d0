//! A configuration's files to one valid [`Config`], or every problem in them at once. Pure: the files' contents come
//! in as text, and so does today's date.
//!
//! ```text
//! text --yaml--> tree with places --read--> as written (raw) --load--> as served (config)
//! ```

pub mod config;
mod load;
mod problem;
pub mod quantity;
mod raw;
mod read;
mod schema;
pub mod secret;
mod yaml;

pub use config::Config;
pub use load::fragment::granted;
pub use load::{Source, identities_folder};
pub use problem::{Problem, Problems, Severity};
pub use schema::schema;
