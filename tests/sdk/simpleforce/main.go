// simpleforce, unmodified, through Forcefield: a SOAP login, then records over REST.
//
// Arguments: URL, user name, password. SSL_CERT_FILE names the CA. Prints one JSON object.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/simpleforce/simpleforce"
)

func main() {
	log.SetOutput(io.Discard)
	url, username, password := os.Args[1], os.Args[2], os.Args[3]
	client := simpleforce.NewClient(url, simpleforce.DefaultClientID, "62.0")
	check(client.LoginPassword(username, password, ""))
	seen := map[string]any{"instance": client.GetLoc()}

	contacts := 0
	for next := "SELECT Id, LastName FROM Contact"; next != ""; {
		page, err := client.Query(next)
		check(err)
		contacts += len(page.Records)
		next = page.NextRecordsURL
	}
	seen["contacts"] = contacts
	described, err := client.DescribeGlobal()
	check(err)
	seen["described"] = (*described)["sobjects"] != nil

	account := client.SObject("Account").Set("Name", "From Go").Create()
	account.Set("Industry", "Energy").Update()
	seen["read"] = client.SObject("Account").Get(account.ID()).StringField("Industry")
	check(account.Delete())

	_, err = client.Query("SELECT SSN__c FROM Contact")
	seen["field"] = fmt.Sprint(err)
	seen["object"] = client.SObject("Case").Set("Subject", "x").Create() == nil
	err = simpleforce.NewClient(url, simpleforce.DefaultClientID, "62.0").LoginPassword(username, "wrong", "")
	seen["login"] = fmt.Sprint(err)
	check(json.NewEncoder(os.Stdout).Encode(seen))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
