package webhook_test

import (
	"fmt"
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
// contact is looked at, from whichever end it is told, and of others nothing.
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
