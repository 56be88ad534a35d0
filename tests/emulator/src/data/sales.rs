//! Opportunities, products, invoices with their lines, widgets of a package, and what follows accounts around.

use super::{INVOICES, Maker, OPPORTUNITIES, STAGES, WIDGETS, day, number, one_of, pick};
use crate::value::Value;

impl Maker<'_> {
    pub(super) fn sales(&mut self) {
        self.opportunities();
        let products: Vec<String> = (0..10)
            .map(|i| {
                self.add(
                    "Product2",
                    i,
                    &[
                        ("Name", Value::text(format!("Product {i}"))),
                        ("ProductCode", Value::text(format!("P-{i}"))),
                        ("IsActive", Value::Bool(true)),
                    ],
                )
            })
            .collect();
        self.invoices(&products);
        self.widgets();
        self.satellites();
    }

    /// Opportunity `i` belongs to account `i`, amounts to `i * 100`, and closes on day `i` of 2024.
    fn opportunities(&mut self) {
        for i in 0..OPPORTUNITIES {
            self.add(
                "Opportunity",
                i,
                &[
                    ("Name", Value::text(format!("Opportunity {i:04}"))),
                    ("AccountId", pick(&self.accounts, i)),
                    ("StageName", one_of(&STAGES, i)),
                    ("Amount", number(i * 100)),
                    ("Probability", number(i % 4 * 25)),
                    ("CloseDate", day(i)),
                    ("IsClosed", Value::Bool(i % 4 >= 2)),
                    ("IsWon", Value::Bool(i % 4 == 2)),
                    ("LeadSource", one_of(&["Web", "Referral"], i)),
                ],
            );
        }
    }

    /// Invoice `i` of account `i`: amount `i * 10`, two lines, every tenth without a due date.
    fn invoices(&mut self, products: &[String]) {
        for i in 0..INVOICES {
            let due = if i % 10 == 9 { Value::Null } else { day(i) };
            let invoice = self.add(
                "Invoice__c",
                i,
                &[
                    ("Name", Value::text(format!("INV-{i:05}"))),
                    ("Amount__c", number(i * 10)),
                    ("Status__c", one_of(&["Draft", "Sent", "Paid"], i)),
                    ("Due__c", due),
                    ("Notes__c", Value::text(format!("Net {} days", i % 60))),
                    ("Secret__c", Value::text(secret(i))),
                    ("ExtId__c", Value::text(format!("E-{i}"))),
                    ("Account__c", pick(&self.accounts, i)),
                    ("Loc__latitude__s", number(i % 90)),
                    ("Loc__longitude__s", number(i % 180)),
                ],
            );
            for line in 0..2 {
                let n = i * 2 + line;
                self.add(
                    "Invoice_Line__c",
                    n,
                    &[
                        ("Name", Value::text(format!("LINE-{n:05}"))),
                        ("Qty__c", number(line + 1)),
                        ("Price__c", number(i * 5)),
                        ("LineExt__c", Value::text(format!("L-{n}"))),
                        ("Invoice__c", Value::text(invoice.as_str())),
                        ("Product__c", pick(products, n)),
                    ],
                );
            }
            if i < 5 {
                self.add(
                    "Invoice__History",
                    i,
                    &[
                        ("ParentId", Value::text(invoice.as_str())),
                        ("Field", Value::text("Secret__c")),
                        ("OldValue", Value::text(secret(i))),
                        ("NewValue", Value::text(secret(i + 1))),
                    ],
                );
            }
        }
    }

    fn widgets(&mut self) {
        for i in 0..WIDGETS {
            self.add(
                "acme__Widget__c",
                i,
                &[
                    ("Name", Value::text(format!("Widget {i}"))),
                    ("acme__Color__c", one_of(&["Red", "Green", "Blue"], i)),
                    ("acme__Cost__c", number(i * 3)),
                    ("acme__Key__c", Value::text(format!("W-{i}"))),
                    ("acme__Account__c", pick(&self.accounts, i)),
                ],
            );
        }
        self.add(
            "Rate_Table__mdt",
            0,
            &[
                ("DeveloperName", Value::text("Standard")),
                ("MasterLabel", Value::text("Standard")),
                ("Rate__c", number(19)),
            ],
        );
        self.add(
            "Catalog_Item__x",
            0,
            &[
                ("ExternalId", Value::text("SKU-1")),
                ("Sku__c", Value::text("SKU-1")),
                ("Price__c", number(7)),
            ],
        );
    }

    /// History and sharing of the first twenty accounts.
    fn satellites(&mut self) {
        for i in 0..20 {
            let (account, owner) = (pick(&self.accounts, i), pick(&self.users, i));
            self.add(
                "AccountHistory",
                i,
                &[
                    ("AccountId", account.clone()),
                    ("Field", Value::text("Phone")),
                    ("OldValue", Value::text(format!("+1 555 {i:04}"))),
                    ("NewValue", Value::text(format!("+1 556 {i:04}"))),
                ],
            );
            self.add(
                "AccountShare",
                i,
                &[
                    ("AccountId", account),
                    ("UserOrGroupId", owner),
                    ("AccountAccessLevel", Value::text("Edit")),
                    ("RowCause", Value::text("Manual")),
                ],
            );
        }
    }
}

pub(super) fn secret(i: u32) -> String {
    format!("CANARY-INVOICE-{i:05}")
}
