package webhook_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// canary is a person whose particulars must be in no log line and in no answer.
const canary = "Jane Doe, jane.doe@private.example, +1 555 0100"

// mutations returns a body of JSON with each of its texts and names replaced by the
// canary in turn, and some that are no JSON.
func mutations(t *testing.T, body string) (all []string) {
	t.Helper()
	quoted := `"` + canary + `"`
	parts := strings.Split(body, `"`)
	for i := 1; i < len(parts); i += 2 {
		all = append(all, strings.Join(parts[:i], `"`)+quoted+strings.Join(parts[i+1:], `"`))
		if last := all[len(all)-1]; !json.Valid([]byte(last)) {
			t.Fatalf("not JSON: %s", last)
		}
	}
	return append(all, canary, quoted, `{`+quoted+`:1,`+quoted+`:2}`, `["`+canary, body[:len(body)-2]+`, `+quoted, `{"eventData":{"giftId":["`+canary+`"]}}`)
}

// TestNothingOfASenderIsLogged puts a person wherever something of a request is read:
// into each value of the body, each header, the path and the query, proved and
// unproved, and lets the inbox fail as well. No log line and no answer has it.
func TestNothingOfASenderIsLogged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tried := 0
	check := func(what string, r *http.Request) {
		t.Helper()
		tried++
		text := body(s.answer(r)) + s.log.String()
		s.log.reset()
		for _, part := range []string{"Jane", "Doe", "private", "0100"} {
			if strings.Contains(text, part) {
				t.Fatalf("%s: %s", what, text)
			}
		}
	}
	for _, scheme := range schemes {
		box := s.inboxes[scheme.name]
		for _, box.err = range []error{nil, store.ErrInboxFull, &store.FullError{Path: "/state/acme.db"}} {
			for _, text := range mutations(t, opened) {
				check(text, request(scheme, text))
			}
		}
		box.err = nil
		for name := range request(scheme, opened).Header {
			for _, value := range []string{canary, "v1," + canary, "sha256=" + canary, "Bearer " + canary} {
				r := request(scheme, opened)
				r.Header.Set(name, value)
				check(name, r)
			}
		}
		for _, name := range []string{"Webhook-Id", "X-Forwarded-For", "User-Agent", "Content-Encoding", "X-Message-Id"} {
			r := request(scheme, opened)
			r.Header.Set(name, canary)
			check(name, r)
		}
		for _, path := range []string{"/webhooks/Jane/gift-events", "/webhooks/" + scheme.name + "/Jane", "/Jane", "/webhooks/" + scheme.name + "/gift-events?token=Jane"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(opened))
			check(path, r)
			r = httptest.NewRequest("JANE", path, strings.NewReader(opened))
			check(path, r)
		}
	}
	if tried < 150 {
		t.Errorf("only %d requests", tried)
	}
	for _, dialect := range []string{webhook.Thyngs, webhook.ZohoThrive} {
		l := newLoyalty(t, dialect, time.UTC)
		for _, text := range append(mutations(t, `{"event":"x","type":"y","id":"1","customer":{"name":"a","email":"b"}}`), "<a><b>"+canary+"</b></a>", "<a "+canary+">") {
			r := request(schemes[2], text)
			r.URL.Path = "/webhooks/acme/" + dialect
			r.Header.Set("X-Thrive-Token", tokenSecret)
			if strings.HasPrefix(text, "<") {
				r.Header.Set("Content-Type", "application/xml")
			}
			if said := body(l.answer(r)) + l.log.String(); strings.Contains(said, "Jane") || strings.Contains(said, "private") {
				t.Fatalf("%s: %s", dialect, said)
			}
			l.log.reset()
		}
	}
}
