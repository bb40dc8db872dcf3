package webhook_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// reread is what a body of a dialect says.
func reread(dialect, body string) store.Event {
	return webhook.Reread(webhook.Source{}, store.Event{Dialect: dialect, ReceivedAt: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}, []byte(body))
}

// TestBoundsOfBodies: what is exactly at a bound of a body is taken, and one more is
// not.
func TestBoundsOfBodies(t *testing.T) {
	t.Parallel()
	objects := func(n int) string { return strings.Repeat(`{"x":`, n) + "1" + strings.Repeat("}", n) }
	lists := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	beside := func(text string) string { return `{"test":1,"x":` + text + `}` }
	for name, body := range map[string]func(more int) string{
		"values":      func(more int) string { return beside("[0" + strings.Repeat(",0", 9_992+more) + "]") },
		"a text":      func(more int) string { return beside(`"` + strings.Repeat("x", 64<<10+more) + `"`) },
		"a name":      func(more int) string { return `{"test":1,"` + strings.Repeat("x", 64<<10+more) + `":1}` },
		"objects":     func(more int) string { return beside(objects(31 + more)) },
		"lists":       func(more int) string { return beside(lists(31 + more)) },
		"a mixture":   func(more int) string { return beside(objects(15)[:15*5] + lists(16+more) + strings.Repeat("}", 15)) },
		"older times": func(more int) string { return timed([]string{"2000-01-01T00:00:00Z", "1999-12-31T23:59:59Z"}[more]) },
		"parcels": func(more int) string {
			return `{"webhookData":{"eventType":"gift-delivery-status-changed","triggeredAt":"2026-03-01T12:00:00Z"},"eventData":{"giftId":"g-1","deliveryStatus":"` + strings.Repeat("x", 64+more) + `"}}`
		},
	} {
		for more := range 2 {
			if e := reread(webhook.GiftEvents, body(more)); (e.Effect == store.EffectUnknown) != (more == 1) {
				t.Errorf("%s, %d more: %s (%s)", name, more, e.Effect, e.Reason)
			}
		}
	}
	for more := range 2 {
		word := strings.Repeat("x", 64+more)
		e := reread(webhook.GiftEvents, `{"webhookData":{"eventType":"gift-status-changed","triggeredAt":"2026-03-01T12:00:00Z"},"eventData":{"giftId":"g-1","status":"`+word+`"}}`)
		if e.Effect != store.EffectUnknown || strings.Contains(e.Reason, word) != (more == 0) {
			t.Errorf("a word of %d: %s", len(word), e.Reason)
		}
		kind := "contact." + word[:56+more]
		if e := reread(webhook.HubSpot, `{"subscriptionType":"`+kind+`","objectId":5}`); (e.Kind == kind) != (more == 0) {
			t.Errorf("a type of %d: %s %q", len(kind), e.Effect, e.Kind)
		}
	}
	body := opened + strings.Repeat(" ", 256<<10-len(opened))
	if e := understand(t, webhook.Source{}, body); e.Effect != store.EffectClaim {
		t.Errorf("a body of 256 KiB: %s (%s)", e.Effect, e.Reason)
	}
}

// timed is an event of this time.
func timed(at string) string {
	return `{"webhookData":{"eventType":"gift-status-changed","triggeredAt":"` + at + `"},"eventData":{"giftId":"g-1","status":"opened"}}`
}

// TestMessageIDs: the id of a message is kept up to 128 bytes.
func TestMessageIDs(t *testing.T) {
	t.Parallel()
	for more := range 2 {
		id := strings.Repeat("m", 128+more)
		e := newLoyalty(t, webhook.Thyngs, nil).send(t, stamp, "Item-Name", "Stamp", "Event-Name", "Create", "Webhook-Id", id)
		if (e.MessageID == id) != (more == 0) || e.MessageID != "" && more == 1 {
			t.Errorf("of %d bytes: %q", len(id), e.MessageID)
		}
	}
}

// TestNewAssociations: of an association between a contact and a deal or company the
// contact is looked at, from whichever end it is reported, and of others nothing.
func TestNewAssociations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, between, want string }{
		{"contact", "CONTACT_TO_DEAL", "1"},
		{"contact", "CONTACT_TO_COMPANY", "1"},
		{"deal", "DEAL_TO_CONTACT", "2"},
		{"company", "COMPANY_TO_CONTACT", "2"},
		{"contact", "CONTACT_TO_CONTACT", ""},
		{"contact", "CONTACT_TO_TICKET", ""},
		{"ticket", "TICKET_TO_CONTACT", ""},
		{"deal", "DEAL_TO_COMPANY", ""},
		{"contact", "", "1"},
		{"deal", "", ""},
	} {
		e := reread(webhook.HubSpot, fmt.Sprintf(`{"subscriptionType":"%s.associationChange","associationType":%q,"fromObjectId":1,"toObjectId":2}`, tt.kind, tt.between))
		var want []string
		if tt.want != "" {
			want = []string{tt.want}
		}
		if !slices.Equal(e.RecordIDs, want) || (e.Effect == store.EffectRecord) != (want != nil) {
			t.Errorf("%s of %s: %v, %s (%s)", tt.between, tt.kind, e.RecordIDs, e.Effect, e.Reason)
		}
	}
}

