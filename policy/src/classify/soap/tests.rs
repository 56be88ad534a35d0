use crate::classify::spec::{ALL, Sample, allow, fields, grants, keeps_its_reading, opening, post};
use crate::decision::Narrowing;
use crate::request::{Cut, HandleKind, Rows};

const OPEN: &str = r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com" xmlns:s="urn:sobject.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">"#;

fn soap(header: &str, operation: &str) -> Sample {
    let body = format!("{OPEN}<e:Header>{header}</e:Header><e:Body>{operation}</e:Body></e:Envelope>");
    post("/services/Soap/u/60.0", "text/xml; charset=UTF-8", &body)
}

fn read(operation: &str) -> String {
    soap("", operation).read()
}

fn query(header: &str) -> Sample {
    soap(header, "<u:query><u:queryString>SELECT Id FROM Account</u:queryString></u:query>")
}

#[test]
fn the_org_s_session_takes_the_place_of_the_client_s() {
    let with = query(
        "<u:SessionHeader><u:sessionId>client</u:sessionId></u:SessionHeader><u:QueryOptions><u:batchSize>200</u:batchSize></u:QueryOptions>",
    );
    let permit = with.decide(&ALL).unwrap();
    assert!(permit.session_in_body());
    let sent = String::from_utf8(permit.body("00D!x&y").unwrap().to_vec()).unwrap();
    assert!(
        !sent.contains("client")
            && sent.contains("00D!x&y")
            && sent.contains("<u:batchSize>200</u:batchSize>"),
        "{sent}"
    );
    let without = post(
        "/services/Soap/u/60.0",
        "text/xml",
        &format!("{OPEN}<e:Body><u:getServerTimestamp/></e:Body></e:Envelope>"),
    );
    let sent = without.as_sent(&without.decide(&ALL).unwrap());
    assert!(String::from_utf8(sent.body.clone()).unwrap().contains("<e:Header><ff:SessionHeader xmlns:ff=\"urn:partner.soap.sforce.com\"><ff:sessionId>SESSION</ff:sessionId>"));
    assert_eq!(sent.read(), "soap.partner meta - -");
}

#[test]
fn a_grant_narrows_a_query_in_its_envelope() {
    let mut account = allow("Account");
    account.read = fields(&["Name"]);
    account.condition = Some("Industry = 'A<B'".to_owned());
    account.max_rows = Some(10);
    let permit = query("").decide(&grants(vec![account])).unwrap();
    let sent = String::from_utf8(permit.body("").unwrap().to_vec()).unwrap();
    assert!(
        sent.contains(
            "<u:queryString>SELECT Id FROM Account WHERE (Industry = 'A&lt;B') LIMIT 10</u:queryString>"
        ),
        "{sent}"
    );
    assert!(permit.narrowings().contains(&Narrowing::Rows("Account".to_owned(), 10)));
    assert_eq!((permit.answer().rows, permit.answer().issues), (Rows::XmlRecords, Some(HandleKind::Locator)));
}

#[test]
fn headers_that_change_what_is_meant_are_refused() {
    for header in [
        "<u:CallOptions><u:defaultNamespace>acme</u:defaultNamespace></u:CallOptions>",
        "<u:DebuggingHeader><u:debugLevel>Db</u:debugLevel></u:DebuggingHeader>",
        "<u:DuplicateRuleHeader><u:includeRecordDetails>true</u:includeRecordDetails></u:DuplicateRuleHeader>",
        "<u:DuplicateRuleHeader><u:includeRecordDetails>1</u:includeRecordDetails></u:DuplicateRuleHeader>",
        "<u:Frobnicate/>",
        "<u:CallOptions/><u:CallOptions/>",
        "<u:QueryOptions><u:batchSize href=\"#1\"/></u:QueryOptions>",
    ] {
        assert!(query(header).refused(), "{header}");
    }
    let fine = "<u:CallOptions><u:client>x</u:client></u:CallOptions><u:AllOrNoneHeader><u:allOrNone>true</u:allOrNone></u:AllOrNoneHeader>";
    assert!(!query(fine).refused());
}

#[test]
fn a_login_is_recognised_whatever_headers_it_has() {
    let header = "<u:CallOptions><u:client>RestForce</u:client><u:defaultNamespace>sf</u:defaultNamespace></u:CallOptions>";
    let login = soap(header, "<u:login><u:username>a</u:username><u:password>b</u:password></u:login>");
    assert_eq!(login.read(), "soap.partner auth - -");
    assert!(login.decide(&ALL).is_err());
    assert_eq!(read("<u:logout/>"), "soap.partner auth - -");
    assert_eq!(
        read("<u:resetPassword><u:userId>0055f00000QrStUAAV</u:userId></u:resetPassword>"),
        "soap.partner admin User -"
    );
}

