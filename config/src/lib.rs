//! One configuration file to one valid [`Config`], or every problem in it at once. Pure: the files' contents come in
//! as text.

pub mod config;
pub mod secret;

pub use config::Config;
