package main

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// gifts N waits until Thnks has sent so many gifts by requests, and fails where
// there are more.
func gifts(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := worldOf(ts)
	ts.Check(until("there are "+args[0]+" gifts", func() bool { return len(w.thnks.Gifts()) >= want }))
	if n := len(w.thnks.Gifts()); n != want {
		ts.Fatalf("Thnks has sent %d gifts, want %d", n, want)
	}
}

// thnks well|lost|refused says what Thnks does with gift requests; thnks key KEY
// makes another one the only API key.
func thnks(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	w.thnks.ClearFaults()
	switch args[0] {
	case "key":
		w.thnks.SetKeys(map[string]string{args[1]: ""})
	case "lost":
		w.thnks.Fault(thnksapitest.Fault{Path: "/gift_requests", Effect: thnksapitest.ResetAfter})
	case "refused":
		w.thnks.Fault(thnksapitest.Fault{Path: "/gift_requests", Status: 422, Body: `{"error": "invalid"}`})
	}
}

// optOut ADDRESS makes a contact who wants no mail, whose second address is
// home-of-ADDRESS; optOut -refused ADDRESS has HubSpot
// refuse whatever names the address.
func optOut(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "-refused" {
		worldOf(ts).portal.RefuseAddress(args[1])
		return
	}
	worldOf(ts).portal.AddContact(args[0], map[string]string{"hs_email_optout": "true", "hs_additional_emails": "home-of-" + args[0]})
}

// becomes ID STATE waits until the daemon says that a send is in a state: the one
// with that id, or one that was asked for by a trigger.
func becomes(ts *testscript.TestScript, _ bool, args []string) {
	socket := filepath.Join(ts.MkAbs("state"), "admin.sock")
	ts.Check(until("send "+args[0]+" is "+args[1], func() bool {
		d, err := admin.Dial(socket)
		if err != nil {
			return false
		}
		l, err := d.Sends(context.Background(), "acme", send.Query{})
		return err == nil && slices.ContainsFunc(l.Sends, func(r send.Row) bool {
			named := r.ID == args[0] || strings.HasPrefix(r.Cause, args[0]+" ")
			return named && string(r.State) == args[1]
		})
	}))
}

// soon sets SOON to a time in a few seconds.
func soon(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("SOON", time.Now().Add(3*time.Second).UTC().Format(time.RFC3339))
}
