package thnksapitest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// wine returns a transaction.
func wine(status string) thnksapitest.Transaction {
	return thnksapitest.Transaction{
		ID: "T-000017", RequestID: "700017", Gift: thnksapitest.Gift{Name: "Glass of Wine", Type: "Happy Hour"},
		TrackingURL: "https://app.thnks.example/t/T-000017", Status: status, UpdatedAt: end,
	}
}

// TestBodies compares every kind of event in both generations with what is
// published: docs.snappy.com/docs/gift-webhook-events for the current one,
// snappy.readme.io/docs/gift-notifications-webhook-events for the older.
func TestBodies(t *testing.T) {
	const (
		company  = `"companyId": "co_1", `
		meta     = `, "metadata": {"internalReferenceId": "REF700017", "customCategory": "happy-hour"}`
		olderExt = `, "giftLink": "https://app.thnks.example/t/T-000017", "sendingChannel": "mail"`
		id       = `"giftId": "T-000017"`
	)
	for _, c := range []struct {
		kind                 thnksapitest.Kind
		current, older, name string // eventData, and the older name where it differs
	}{
		{thnksapitest.StatusChanged, company + id + `, "status": "claimed"` + meta, company + id + `, "status": "claimed"`, ""},
		{
			thnksapitest.ParcelChanged,
			company + id + `, "deliveryStatus": "orderReceived", "orderReceivedDate": "2026-11-21T12:00:00.138Z"`,
			company + id + `, "deliveryStatus": "orderReceived", "orderReceivedDate": "2026-11-21T12:00:00.138Z"`, "",
		},
		{thnksapitest.InvoiceSent, company + `"invoiceId": "INV-700017"`, company + `"invoiceId": "INV-700017"`, ""},
		{thnksapitest.InitialSent, company + id + meta, id + olderExt, "gift-notification-initial"},
		{thnksapitest.ReminderSent, company + id + meta, id + olderExt + `, "cadance": 7`, "gift-notification-reminder"},
		{thnksapitest.ExpirationSent, company + id + meta, id + olderExt + `, "cadance": 1`, "gift-notification-expiration"},
		{thnksapitest.ResendSent, company + id + meta, id + olderExt, "gift-notification-resend"},
		{
			thnksapitest.NoteCreated,
			company + id + `, "thankYouNote": "Thank you so much, this made my day!"`,
			company + id + `, "thankYouNote": "Thank you so much, this made my day!"`, "",
		},
		{
			thnksapitest.TestSent, company + `"verificationToken": "b0a51f7e-4a63-4f0c-9a35-3f4f2f0d8c11"`,
			company + `"verificationToken": "b0a51f7e-4a63-4f0c-9a35-3f4f2f0d8c11"`, "",
		},
	} {
		e := thnksapitest.NewEvent(c.kind, wine("redeemed"), end.Add(138*time.Millisecond+999*time.Microsecond))
		e.ID, e.Target, e.CompanyID = "wh_12345", "https://sync.example/hook", "co_1"
		older := string(c.kind)
		if c.name != "" {
			older = c.name
		}
		for _, g := range []struct {
			generation thnksapitest.Generation
			name, data string
		}{{thnksapitest.Current, string(c.kind), c.current}, {thnksapitest.Older, older, c.older}} {
			want := `{"webhookData": {"id": "wh_12345", "eventType": "` + g.name + `", "target": "https://sync.example/hook", "triggeredAt": "2026-11-21T12:00:00.138Z"},
				"eventData": {` + g.data + `}}`
			if diff := cmp.Diff(parse(t, want), parse(t, string(e.Body(g.generation)))); diff != "" {
				t.Errorf("%s in generation %d (-want +got):\n%s", c.kind, g.generation, diff)
			}
		}
	}
	if n := len(thnksapitest.Kinds()); n != 9 {
		t.Errorf("%d kinds, and this test knows 9", n)
	}
}

// TestNewestBody: the newest samples have neither company nor target.
func TestNewestBody(t *testing.T) {
	e := thnksapitest.Event{Kind: thnksapitest.StatusChanged, ID: "wh_1", GiftID: "g", Status: "unwrapped", At: end}
	want := `{"webhookData": {"id": "wh_1", "eventType": "gift-status-changed", "triggeredAt": "2026-11-21T12:00:00.000Z"},
		"eventData": {"giftId": "g", "status": "unwrapped"}}`
	if diff := cmp.Diff(parse(t, want), parse(t, string(e.Body(thnksapitest.Current)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// TestEvents: each status has its events, dated by when it was reached.
func TestEvents(t *testing.T) {
	type notice struct {
		Kind   thnksapitest.Kind
		Status string
	}
	status := func(word string) notice { return notice{thnksapitest.StatusChanged, word} }
	for _, c := range []struct {
		status         string
		current, older []notice
	}{
		{"scheduled", nil, nil},
		{"sent", []notice{status("unopened")}, []notice{status("unopened")}},
		{"delivered", []notice{{thnksapitest.InitialSent, ""}}, []notice{{thnksapitest.InitialSent, ""}}},
		{"opened", []notice{status("opened")}, []notice{status("unwrapped"), status("opened")}},
		{"redeemed", []notice{status("claimed")}, []notice{status("claimed")}},
		{"expired", []notice{status("expired")}, []notice{status("expired")}},
		{"refunded", nil, nil},
		{"undelivered", nil, nil},
		{"donated", nil, nil},
		{"on_hold", nil, nil},
	} {
		for g, want := range map[thnksapitest.Generation][]notice{thnksapitest.Current: c.current, thnksapitest.Older: c.older} {
			var got []notice
			for _, e := range thnksapitest.Events(wine(c.status), g) {
				got = append(got, notice{e.Kind, e.Status})
				if !e.At.Equal(end) || e.GiftID != "T-000017" {
					t.Errorf("an event of %s is about %s at %v", c.status, e.GiftID, e.At)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in generation %d (-want +got):\n%s", c.status, g, diff)
			}
		}
	}
	x := wine("opened")
	x.Times.Opened = end.Add(-time.Hour)
	if got := thnksapitest.Events(x, thnksapitest.Current)[0].At; !got.Equal(x.Times.Opened) {
		t.Errorf("an opening is dated %v, not when it was", got)
	}
}
