package hubspottest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// A target receives webhooks. It refuses the first requests.
type target struct {
	mu       sync.Mutex
	refusals int
	requests [][]map[string]any
}

func (g *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var events []map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids are longer than a float64 is exact
	if d.Decode(&events) != nil || g.refusals > 0 {
		g.refusals--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	g.requests = append(g.requests, events)
}

// take returns what has come, a line for each event, with the fields that are named.
func (g *target) take(fields ...string) (lines []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, events := range g.requests {
		for _, e := range events {
			line := fmt.Sprint(e["subscriptionType"])
			for _, f := range fields {
				line += fmt.Sprintf(" %v", e[f])
			}
			lines = append(lines, line)
		}
	}
	g.requests = nil
	return lines
}

// subscribed is a portal that sends its webhooks to a target.
func subscribed(t *testing.T, o hubspottest.Options, w hubspottest.Webhook) (*caller, *target, func()) {
	t.Helper()
	c, g := newCaller(t, o), new(target)
	w.URL, w.AppID, w.Client = "https://sync.example.com/hubspot/webhooks", 54321, &http.Client{Transport: hubspottest.Transport(g)}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s := c.portal.Subscribe(ctx, w)
	return c, g, func() {
		t.Helper()
		if err := s.Settle(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWebhookForms: what users do is reported in the generic form or the older one, with
// the fields that each has.
func TestWebhookForms(t *testing.T) {
	t.Parallel()
	for _, legacy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, g, settle := subscribed(t, hubspottest.Options{Seed: 1}, hubspottest.Webhook{Legacy: legacy})
			p := c.portal
			ann := p.AddContact("ann@example.com", nil)
			p.UpdateProperties("contacts", ann, map[string]string{"email": "a@example.com"})
			bob := p.AddContact("", nil)
			both := p.Merge("contacts", ann, bob)
			p.Archive("contacts", both)
			p.Restore("contacts", both)
			deal := p.AddDeal(nil)
			p.Associate("contacts", both, "deals", deal)
			p.DeleteForPrivacy(both)
			settle()
			of := func(word string) string {
				if legacy {
					return word
				}
				return "object"
			}
			want := []string{
				of("contact") + ".creation " + ann + " CRM_UI NEW <nil>", of("contact") + ".propertyChange " + ann + " CRM_UI <nil> email",
				of("contact") + ".creation " + bob + " CRM_UI NEW <nil>", of("contact") + ".merge " + ann + " CRM_UI <nil> <nil>",
				of("contact") + ".deletion " + both + " CRM_UI <nil> <nil>", of("contact") + ".restore " + both + " CRM_UI <nil> <nil>",
				of("deal") + ".creation " + deal + " CRM_UI NEW <nil>", of("contact") + ".associationChange <nil> CRM_UI <nil> <nil>",
				"contact.privacyDeletion " + both + " CRM_UI <nil> <nil>", of("contact") + ".deletion " + both + " CRM_UI <nil> <nil>",
			}
			if d := cmp.Diff(want, g.take("objectId", "changeSource", "changeFlag", "propertyName")); d != "" {
				t.Errorf("legacy %v (-want +got):\n%s", legacy, d)
			}
		})
	}
}

// TestWebhookOfApps: what an app changes through the API is reported with the id of the
// app, which is the subscriber's own if its token made the change.
func TestWebhookOfApps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, g, settle := subscribed(t, hubspottest.Options{Seed: 1, App: hubspottest.App{ClientID: "c", ClientSecret: "s", RedirectURI: "https://sync.example.com/oauth/callback"}}, hubspottest.Webhook{})
		static := c.token
		for _, own := range []bool{false, true} {
			source := "777"
			if own {
				c.token, source = installedToken(t, c), "54321"
			}
			email := source + "@example.com"
			id := c.must(201, "POST /crm/objects/2026-09/contacts", `{"properties":{"email":"`+email+`"}}`).str("id")
			c.must(200, "PATCH /crm/objects/2026-09/contacts/"+id, `{"properties":{"email":"x`+email+`","phone":""}}`)
			c.must(204, "DELETE /crm/objects/2026-09/contacts/"+id, "")
			c.must(204, "DELETE /crm/objects/2026-09/contacts/"+id, "")
			settle()
			want := []string{
				"object.creation " + id + " INTEGRATION " + source + " <nil>",
				"object.propertyChange " + id + " INTEGRATION " + source + " x" + email,
				"object.deletion " + id + " INTEGRATION " + source + " <nil>",
			}
			if d := cmp.Diff(want, g.take("objectId", "changeSource", "sourceId", "propertyValue")); d != "" {
				t.Errorf("own %v (-want +got):\n%s", own, d)
			}
		}
		c.token = static
	})
}

// installedToken installs the app and returns its access token.
func installedToken(t *testing.T, c *caller) string {
	t.Helper()
	form := "grant_type=authorization_code&client_id=c&client_secret=s&redirect_uri=https://sync.example.com/oauth/callback&code=" + c.portal.Install()
	r := httptest.NewRequest(http.MethodPost, "https://api.hubapi.com/oauth/2026-09/token", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.portal.ServeHTTP(w, r)
	var granted struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &granted); err != nil || granted.Token == "" {
		t.Fatalf("no token: %s", w.Body)
	}
	return granted.Token
}

// TestWebhookDelivery: events come in batches, some twice, some out of order, and all
// of a request again after it was refused; in the end none is missing.
func TestWebhookDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, g, settle := subscribed(t, hubspottest.Options{Seed: 1}, hubspottest.Webhook{Seed: 3, Duplicates: 0.3, Reorder: 0.3, Batch: 7, Gather: time.Second})
		g.refusals = 2
		for range 50 {
			c.portal.AddContact("", nil)
		}
		begun := time.Now()
		settle()
		if took := time.Since(begun); took < 2*time.Second {
			t.Errorf("two refusals took %v", took)
		}
		first := g.requests[0]
		if len(first) != 7 || first[0]["attemptNumber"] != json.Number("2") {
			t.Errorf("the first request has %d events, at attempt %v", len(first), first[0]["attemptNumber"])
		}
		got := g.take("objectId")
		inOrder := slices.IsSorted(got)
		slices.Sort(got)
		if once := slices.Compact(slices.Clone(got)); len(once) != 50 || len(got) < 55 || inOrder {
			t.Errorf("%d of 50 events came, %d with repeats, in order %v", len(once), len(got), inOrder)
		}
	})
}