// TestSecretsAtTheirBounds: secrets of exactly the least and the greatest length are
// taken, and an error counts them as people do.
func TestSecretsAtTheirBounds(t *testing.T) {
	t.Parallel()
	raw := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	sig := webhook.Signature{Header: "X-Signature", Encoding: "hex"}
	for name, err := range map[string]error{
		"the shortest of Standard Webhooks": second(webhook.Standard(raw(24))),
		"the longest":                       second(webhook.Standard(raw(64))),
		"the shortest of others":            second(webhook.HMAC(sig, strings.Repeat("x", 24))),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"Standard Webhooks": second(webhook.Standard(raw(32), raw(23))),
		"others":            second(webhook.HMAC(sig, strings.Repeat("x", 24), strings.Repeat("x", 23))),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "secret 2 of 2 ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoyaltyAtItsBounds: names of 64 characters and times since 2000 are taken.
func TestLoyaltyAtItsBounds(t *testing.T) {
	t.Parallel()
	year2000 := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for more := range 2 {
		name := strings.Repeat("x", 64+more)
		if e := reread(webhook.ZohoThrive, `{"message":{"event":"`+name+`"}}`); (e.Kind == name) != (more == 0) {
			t.Errorf("a name of %d: %s %q", len(name), e.Effect, e.Kind)
		}
		e := newLoyalty(t, webhook.Thyngs, nil).send(t, stamp, "Item-Name", name, "Event-Name", "Create")
		if (e.Kind == name+" Create") != (more == 0) {
			t.Errorf("an item of %d: %s %q", len(name), e.Effect, e.Kind)
		}
		want := []time.Time{year2000, {}}[more]
		at := year2000.Add(-time.Duration(more) * time.Second)
		if e := reread(webhook.ZohoThrive, fmt.Sprintf(`{"message":{"event":"opt_in","joined_date":%d}}`, at.UnixMilli())); !e.At.Equal(want) {
			t.Errorf("%v is read as %v", at, e.At)
		}
		zone := webhook.Source{Zone: func() *time.Location { return time.UTC }}
		model := []byte(`{"Id":"1","ConversionTime":"` + at.Format("01/02/2006 15:04:05") + `"}`)
		if e := webhook.Reread(zone, store.Event{Dialect: webhook.Thyngs, Kind: "k", ReceivedAt: time.Now()}, model); !e.At.Equal(want) {
			t.Errorf("a model's %v is read as %v", at, e.At)
		}
	}
}

// TestModelsAtTheirBounds: models in XML have the bounds of those in JSON.
func TestModelsAtTheirBounds(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(more int) string{
		"tags": func(more int) string {
			return "<S>" + strings.Repeat("<!---->", 1+more) + strings.Repeat("<a/>", 4_998) + "</S>"
		},
		"a text": func(more int) string { return "<S><a>" + strings.Repeat("x", 64<<10+more) + "</a></S>" },
	} {
		for more := range 2 {
			e := webhook.Reread(webhook.Source{Zone: func() *time.Location { return time.UTC }}, store.Event{Dialect: webhook.Thyngs, Kind: "Stamp Create", ReceivedAt: time.Now()}, []byte(body(more)))
			if (e.Effect == store.EffectUnknown) != (more == 1) {
				t.Errorf("%s, %d more: %s (%s)", name, more, e.Effect, e.Reason)
			}
		}
	}
}

// TestBatchesAtTheirBound: a batch of exactly 1 MiB is taken, and the log tells of
// accounts that no portal has, and of what is not understood.
func TestBatchesAtTheirBound(t *testing.T) {
	t.Parallel()
	s := newHubSpotSite(t)
	of := func(account, id int) string {
		return hubspotJSON(account, fmt.Sprintf(`"subscriptionType":"contact.creation","objectId":%d`, id))
	}
	body := "[" + of(7, 1) + "," + of(7, 2) + "," + of(7, 3) + "]"
	if code := s.post(mainSecret, body+strings.Repeat(" ", 1<<20-len(body))); code != http.StatusOK || len(s.small.take()) != 3 {
		t.Errorf("a body of 1 MiB is answered %d", code)
	}
	if code := s.post(mainSecret, body+strings.Repeat(" ", 1<<20+1-len(body))); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a larger body is answered %d", code)
	}
	if log := s.log.String(); strings.Contains(log, "webhook dropped") || strings.Contains(log, "not understood") {
		t.Errorf("the log has %s", log)
	}
	if s.post(mainSecret, "["+of(99, 4)+"]"); strings.Count(s.log.String(), "no portal of this app has the account") != 1 || strings.Contains(s.log.String(), "portal=\"\"") {
		t.Errorf("the log has %s", s.log.String())
	}
	strange := "[" + hubspotJSON(7, `"subscriptionType":"no event","objectId":5`) + "]"
	s.log.reset()
	if s.post(mainSecret, strange); strings.Count(s.log.String(), "webhook not understood") != 1 || !strings.Contains(s.log.String(), "portal=small") {
		t.Errorf("the log has %s", s.log.String())
	}
}
