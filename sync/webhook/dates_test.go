package webhook_test

import (
	"fmt"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// TestDatesUpToTheReceipt has events of each dialect whose date stands anywhere
// between long before their receipt and after it: what our clock may lag behind
// the sender's is taken, a millisecond more is not.
func TestDatesUpToTheReceipt(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	zone := func() *time.Location { return time.UTC }
	for dialect, body := range map[string]func(time.Time) string{
		webhook.GiftEvents: func(at time.Time) string {
			return fmt.Sprintf(`{"webhookData":{"eventType":"gift-status-changed","triggeredAt":%q},"eventData":{"giftId":"g-1","status":"opened"}}`, at.Format(time.RFC3339Nano))
		},
		webhook.Thyngs: func(at time.Time) string {
			return fmt.Sprintf(`{"Id":"1","ConversionTime":%q}`, at.Format("01/02/2006 15:04:05.000"))
		},
		webhook.ZohoThrive: func(at time.Time) string {
			return fmt.Sprintf(`{"message":{"event":"opt_in","joined_date":%d}}`, at.UnixMilli())
		},
		webhook.HubSpot: func(at time.Time) string {
			return fmt.Sprintf(`{"portalId":1,"eventId":1,"subscriptionType":"contact.creation","objectId":5,"occurredAt":%d}`, at.UnixMilli())
		},
	} {
		for _, tt := range []struct {
			late time.Duration // from the date to the receipt
			want bool
		}{
			{90 * 24 * time.Hour, true},
			{time.Hour, true},
			{time.Millisecond, true},
			{0, true},
			{-10 * time.Minute, true},
			{-10*time.Minute - time.Millisecond, false},
			{-time.Hour, false},
		} {
			at := received.Add(-tt.late)
			e := webhook.Reread(webhook.Source{Zone: zone}, store.Event{Dialect: dialect, Kind: "Stamp Create", ReceivedAt: received}, []byte(body(at)))
			want := at
			if !tt.want {
				want = time.Time{}
			}
			if !e.At.Equal(want) || e.Effect == store.EffectUnknown && tt.want {
				t.Errorf("%s, %v before its receipt: at %v (%s %s), want %v", dialect, tt.late, e.At, e.Effect, e.Reason, want)
			}
			if dialect == webhook.GiftEvents && (e.Effect == store.EffectClaim) != tt.want {
				t.Errorf("%v before its receipt: %s", tt.late, e.Effect)
			}
		}
	}
}

// TestParcelDates: a parcel's own date counts up to the event that tells of it. A
// later one, even before the receipt, is a forecast, and the event's stands.
func TestParcelDates(t *testing.T) {
	t.Parallel()
	told := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		date string
		want time.Time
	}{
		{"2026-03-01T08:00:00Z", told.Add(-28 * time.Hour)},
		{"2026-03-02T12:00:00Z", told},
		{"2026-03-02T12:00:00.001Z", told},
		{"2026-03-02T15:00:00Z", told}, // before the receipt
		{"2026-03-09T15:00:00Z", told},
		{"tomorrow", told},
		{"1970-01-01T00:00:00Z", told},
	} {
		body := fmt.Sprintf(`{"webhookData":{"eventType":"gift-delivery-status-changed","triggeredAt":"2026-03-02T12:00:00Z"},`+
			`"eventData":{"giftId":"g-1","deliveryStatus":"shipped","shippedDate":%q}}`, tt.date)
		e := webhook.Reread(webhook.Source{}, store.Event{Dialect: webhook.GiftEvents, ReceivedAt: told.Add(6 * time.Hour)}, []byte(body))
		if !e.ParcelAt.Equal(tt.want) || !e.At.Equal(told) || e.Effect != store.EffectDetail {
			t.Errorf("%s: parcel at %v, event at %v (%s %s), want %v", tt.date, e.ParcelAt, e.At, e.Effect, e.Reason, tt.want)
		}
	}
}
