package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// worldHookSecret is the secret by which the world's Thnks signs.
const worldHookSecret = "whsec_Y2FuYXJ5LTQ3MTEtY2FuYXJ5LTQ3MTEtY2FuYXJ5"

// event [-forged] [-twice] [-portal=NAME] [-order=NUMBER] STATUS ID REACHED
// sends the daemon the event that a gift has reached a status, and checks the
// answer's status.
func event(ts *testscript.TestScript, _ bool, args []string) {
	portal, order, secret, times := "acme", "", worldHookSecret, 1
	for strings.HasPrefix(args[0], "-") {
		switch flag, value, _ := strings.Cut(args[0], "="); flag {
		case "-portal":
			portal = value
		case "-order":
			order = value
		case "-twice":
			times = 2
		case "-forged":
			secret = "whsec_" + strings.Repeat("QUFB", 11)
		}
		args = args[1:]
	}
	url, at := "http://"+ts.Getenv("LISTEN")+"/webhooks/"+portal+"/gift-events", time.Now().UTC()
	for range times {
		e := statusChange(args[1], args[2], at)
		e.Metadata["orderNumber"] = order
		status, err := deliver(url, secret, e)
		ts.Check(err)
		if got := fmt.Sprint(status); got != args[0] {
			ts.Fatalf("answered %s, want %s", got, args[0])
		}
	}
}

// posts STATUS PATH BODY [NAME=VALUE]... sends the daemon a webhook with these
// headers, and checks the answer's status.
func posts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: posts STATUS PATH BODY [NAME=VALUE]...")
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+ts.Getenv("LISTEN")+args[1], strings.NewReader(args[2]))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	for _, header := range args[3:] {
		name, value, _ := strings.Cut(header, "=")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	ts.Check(res.Body.Close())
	if got := fmt.Sprint(res.StatusCode); got != args[0] {
		ts.Fatalf("answered %s, want %s", got, args[0])
	}
}

// sendEvent posts one signed event that a gift has reached a status, and
// returns the answer's status.
func sendEvent(url, secret, id, reached string, at time.Time) (int, error) {
	return deliver(url, secret, statusChange(id, reached, at))
}

func statusChange(id, reached string, at time.Time) thnksapitest.Event {
	return thnksapitest.NewEvent(thnksapitest.StatusChanged, thnksapitest.Transaction{ID: id, Status: reached}, at)
}

// deliver posts one signed event and returns the answer's status.
func deliver(url, secret string, e thnksapitest.Event) (int, error) {
	key, err := thnksapitest.ParseSecret(secret)
	if err != nil {
		return 0, err
	}
	body := e.Body(thnksapitest.Current)
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header = thnksapitest.Standard{Secrets: [][]byte{key}}.Sign(fmt.Sprint("msg_", e.At.UnixNano()), body, time.Now())
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body) // so that the connection serves again
	return resp.StatusCode, err
}

// shows ID STATUS [NAME=VALUE]... waits until HubSpot shows the gift in the status,
// with these values of other properties.
func shows(ts *testscript.TestScript, _ bool, args []string) {
	p := worldOf(ts).portal
	ts.Check(until(strings.Join(args, " "), func() bool {
		found := p.Find(sandboxObject, "thnks_transaction_id", args[0])
		if len(found) != 1 {
			return false
		}
		for _, arg := range append([]string{"status=" + args[1]}, args[2:]...) {
			if name, value, _ := strings.Cut(arg, "="); found[0].Properties[name] != value {
				return false
			}
		}
		return true
	}))
}

// stands ID STATE waits until the newest event about a transaction is in the
// state.
func stands(ts *testscript.TestScript, _ bool, args []string) {
	d, err := admin.Dial(filepath.Join(ts.MkAbs("state"), "admin.sock"))
	ts.Check(err)
	ts.Check(until("the event of "+args[0]+" is "+args[1], func() bool {
		l, err := d.Events(context.Background(), "acme", giftsync.EventQuery{TransactionID: args[0], Limit: 1})
		return err == nil && len(l.Events) == 1 && l.Events[0].State == args[1]
	}))
}