#[test]
fn envelopes_with_two_readings_are_refused() {
    let operation = "<u:query><u:queryString>SELECT Id FROM Account</u:queryString></u:query>";
    let good = format!("{OPEN}<e:Body>{operation}</e:Body></e:Envelope>");
    let sent = |body: &str| post("/services/Soap/u/60.0", "text/xml", body).refused();
    assert!(!sent(&good));
    for (from, to) in [
        ("</e:Body>", "</e:Body><e:Body/>"),
        ("<e:Body>", "<e:Body><u:query/>"),
        ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
        ("<u:queryString>", "<u:queryString xsi:nil=\"true\">"),
        ("<u:queryString>", "<u:queryString id=\"a\">"),
        ("<u:queryString>SELECT", "<u:queryString><!-- -->SELECT"),
        ("</u:queryString>", "</u:queryString><u:queryString>x</u:queryString>"),
        ("</u:queryString>", "</u:queryString><u:more>x</u:more>"),
        ("<e:Body>", "<e:Body><e:Header/>"),
    ] {
        assert!(good.contains(from) && sent(&good.replacen(from, to, 1)), "{from} -> {to}");
    }
    assert!(post("/services/Soap/u/60.0", "application/xml", &good).refused());
    assert!(post("/services/Soap/u/v60.0", "text/xml", &good).refused());
    assert!(post("/services/Soap/u/60.0/001D000000IRt53", "text/xml", &good).refused());
    assert!(post("/services/Soap/q/60.0", "text/xml", &good).refused());
    assert!(post("/services/Soap/u/60.0", "text/xml", &good).method("PUT").refused());
}

#[test]
fn records_say_what_they_are_once() {
    let create = |inner: &str| format!("<u:create><u:sObjects>{inner}</u:sObjects></u:create>");
    assert_eq!(
        read(&create("<s:type>Contact</s:type><s:lastname>A</s:lastname>")),
        "soap.partner create Contact Contact.LastName"
    );
    // jsforce binds the prefix of records to a namespace that does not exist.
    let jsforce = r#"<create xmlns="urn:partner.soap.sforce.com" xmlns:ns1="sobject.partner.soap.sforce.com"><ns1:sObjects><type>Account</type><Name>x</Name></ns1:sObjects></create>"#;
    assert_eq!(read(jsforce), "soap.partner create Account Account.Name");
    assert_eq!(
        read(&create("<s:type>Order_Event__e</s:type><s:Total__c>1</s:Total__c>")),
        "soap.partner publish Order_Event__e Order_Event__e.Total__c"
    );
    for odd in [
        "<s:LastName>A</s:LastName><s:type>Contact</s:type>",
        "<s:LastName>A</s:LastName>",
        "<s:type>Contact</s:type><s:type>User</s:type>",
        "<s:type>Contact</s:type><s:LastName>A</s:LastName><s:LASTNAME>B</s:LASTNAME>",
        "<s:type>Contact</s:type><s:Id>001D000000IRt53IAD</s:Id>",
        "<s:type>Contact</s:type><s:Account><s:LastName>A</s:LastName></s:Account>",
        "<s:type>Contact</s:type><s:Account><s:type>User</s:type><s:Email>A</s:Email></s:Account>",
        "<s:type>Contact</s:type><s:Nothing__c>A</s:Nothing__c>",
        "<s:type>Contact</s:type><s:fieldsToNull>Nothing__c</s:fieldsToNull>",
    ] {
        assert!(soap("", &create(odd)).refused(), "{odd}");
    }
    let typed =
        create("<s:type>Contact</s:type>").replace("<u:sObjects>", "<u:sObjects xsi:type=\"s:User\">");
    assert!(soap("", &typed).refused());
    assert_eq!(soap("", &create("<s:type>Nothing__c</s:type>")).unknown_name().unwrap(), "Nothing__c");
}

#[test]
fn operations_by_id_need_the_objects_of_the_ids() {
    // pyforce writes `id`.
    assert_eq!(read("<u:delete><u:id>001d000000irt53iad</u:id></u:delete>"), "soap.partner delete Account -");
    for odd in [
        "<u:delete/>",
        "<u:delete><u:ids/></u:delete>",
        "<u:delete><u:ids>001D000000IRt53IAE</u:ids></u:delete>",
        "<u:delete><u:ids>ZZZD000000IRt53</u:ids></u:delete>",
        "<u:delete><u:ids xsi:nil=\"true\"/></u:delete>",
        "<u:delete><u:ids>001D000000IRt53IAD</u:ids><u:where>x</u:where></u:delete>",
        "<u:update><u:sObjects><s:type>Account</s:type><s:Site>x</s:Site></u:sObjects></u:update>",
        "<u:retrieve><u:fieldList>Id</u:fieldList><u:sObjectType>Contact</u:sObjectType><u:ids>001D000000IRt53IAD</u:ids></u:retrieve>",
        "<u:queryMore><u:queryLocator>01g5f00000WxYzAAAV</u:queryLocator></u:queryMore>",
        "<u:queryMore><u:queryLocator>01g5f00000WxYzAAAV-+5</u:queryLocator></u:queryMore>",
        "<u:upsert><u:sObjects><s:type>Account</s:type></u:sObjects></u:upsert>",
        "<u:merge><u:request><u:masterRecord><s:type>Account</s:type><s:Id>001D000000IRt53IAD</s:Id></u:masterRecord><u:recordToMergeIds>003D000000QV9n2IAD</u:recordToMergeIds></u:request></u:merge>",
        "<u:convertLead><u:leadConverts><u:leadId>001D000000IRt53IAD</u:leadId></u:leadConverts></u:convertLead>",
        "<u:process><u:actions xsi:type=\"u:Other\"><u:objectId>0065f00000AAAAAAA5</u:objectId></u:actions></u:process>",
    ] {
        assert!(soap("", odd).refused(), "{odd}");
    }
}

