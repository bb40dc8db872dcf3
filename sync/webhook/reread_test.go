package webhook_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// TestReread: a body that is read again by the same settings says what it said, of
// every dialect, and by others what these make of it.
func TestReread(t *testing.T) {
	t.Parallel()
	berlin := must(time.LoadLocation("Europe/Berlin"))
	zone := func() *time.Location { return berlin }
	thyngs, zoho := newLoyalty(t, webhook.Thyngs, berlin), newLoyalty(t, webhook.ZohoThrive, nil)
	strict := webhook.Source{Dialect: webhook.GiftEvents, CompanyID: "c-2", Zone: zone}
	for _, tt := range []struct {
		name   string
		source webhook.Source
		event  store.Event
	}{
		{"claim", webhook.Source{MetadataKeys: []string{"internalReferenceId"}}, understand(t, webhook.Source{MetadataKeys: []string{"internalReferenceId"}}, opened)},
		{"refused", strict, understand(t, strict, opened)},
		{"model", webhook.Source{Zone: zone}, thyngs.send(t, stampXML, "Item-Name", "Stamp", "Event-Name", "Create", "Content-Type", "text/xml")},
		{"no model", webhook.Source{Zone: zone}, thyngs.send(t, "<a", "Item-Name", "Stamp", "Event-Name", "Create", "Content-Type", "text/xml")},
		{"without a name", webhook.Source{Zone: zone}, thyngs.send(t, stamp)},
		{"points", webhook.Source{}, zoho.send(t, thriveSamples["opt_in"])},
	} {
		again := webhook.Reread(tt.source, tt.event, tt.event.Body)
		want := tt.event
		want.Key, want.RepeatWithin, again.Key, again.RepeatWithin, want.MessageID = "", 0, "", 0, ""
		if d := cmp.Diff(want, again); d != "" {
			t.Errorf("%s (-received +read again):\n%s", tt.name, d)
		}
	}
	refused := understand(t, strict, opened)
	if e := webhook.Reread(webhook.Source{}, refused, refused.Body); e.Effect != store.EffectClaim || e.TransactionID != "g-1" || e.Reason != "" {
		t.Errorf("by today's settings: %+v", e)
	}
	local := []byte(`{"webhookData":{"eventType":"gift-status-changed","triggeredAt":"2025-01-15T14:44:00"},"eventData":{"giftId":"g-1","status":"opened"}}`)
	if e := webhook.Reread(webhook.Source{}, refused, local); !cmp.Equal(e, refused) {
		t.Errorf("while the zone is not known: %+v", e)
	}
	other := store.Event{Dialect: "letters", Kind: "k"}
	if e := webhook.Reread(webhook.Source{}, other, []byte("{}")); !cmp.Equal(e, other) {
		t.Errorf("of a dialect that is not known: %+v", e)
	}
}
