//! SOAP, in both dialects.

use crate::client::{Answer, Client};
use forcefield_emulator::Carrier;

async fn call(client: &Client, letter: &str, session: &str, headers: &str, body: &str) -> Answer {
    let dialect = if letter == "u" { "partner" } else { "enterprise" };
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:urn=\"urn:{dialect}.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Header><urn:SessionHeader>\
         <urn:sessionId>{session}</urn:sessionId></urn:SessionHeader>{headers}</soapenv:Header>\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    let content = [("content-type", "text/xml; charset=UTF-8"), ("soapaction", "\"\"")];
    client
        .bare("POST", &format!("/services/Soap/{letter}/60.0"), &content, envelope.as_bytes())
        .await
        .unwrap()
}

async fn partner(client: &Client, body: &str) -> String {
    let answer = call(client, "u", &client.token.clone(), "", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

fn all(text: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open).skip(1).map(|part| part.split_once(&close).unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn a_password_is_worth_a_session() {
    let client = Client::start().await;
    client.server.register_password("ada@acme.example", "secret");
    let login = |password: &str| {
        format!("<login><username>ada@acme.example</username><password>{password}</password></login>")
    };
    let answer = call(&client, "u", "", "", &login("secretTOKEN")).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let session = all(&text, "sessionId").remove(0);
    assert_eq!(
        all(&text, "serverUrl"),
        [format!("{}/services/Soap/u/60.0/00D5g000004XyZE", client.server.url())]
    );
    for tag in ["userId", "metadataServerUrl", "accessibilityMode", "organizationId", "sessionSecondsValid"] {
        assert_eq!(all(&text, tag).len() / all(&text, tag).len().max(1), 1, "{tag}");
    }
    let info = call(&client, "u", &session, "", "<urn:getUserInfo/>").await.text();
    assert_eq!(all(&info, "userName"), ["ada@acme.example"]);
    assert_eq!(client.server.requests().last().unwrap().credentials[0].carrier, Carrier::Soap);
    let wrong = call(&client, "u", "", "", &login("wrong")).await;
    assert_eq!((wrong.status, all(&wrong.text(), "faultcode")), (500, vec!["sf:INVALID_LOGIN".to_owned()]));
    assert_eq!(call(&client, "u", &session, "", "<urn:logout/>").await.status, 200);
    let gone = call(&client, "u", &session, "", "<urn:getUserInfo/>").await;
    assert_eq!(all(&gone.text(), "faultcode"), ["sf:INVALID_SESSION_ID"]);
}

#[tokio::test]
async fn queries_page_in_both_dialects() {
    let client = Client::start().await;
    let soql = "<urn:query><urn:queryString>SELECT Name, Owner.Alias, Phone, (SELECT LastName FROM Contacts) FROM Account \
        ORDER BY Name LIMIT 5</urn:queryString></urn:query>";
    let options = "<urn:QueryOptions><urn:batchSize>2</urn:batchSize></urn:QueryOptions>";
    let text = call(&client, "u", &client.token.clone(), options, soql).await.text();
    assert_eq!(all(&text, "sf:Name"), ["Account 0000", "Account 0001"]);
    assert!(text.contains("<sf:Owner xsi:type=\"sf:sObject\"><sf:type>User</sf:type>"));
    assert!(text.contains("<sf:Phone xsi:nil=\"true\"/>"));
    assert!(text.contains("<sf:Contacts xsi:type=\"QueryResult\">"));
    let locator = all(&text, "queryLocator").remove(0);
    let more = |locator: &str| {
        format!("<urn:queryMore><urn:queryLocator>{locator}</urn:queryLocator></urn:queryMore>")
    };
    let text = call(&client, "u", &client.token.clone(), options, &more(&locator)).await.text();
    assert_eq!(all(&text, "sf:Name"), ["Account 0002", "Account 0003"]);
    assert!(client.touched().contains(&"read Contact.LastName".to_owned()));
    let enterprise = call(
        &client,
        "c",
        &client.token.clone(),
        "",
        "<urn:query><urn:queryString>&#83;ELECT Id FROM \
        <![CDATA[Account]]> LIMIT 1</urn:queryString></urn:query>",
    )
    .await
    .text();
    assert!(enterprise.contains("<records xsi:type=\"sf:Account\"><sf:Id>0015f"), "{enterprise}");
    let bad =
        call(&client, "u", &client.token.clone(), "", "<query><queryString>SELECT</queryString></query>")
            .await;
    assert_eq!(bad.status, 500);
    assert!(bad.text().contains("xsi:type=\"sf:MalformedQueryFault\""));
}

#[tokio::test]
async fn records_live_and_die() {
    let client = Client::start().await;
    let text = partner(
        &client,
        "<create xmlns=\"urn:partner.soap.sforce.com\" xmlns:n=\"sobject.partner.soap.sforce.com\">\
        <n:sObjects><type>Contact</type><LastName>S&amp;P</LastName><Account><type>Account</type>\
        <External_Id__c>A-3</External_Id__c></Account></n:sObjects>\
        <n:sObjects><type>Contact</type><FirstName>x</FirstName></n:sObjects></create>",
    )
    .await;
    assert_eq!(all(&text, "success"), ["true", "false"]);
    assert_eq!(all(&text, "statusCode"), ["REQUIRED_FIELD_MISSING"]);
    let id = all(&text, "id").remove(0);
    assert_eq!(client.server.value(&id, "LastName").as_deref(), Some("S&P"));
    let enterprise = format!(
        "<urn:update><urn:sObjects xsi:type=\"ens:Contact\" xmlns:ens=\"urn:sobject.enterprise.soap.sforce.com\">\
        <Id>{id}</Id><Title>Boss</Title><fieldsToNull>AccountId</fieldsToNull></urn:sObjects></urn:update>"
    );
    let text = call(&client, "c", &client.token.clone(), "", &enterprise).await.text();
    assert_eq!(all(&text, "success"), ["true"], "{text}");
    assert_eq!(client.server.value(&id, "AccountId").as_deref(), Some(""));
    let text = partner(
        &client,
        &format!(
            "<retrieve><fieldList>Id,Title</fieldList><sObjectType>Contact</sObjectType>\
        <ids>{id}</ids></retrieve>"
        ),
    )
    .await;
    assert_eq!(all(&text, "sf:Title"), ["Boss"]);
    let text = partner(
        &client,
        "<upsert><externalIDFieldName>ExtId__c</externalIDFieldName><sObjects><type>Invoice__c</type>\
        <ExtId__c>E-0</ExtId__c><Amount__c>9</Amount__c></sObjects></upsert>",
    )
    .await;
    assert_eq!(all(&text, "created"), ["false"]);
    for (operation, touch) in [
        ("delete", "delete Contact"),
        ("undelete", "undelete Contact"),
        ("delete", "delete Contact"),
        ("emptyRecycleBin", "delete Contact"),
    ] {
        let text = partner(&client, &format!("<{operation}><ids>{id}</ids></{operation}>")).await;
        assert_eq!(all(&text, "success"), ["true"], "{operation}: {text}");
        assert_eq!(client.touched(), [touch]);
    }
    let text = partner(&client, &format!("<delete><id>{id}</id></delete>")).await;
    assert_eq!(all(&text, "statusCode"), ["INVALID_CROSS_REFERENCE_KEY"]);
}

#[tokio::test]
async fn a_merge_touches_what_hung_on_the_losers() {
    let client = Client::start().await;
    let answer =
        client.query("SELECT Id FROM Account WHERE External_Id__c IN ('A-20','A-21') ORDER BY Name").await;
    let ids: Vec<&str> = (0..2).map(|place| answer["records"][place]["Id"].as_str().unwrap()).collect();
    let text = partner(
        &client,
        &format!(
            "<merge><request><masterRecord><type>Account</type><Id>{}</Id><Site>one</Site>\
        </masterRecord><recordToMergeIds>{}</recordToMergeIds></request></merge>",
            ids[0], ids[1]
        ),
    )
    .await;
    assert_eq!(all(&text, "success"), ["true"]);
    let touched = client.touched();
    for touch in [
        "merge Account",
        "update Account.Site",
        "delete Account",
        "update Contact.AccountId",
        "update Case.AccountId",
    ] {
        assert!(touched.contains(&touch.to_owned()), "{touch}");
    }
    let left = client.query("SELECT COUNT() FROM Contact WHERE Account.External_Id__c = 'A-20'").await;
    assert_eq!(left["totalSize"], 6, "three of its own and three of the other");
}

#[tokio::test]
async fn describe_search_and_changes() {
    let client = Client::start().await;
    let text = partner(&client, "<describeSObjects><sObjectType>Contact</sObjectType><sObjectType>Lead</sObjectType></describeSObjects>").await;
    assert_eq!(client.touched(), ["describe Contact", "describe Lead"]);
    assert!(text.contains(&format!("<urlEdit>{}/{{ID}}/e</urlEdit>", client.server.url())));
    assert!(partner(&client, "<describeGlobal/>").await.contains("<name>Invoice__c</name>"));
    let text = partner(&client, "<search><searchString>FIND {\"Account 0007\"} IN NAME FIELDS RETURNING Account(Id, Name)</searchString></search>").await;
    assert_eq!(all(&text, "sf:Name"), ["Account 0007"]);
    let window = "<startDate>2024-01-01T00:00:00.000Z</startDate><endDate>2024-01-01T03:00:00.000Z</endDate>";
    let text =
        partner(&client, &format!("<getUpdated><sObjectType>Lead</sObjectType>{window}</getUpdated>")).await;
    assert_eq!(all(&text, "ids").len(), 3);
    let text =
        partner(&client, &format!("<getDeleted><sObjectType>Lead</sObjectType>{window}</getDeleted>")).await;
    assert!(text.contains("<earliestDateAvailable>"));
    assert!(partner(&client, "<getServerTimestamp/>").await.contains("Z</timestamp>"));
    let id = client.server.first_id("Attachment").unwrap();
    let text = partner(
        &client,
        &format!("<query><queryString>SELECT Body FROM Attachment WHERE Id='{id}'</queryString></query>"),
    )
    .await;
    assert!(all(&text, "sf:Body")[0].starts_with("YXR0YWNobWVudC"), "bytes stand inline: {text}");
    let unknown = call(&client, "u", &client.token.clone(), "", "<sendEmail/>").await;
    assert_eq!(all(&unknown.text(), "faultcode"), ["sf:INVALID_OPERATION"]);
}
