//! A Salesforce org that fits in a test.
