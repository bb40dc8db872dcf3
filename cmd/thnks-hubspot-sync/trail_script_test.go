package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// recipient ID sets EMAIL to the address of a transaction's recipient at Thnks.
func recipient(ts *testscript.TestScript, _ bool, args []string) {
	tx, ok := worldOf(ts).thnks.Transaction(args[0])
	if !ok {
		ts.Fatalf("no transaction %s", args[0])
	}
	ts.Setenv("EMAIL", tx.Recipient.Email)
}

// forgotten NAME checks that no file of a folder has an address or a name of the
// recipient that EMAIL names, and no record in HubSpot either.
func forgotten(ts *testscript.TestScript, neg bool, args []string) {
	email := ts.Getenv("EMAIL")
	found := strings.Contains(strings.ToLower(allFiles(ts, args[0])), strings.ToLower(email))
	for r := range worldOf(ts).portal.Records(sandboxObject) {
		found = found || strings.EqualFold(r.Properties["recipient_email"], email)
	}
	if found != neg {
		ts.Fatalf("whether %s is found is %v", email, found)
	}
}

func allFiles(ts *testscript.TestScript, dir string) string {
	var all strings.Builder
	for _, name := range listFiles(ts, dir) {
		all.WriteString(ts.ReadFile(name))
	}
	return all.String()
}

func listFiles(ts *testscript.TestScript, dir string) []string {
	entries, err := os.ReadDir(ts.MkAbs(dir))
	ts.Check(err)
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, filepath.Join(ts.MkAbs(dir), e.Name()))
		}
	}
	return names
}