#[test]
fn retrieved_fields_are_those_named() {
    let retrieve = |list: &str| {
        soap(
            "",
            &format!(
                "<u:retrieve><u:fieldList>{list}</u:fieldList><u:sObjectType>Contact</u:sObjectType><u:ids>003D000000QV9n2IAD</u:ids></u:retrieve>"
            ),
        )
    };
    let mut contact = allow("Contact");
    contact.read = fields(&["Email"]);
    let grants = grants(vec![contact]);
    assert!(retrieve("Id, Email").decide(&grants).is_ok());
    assert!(
        retrieve("Id,Phone").decide(&grants).unwrap_err().to_string().contains("may not read Contact.Phone")
    );
    assert!(
        retrieve("").refused()
            && retrieve("Id,,Email").refused()
            && retrieve("Id,(SELECT Id FROM Cases)").refused()
    );
}

#[test]
fn descriptions_are_cut_to_the_grant() {
    let all = soap("", "<u:describeGlobal/>").request().unwrap();
    assert_eq!(all.answer.cut, Cut::Objects);
    let some = soap("", "<u:describeSObjects><u:sObjectType>Account</u:sObjectType></u:describeSObjects>");
    assert_eq!(some.request().unwrap().answer.cut, Cut::Description);
    assert!(some.decide(&grants(vec![])).is_err());
    assert_eq!(
        read(
            "<u:describeLayout><u:sObjectType>Lead</u:sObjectType><u:layoutName>x</u:layoutName></u:describeLayout>"
        ),
        "soap.partner describe Lead -"
    );
    assert_eq!(read("<u:describeTabs/>"), "soap.partner describe - -");
    assert!(soap("", "<u:describeEverything/>").refused());
    assert!(soap("", "<u:describeSObjects/>").refused());
}

#[test]
fn what_cannot_be_known_is_opened_by_its_operation_only() {
    let send = soap(
        "",
        "<u:sendEmail><u:messages xsi:type=\"u:SingleEmailMessage\"><u:subject>x</u:subject></u:messages></u:sendEmail>",
    );
    assert!(send.decide(&opening("POST /services/Soap/*/*/sendEmail")).is_ok());
    // Mail is a side door out: a wildcard that opens other operations does not open it.
    assert_eq!(
        send.decide(&ALL).unwrap_err().to_string(),
        "may not call POST /services/Soap/u/60.0/sendEmail (it can send data out; `also` does not spell it without wildcards)"
    );
    let submit = soap(
        "",
        "<u:process><u:actions xsi:type=\"u:ProcessSubmitRequest\"><u:objectId>0065f00000AAAAAAA5</u:objectId></u:actions></u:process>",
    );
    assert!(submit.decide(&opening("POST /services/Soap/**")).is_ok());
    assert_eq!(
        submit.decide(&opening("POST /services/Soap/*/*/sendEmail")).unwrap_err().to_string(),
        "may not call POST /services/Soap/u/60.0/process (its effects cannot be known; `also` does not open it)"
    );
    let code = post(
        "/services/Soap/s/60.0",
        "text/xml",
        &format!("{OPEN}<e:Body><u:executeAnonymous/></e:Body></e:Envelope>"),
    );
    assert!(code.decide(&ALL).is_err(), "no pattern opens it");
}

#[test]
fn changed_envelopes_never_panic_and_keep_one_reading() {
    let mut samples = vec![query("<u:SessionHeader><u:sessionId>x</u:sessionId></u:SessionHeader>")];
    for operation in [
        "<u:create><u:sObjects><s:type>Contact</s:type><s:LastName>A &amp; B</s:LastName><s:Account><s:type>Account</s:type><s:AccountNumber>7</s:AccountNumber></s:Account></u:sObjects></u:create>",
        "<u:update><u:sObjects><s:type>Account</s:type><s:fieldsToNull>Phone</s:fieldsToNull><s:Id>001D000000IRt53IAD</s:Id><s:Site><![CDATA[x]]></s:Site></u:sObjects></u:update>",
        "<u:delete><u:ids>001D000000IRt53IAD</u:ids><u:ids>00Q5f00000BBBBBEA5</u:ids></u:delete>",
        "<u:search><u:searchString>FIND {x} RETURNING Contact(Email)</u:searchString></u:search>",
        "<u:convertLead><u:leadConverts><u:convertedStatus>Closed</u:convertedStatus><u:leadId>00Q5f00000BBBBBEA5</u:leadId></u:leadConverts></u:convertLead>",
        "<u:getUserInfo/>",
    ] {
        samples.push(soap("", operation));
    }
    keeps_its_reading(&samples, 6_000);
}
