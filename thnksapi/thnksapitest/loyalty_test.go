package thnksapitest_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestThyngsMessages: each of the 22 events has headers of its own, and the same model
// in JSON and in XML.
func TestThyngsMessages(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for n, title := range thnksapitest.ThyngsEvents() {
		at := time.Date(2026, 3, 1, 23, 30, 0, 250_000_000, time.UTC)
		text, document := thnksapitest.ThyngsMessage(title, n, at, false), thnksapitest.ThyngsMessage(title, n, at, true)
		seen[text.Header.Get("Item-Name")+" "+text.Header.Get("Event-Name")] = true
		var model map[string]any
		if err := json.Unmarshal(text.Body, &model); err != nil || document.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
			t.Errorf("%s: %v, %s", title, err, document.Header)
		}
		fields := 0
		d := xml.NewDecoder(strings.NewReader(string(document.Body)))
		for depth := 0; ; {
			token, err := d.Token()
			if err != nil {
				if depth != 0 || fields != len(model) {
					t.Errorf("%s: %v, %d fields in XML, %d in JSON", title, err, fields, len(model))
				}
				break
			}
			switch token := token.(type) {
			case xml.StartElement:
				if depth++; depth == 2 {
					fields++
					if _, ok := model[token.Name.Local]; !ok {
						t.Errorf("%s: JSON has no %s", title, token.Name.Local)
					}
				}
			case xml.EndElement:
				depth--
			}
		}
	}
	if len(seen) != 22 {
		t.Errorf("%d events", len(seen))
	}
}

// TestThriveMessages: each of the 26 events has a name of its own in the envelope, and
// ids that no float64 holds.
func TestThriveMessages(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for n, title := range thnksapitest.ThriveEvents() {
		var body struct {
			Code    int
			Message struct {
				Event   string
				Email   string `json:"email_id"`
				Contact int64  `json:"contact_id"`
			}
		}
		m := thnksapitest.ThriveMessage(title, n, time.Now())
		if err := json.Unmarshal(m.Body, &body); err != nil || body.Code != 200 || body.Message.Email == "" || body.Message.Contact <= 1<<53 {
			t.Errorf("%s: %v, %s", title, err, m.Body)
		}
		seen[body.Message.Event] = true
	}
	if len(seen) != 26 {
		t.Errorf("%d events", len(seen))
	}
}

// TestPost: a message is posted with its headers and its proof, and again until it is
// acknowledged.
func TestPost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t)
		e.answer = func(w http.ResponseWriter, r *http.Request, n int) {
			if r.Header.Get("Item-Name") != "Stamp" || n == 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
		d := thnksapitest.NewSender(t.Context(), e.hook())
		d.Post(thnksapitest.ThyngsMessage("STAMP COLLECTED", 1, time.Now(), false))
		settle(t, d)
		x := d.Deliveries()[0]
		if x.Outcome != thnksapitest.Acknowledged || len(x.Attempts) != 2 || len(e.posts) != 2 || e.posts[1].body != string(x.Body) {
			t.Errorf("%s after %d tries", x.Outcome, len(x.Attempts))
		}
	})
}
