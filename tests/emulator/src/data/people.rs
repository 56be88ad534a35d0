//! Users, accounts, contacts, cases, leads and tasks.

use super::{CASES, CONTACTS, INDUSTRIES, LEADS, Maker, TASKS, day, number, one_of, pick};
use crate::value::Value;

const FIRST: [&str; 8] = ["Ada", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo"];
const LAST: [&str; 7] = ["Rossi", "Smith", "Tanaka", "Umarov", "Vogel", "Walker", "Ximenes"];

impl Maker<'_> {
    pub(super) fn people(&mut self) {
        self.org();
        self.accounts();
        self.contacts();
        self.cases();
        self.leads();
        self.tasks();
    }

    /// Five users, two queues, a profile, a role and the organisation itself.
    fn org(&mut self) {
        let role = self.add(
            "UserRole",
            0,
            &[("Name", Value::text("Sales")), ("DeveloperName", Value::text("Sales"))],
        );
        let profile = self.add("Profile", 0, &[("Name", Value::text("Integration"))]);
        for i in 0..5 {
            let user = self.add(
                "User",
                i,
                &[
                    ("FirstName", one_of(&FIRST, i)),
                    ("LastName", one_of(&LAST, i)),
                    ("Username", Value::text(format!("user{i}@acme.example"))),
                    ("Email", Value::text(format!("user{i}@acme.example"))),
                    ("Alias", Value::text(format!("user{i}"))),
                    ("IsActive", Value::Bool(i != 4)),
                    ("UserType", Value::text("Standard")),
                    ("UserRoleId", Value::text(role.as_str())),
                    ("ProfileId", Value::text(profile.as_str())),
                ],
            );
            self.users.push(user);
        }
        for (i, name) in [(0, "Support Queue"), (1, "Sales Queue")] {
            self.add(
                "Group",
                i,
                &[
                    ("Name", Value::text(name)),
                    ("DeveloperName", Value::text(name.replace(' ', "_"))),
                    ("Type", Value::text("Queue")),
                ],
            );
        }
        self.add(
            "Organization",
            0,
            &[
                ("Name", Value::text("Acme")),
                ("InstanceName", Value::text("EMU1")),
                ("OrganizationType", Value::text("Developer Edition")),
                ("IsSandbox", Value::Bool(false)),
            ],
        );
    }

    /// Account `i`: region EU, US, APAC in turn, five industries in turn, revenue `i * 1000`, every third without a
    /// phone; accounts 1 to 9 are children of account 0.
    fn accounts(&mut self) {
        for i in 0..super::ACCOUNTS {
            let parent = if (1..10).contains(&i) { pick(&self.accounts, 0) } else { Value::Null };
            let phone = if i % 3 == 0 { Value::Null } else { Value::text(format!("+1 555 {i:04}")) };
            let account = self.add(
                "Account",
                i,
                &[
                    ("Name", Value::text(format!("Account {i:04}"))),
                    ("Region__c", one_of(&["EU", "US", "APAC"], i)),
                    ("Industry", one_of(&INDUSTRIES, i)),
                    ("Type", one_of(&["Customer", "Prospect"], i)),
                    ("AnnualRevenue", number(i * 1000)),
                    ("NumberOfEmployees", number(i % 100)),
                    ("Phone", phone),
                    ("ParentId", parent),
                    ("Website", Value::text(format!("https://account{i}.example"))),
                    ("BillingStreet", Value::text(format!("{i} Main Street"))),
                    ("BillingCity", one_of(&["Berlin", "Boston", "Sydney"], i)),
                    ("BillingCountry", one_of(&["Germany", "USA", "Australia"], i)),
                    ("BillingPostalCode", Value::text(format!("{:05}", i * 7))),
                    ("BillingLatitude", number(i % 90)),
                    ("BillingLongitude", number(i % 180)),
                    ("External_Id__c", Value::text(format!("A-{i}"))),
                ],
            );
            self.accounts.push(account);
        }
    }

    /// Contact `i` works for account `i % 2000`; every fourth has no e-mail address.
    fn contacts(&mut self) {
        for i in 0..CONTACTS {
            let email = if i % 4 == 3 { Value::Null } else { Value::text(format!("contact{i}@example.com")) };
            let interests = one_of(&["Golf", "Golf;Wine", "Wine;Sailing", "Sailing"], i);
            let contact = self.add(
                "Contact",
                i,
                &[
                    ("FirstName", one_of(&FIRST, i)),
                    ("LastName", one_of(&LAST, i)),
                    ("AccountId", pick(&self.accounts, i)),
                    ("Email", email),
                    ("Phone", Value::text(format!("+49 30 {i:05}"))),
                    ("Title", one_of(&["Engineer", "Manager", "Director"], i)),
                    ("Department", one_of(&["R&D", "Sales"], i)),
                    ("Birthdate", day(i % 365)),
                    ("MailingCity", one_of(&["Berlin", "Boston", "Sydney"], i)),
                    ("MailingCountry", one_of(&["Germany", "USA", "Australia"], i)),
                    ("Interests__c", interests),
                    ("External_Id__c", Value::text(format!("C-{i}"))),
                    ("SSN__c", Value::text(ssn(i))),
                ],
            );
            self.contacts.push(contact);
        }
    }

    /// Case `i` belongs to account `i % 2000` and contact `i`; two in three are open. Each holds a key and a password
    /// that somebody pasted.
    fn cases(&mut self) {
        for i in 0..CASES {
            let case = self.add(
                "Case",
                i,
                &[
                    ("CaseNumber", Value::text(format!("{:08}", i + 1000))),
                    ("Subject", Value::text(format!("Login fails {i}"))),
                    ("Status", one_of(&["New", "Working", "Closed"], i)),
                    ("IsClosed", Value::Bool(i % 3 == 2)),
                    ("Priority", one_of(&["Low", "Medium", "High"], i)),
                    ("Origin", one_of(&["Web", "Phone", "Email"], i)),
                    ("AccountId", pick(&self.accounts, i)),
                    ("ContactId", pick(&self.contacts, i)),
                    ("SuppliedEmail", Value::text(format!("contact{i}@example.com"))),
                    (
                        "Description",
                        Value::text(format!(
                            "Our uploader stopped. aws_access_key_id={} please check.",
                            aws_key(i)
                        )),
                    ),
                    ("Comments", Value::text(format!("customer sent password: {}", password(i)))),
                ],
            );
            if i < 20 {
                self.add(
                    "CaseComment",
                    i,
                    &[
                        ("ParentId", Value::text(case.as_str())),
                        ("CommentBody", Value::text(format!("tried {} again", password(i)))),
                        ("IsPublished", Value::Bool(true)),
                    ],
                );
            }
        }
    }

    fn leads(&mut self) {
        for i in 0..LEADS {
            self.add(
                "Lead",
                i,
                &[
                    ("FirstName", one_of(&FIRST, i)),
                    ("LastName", one_of(&LAST, i)),
                    ("Company", Value::text(format!("Lead Company {i:03}"))),
                    ("Status", one_of(&["Open", "Working", "Qualified"], i)),
                    ("Email", Value::text(format!("lead{i}@example.org"))),
                    ("AnnualRevenue", number(i * 500)),
                    ("IsConverted", Value::Bool(false)),
                ],
            );
        }
    }

    /// Task `i` is about contact `i` and account `i`, two of three times; otherwise about nobody.
    fn tasks(&mut self) {
        for i in 0..TASKS {
            let (who, what) = if i % 3 == 2 {
                (Value::Null, Value::Null)
            } else {
                (pick(&self.contacts, i), pick(&self.accounts, i))
            };
            self.add(
                "Task",
                i,
                &[
                    ("Subject", one_of(&["Call", "Email", "Meeting"], i)),
                    ("Status", one_of(&["Not Started", "Completed"], i)),
                    ("Priority", Value::text("Normal")),
                    ("ActivityDate", day(i)),
                    ("WhoId", who),
                    ("WhatId", what),
                ],
            );
        }
    }
}

pub(super) fn ssn(i: u32) -> String {
    format!("CANARY-SSN-{i:06}")
}

pub(super) fn aws_key(i: u32) -> String {
    format!("AKIACANARY{i:010}")
}

pub(super) fn password(i: u32) -> String {
    format!("CANARY-PWD-{i:06}")
}
