package webhook_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/webhook"
)

var discard = slog.New(slog.DiscardHandler)

// understand sends a signed body to an endpoint and returns the event.
func understand(t rapid.TB, source webhook.Source, body string) store.Event {
	t.Helper()
	box := new(inbox)
	source.Portal, source.Dialect, source.Inbox = "standard", webhook.GiftEvents, box
	source.Scheme = must(schemes[0].make())
	hooks, err := webhook.New(webhook.Options{Sources: []webhook.Source{source}, Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Hooks: hooks}
	res := s.answer(request(schemes[0], body))
	events := box.take()
	if res.StatusCode != 200 || len(events) != 1 {
		t.Fatalf("answered %s, %d events kept, for %.300s", res.Status, len(events), body)
	}
	e := events[0]
	if string(e.Body) != body || !e.Signed || e.Dialect != webhook.GiftEvents || e.ReceivedAt.IsZero() || len(e.Key) != 64 {
		t.Fatalf("event is %+v", e)
	}
	if (e.Reason != "") != (e.Effect == store.EffectUnknown) {
		t.Fatalf("effect %s with reason %q", e.Effect, e.Reason)
	}
	return e
}

// payload returns an event in the catalogue's form.
func payload(kind, data string) string {
	return `{"webhookData":{"id":"string","eventType":"` + kind + `","target":"string","triggeredAt":"2025-01-16T12:50:40.313Z"},"eventData":{` + data + `}}`
}

// TestCatalogue reads every event of both generations.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 1, 16, 12, 50, 40, 313e6, time.UTC)
	ids := `"companyId":"c-1","giftId":"g-1"`
	older := `"giftId":"g-1","giftLink":"https://gift.example/g-1","cadance":3,"sendingChannel":"mail"`
	claim := func(s plan.Status) store.Event {
		return store.Event{Effect: store.EffectClaim, TransactionID: "g-1", Status: s, At: at}
	}
	mail := store.Event{Effect: store.EffectDetail, TransactionID: "g-1", At: at}
	for _, tt := range []struct {
		kind, data, canonical string
		want                  store.Event
	}{
		{"gift-status-changed", ids + `,"status":"unopened"`, "", claim(plan.Sent)},
		{"gift-status-changed", ids + `,"status":"unwrapped"`, "", claim(plan.Opened)},
		{"gift-status-changed", ids + `,"status":"opened"`, "", claim(plan.Opened)},
		{"gift-status-changed", ids + `,"status":"claimed"`, "", claim(plan.Redeemed)},
		{"gift-status-changed", ids + `,"status":"expired"`, "", claim(plan.Expired)},
		{"gift-status-changed", `"giftId":"g-1","status":"claimed"`, "", claim(plan.Redeemed)},
		{"gift-status-changed", ids + `,"status":"Refunded"`, "", claim(plan.Refunded)},
		{"gift-delivery-status-changed", ids + `,"deliveryStatus":"outForDelivery","outForDeliveryDate":"2025-01-16T08:00:00.000Z"`, "", store.Event{
			Effect: store.EffectDetail, TransactionID: "g-1", At: at, ParcelStatus: "outForDelivery", ParcelAt: time.Date(2025, 1, 16, 8, 0, 0, 0, time.UTC),
		}},
		{"gift-delivery-status-changed", ids + `,"deliveryStatus":"delivered"`, "", store.Event{
			Effect: store.EffectDetail, TransactionID: "g-1", At: at, ParcelStatus: "delivered", ParcelAt: at,
		}},
		{"gift-invoice-sent", `"companyId":"c-1","invoiceId":"i-1"`, "", store.Event{Effect: store.EffectListed, At: at}},
		{"gift-notification-initial-sent", ids, "", claim(plan.Delivered)},
		{"gift-notification-initial", older, "gift-notification-initial-sent", claim(plan.Delivered)},
		{"gift-notification-reminder-sent", ids, "", mail},
		{"gift-notification-reminder", older, "gift-notification-reminder-sent", mail},
		{"gift-notification-expiration-sent", ids, "", mail},
		{"gift-notification-expiration", older, "gift-notification-expiration-sent", mail},
		{"gift-notification-resend-sent", ids, "", mail},
		{"gift-notification-resend", older, "gift-notification-resend-sent", mail},
		{"thank-you-note-created", ids + `,"thankYouNote":"Thank you!\nAnn"`, "", store.Event{
			Effect: store.EffectDetail, TransactionID: "g-1", At: at, ThankYouNote: "Thank you!\nAnn",
		}},
		{"gift-status-changed", `"status":"claimed","metadata":{"thnksId":"g-9","other":"x"}`, "", store.Event{
			Effect: store.EffectClaim, Status: plan.Redeemed, At: at, Aliases: []string{"g-9"},
		}},
	} {
		tt.want.Kind, tt.want.MessageID = tt.kind, "msg_1"
		if tt.canonical != "" {
			tt.want.Kind = tt.canonical
		}
		got := understand(t, webhook.Source{MetadataKeys: []string{"thnksId", "absent"}}, payload(tt.kind, tt.data))
		if d := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(store.Event{}, "Dialect", "Key", "Signed", "Body", "ReceivedAt")); d != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.kind, tt.data, d)
		}
	}
}

// TestUnsignedMail: a mail that an unsigned event tells of, or that says not when or of
// which gift, is only listed: it is no reason to ask Thnks.
func TestUnsignedMail(t *testing.T) {
	t.Parallel()
	body := payload("gift-notification-reminder-sent", `"giftId":"g-1"`)
	e := store.Event{Dialect: webhook.GiftEvents, Body: []byte(body), ReceivedAt: time.Now()}
	if got := webhook.Reread(webhook.Source{Dialect: webhook.GiftEvents}, e, []byte(body)); got.Effect != store.EffectListed || got.TransactionID != "g-1" {
		t.Errorf("it is %s about %q", got.Effect, got.TransactionID)
	}
	e.Signed = true
	if got := webhook.Reread(webhook.Source{Dialect: webhook.GiftEvents}, e, []byte(body)); got.Effect != store.EffectDetail {
		t.Errorf("a signed one is %s", got.Effect)
	}
	untimed := []byte(`{"webhookData":{"eventType":"gift-notification-reminder-sent"},"eventData":{"giftId":"g-1"}}`)
	if got := webhook.Reread(webhook.Source{Dialect: webhook.GiftEvents}, e, untimed); got.Effect != store.EffectListed {
		t.Errorf("one without a time is %s", got.Effect)
	}
	for data, want := range map[string]store.Effect{`"metadata":{"order":"o-1"}`: store.EffectDetail, `"metadata":{"other":"o-1"}`: store.EffectListed} {
		body := payload("gift-notification-reminder-sent", data)
		if got := webhook.Reread(webhook.Source{MetadataKeys: []string{"order"}}, e, []byte(body)); got.Effect != want {
			t.Errorf("one of %s is %s, want %s", data, got.Effect, want)
		}
	}
}

// TestNotUnderstood sends signed bodies that cannot be understood. All are kept
// and none has an effect.
func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	status := func(data string) string { return payload("gift-status-changed", data) }
	deep := strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40)
	for _, tt := range []struct{ name, body, reason string }{
		{"nothing", ``, "JSON value"},
		{"text", `hello`, "JSON value"},
		{"two values", opened + opened, "JSON value"},
		{"cut", opened[:len(opened)-1], "JSON value"},
		{"comment", `/* */` + opened, "JSON value"},
		{"two byte order marks", "\ufeff\ufeff" + opened, "JSON value"},
		{"null", `null`, "not a JSON object"},
		{"string", `"opened"`, "not a JSON object"},
		{"list of events", `[` + opened + `]`, "not a JSON object"},
		{"invalid UTF-8", status(`"giftId":"g-` + "\xff" + `","status":"opened"`), "UTF-8"},
		{"deep", status(`"giftId":"g-1","status":"opened","x":` + deep), "deep"},
		{"very deep", strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat(`}`, 20_000), "JSON value"},
		{"many tokens", status(`"giftId":"g-1","status":"opened","x":[0` + strings.Repeat(`,0`, 10_000) + `]`), "tokens"},
		{"long string", status(`"giftId":"g-1","status":"opened","x":"` + strings.Repeat("x", 64<<10+1) + `"`), "64 KiB"},
		{"long key", status(`"giftId":"g-1","status":"opened","` + strings.Repeat("x", 64<<10+1) + `":1`), "64 KiB"},
		{"doubled key", status(`"giftId":"g-1","giftId":"g-2","status":"opened"`), "twice"},
		{"doubled key, escaped", status(`"giftId":"g-1","gift\u0049d":"g-2","status":"opened"`), "twice"},
		{"doubled key, far in", status(`"giftId":"g-1","status":"opened","metadata":{"a":[{"b":1,"b":1}]}`), "twice"},
		{"key in other case", status(`"GIFTID":"g-1","status":"opened"`), "names no gift"},
		{"no envelope", `{"giftId":"g-1","status":"opened"}`, "type"},
		{"envelope of another form", `{"webhookData":[],"eventData":"x"}`, "type"},
		{"no type", strings.Replace(opened, "eventType", "type", 1), "names no type"},
		{"other type", payload("gift-exploded", `"giftId":"g-1"`), `type "gift-exploded" is not known`},
		{"a type that is no word", payload("g-1 was eaten", `"giftId":"g-1"`), "type is not known"},
		{"type in other case", payload("Gift-Status-Changed", `"giftId":"g-1","status":"opened"`), "type"},
		{"no gift", status(`"status":"opened"`), "names no gift"},
		{"gift is a fraction", status(`"giftId":7.5,"status":"opened"`), "names no gift"},
		{"gift is a power", status(`"giftId":7e5,"status":"opened"`), "names no gift"},
		{"gift is long", status(`"giftId":"` + strings.Repeat("g", 256) + `","status":"opened"`), "id"},
		{"gift with NUL", status(`"giftId":"g\u0000","status":"opened"`), "id"},
		{"gift with half a surrogate", status(`"giftId":"g\ud800","status":"opened"`), "id"},
		{"gift of blanks", status(`"giftId":" \u200b","status":"opened"`), "names no gift"},
		{"no status", status(`"giftId":"g-1"`), "status"},
		{"other status", status(`"giftId":"g-1","status":"Parked"`), `the gift's status "parked" is not known`},
		{"a status that is no word", status(`"giftId":"g-1","status":"eaten by g-1"`), "the gift's status is not known"},
		{"status unknown", status(`"giftId":"g-1","status":"unknown"`), "status"},
		{"no parcel status", payload("gift-delivery-status-changed", `"giftId":"g-1"`), "parcel"},
		{"parcel status is a sentence", payload("gift-delivery-status-changed", `"giftId":"g-1","deliveryStatus":"at the door"`), "parcel"},
		{"no note", payload("thank-you-note-created", `"giftId":"g-1","thankYouNote":" \n"`), "note"},
		{"no time", strings.Replace(opened, "triggeredAt", "at", 1), "when"},
		{"no time at all", strings.Replace(opened, "2025-01-15T14:44:00.138Z", "0001-01-01T00:00:00Z", 1), "RFC 3339"},
		{"the epoch", strings.Replace(opened, "2025-01-15T14:44:00.138Z", "1970-01-01T00:00:00Z", 1), "before 2000"},
		{"time in another zone's name", strings.Replace(opened, "138Z", "138 CET", 1), "RFC 3339"},
		{"time without a clock", strings.Replace(opened, "2025-01-15T14:44:00.138Z", "2025-01-15", 1), "RFC 3339"},
		{"time without a date", strings.Replace(opened, "2025-01-15T14:44:00.138Z", "14:44:00Z", 1), "RFC 3339"},
		{"time is a number", strings.Replace(opened, `"2025-01-15T14:44:00.138Z"`, `1736952240`, 1), "RFC 3339"},
		{"time in the future", strings.Replace(opened, "2025-01-15T14:44:00.138Z", future, 1), "in the future"},
	} {
		e := understand(t, webhook.Source{}, tt.body)
		if e.Effect != store.EffectUnknown || !strings.Contains(e.Reason, tt.reason) || e.Status != "" || e.ParcelStatus != "" || e.ThankYouNote != "" {
			t.Errorf("%s: %s (%s) %q", tt.name, e.Effect, e.Reason, e.Status)
		}
		if strings.Contains(e.Reason, "g-1") || strings.Contains(e.Reason, "eaten") {
			t.Errorf("%s: the reason quotes the body: %s", tt.name, e.Reason)
		}
	}
}

// TestEventsAheadOfOurClock: clocks differ by some minutes, and no more.
func TestEventsAheadOfOurClock(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]store.Effect{9 * time.Minute: store.EffectClaim, 11 * time.Minute: store.EffectUnknown} {
		at := understand(t, webhook.Source{}, opened).ReceivedAt.Add(ahead).Format(time.RFC3339)
		e := understand(t, webhook.Source{}, strings.Replace(opened, "2025-01-15T14:44:00.138Z", at, 1))
		if e.Effect != want {
			t.Errorf("%s ahead: %s (%s), want %s", ahead, e.Effect, e.Reason, want)
		}
	}
}

// TestIDsOfDigits: an id is the same as a number and as text.
func TestIDsOfDigits(t *testing.T) {
	t.Parallel()
	source := webhook.Source{CompanyID: "42", MetadataKeys: []string{"order"}}
	body := payload("gift-status-changed", `"giftId":12345678901234567890,"companyId":42,"metadata":{"order":7},"status":"opened"`)
	e := understand(t, source, body)
	if e.TransactionID != "12345678901234567890" || !slices.Equal(e.Aliases, []string{"7"}) || e.Status != plan.Opened {
		t.Errorf("gift %q, aliases %v, status %q (%s)", e.TransactionID, e.Aliases, e.Status, e.Reason)
	}
	if e := understand(t, source, strings.Replace(body, `:42`, `:43`, 1)); e.Effect != store.EffectUnknown {
		t.Errorf("another company's event is a %s", e.Effect)
	}
}

func TestTestButton(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]store.Effect{
		`{"verificationToken":"abc"}`:                               store.EffectListed,
		`{"verification_token":"abc","note":1}`:                     store.EffectListed,
		`{"webhookData":{"eventType":"test"},"eventData":{}}`:       store.EffectListed,
		`{"webhookData":{"eventType":"webhook.test"}}`:              store.EffectListed,
		`{"webhookData":{"eventType":"ping"}}`:                      store.EffectListed,
		`{"webhookData":{"eventType":"contest-won"}}`:               store.EffectUnknown,
		`{"webhookData":{},"eventData":{"giftId":"g"},"token":"a"}`: store.EffectUnknown,
		`{"test":2432232314}`:                                       store.EffectListed,
		`{"token":7}`:                                               store.EffectUnknown,
		`{}`:                                                        store.EffectUnknown,
	} {
		if e := understand(t, webhook.Source{CompanyID: "c-1"}, body); e.Effect != want || (e.Kind == "test") != (want == store.EffectListed) || e.Test != (want == store.EffectListed) {
			t.Errorf("%s: %s %q", body, e.Effect, e.Kind)
		}
	}
}

func TestCompany(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		company, data string
		want          store.Effect
	}{
		{"", `"giftId":"g-1","status":"opened"`, store.EffectClaim},
		{"", `"companyId":"c-2","giftId":"g-1","status":"opened"`, store.EffectClaim},
		{"c-1", `"companyId":"c-1","giftId":"g-1","status":"opened"`, store.EffectClaim},
		{"c-1", `"companyId":"c-2","giftId":"g-1","status":"opened"`, store.EffectUnknown},
		{"c-1", `"companyId":"C-1","giftId":"g-1","status":"opened"`, store.EffectUnknown},
		{"c-1", `"giftId":"g-1","status":"opened"`, store.EffectUnknown},
	} {
		e := understand(t, webhook.Source{CompanyID: tt.company}, payload("gift-status-changed", tt.data))
		if e.Effect != tt.want {
			t.Errorf("company %q, event %s: %s %s", tt.company, tt.data, e.Effect, e.Reason)
		}
	}
}

// TestMetadataStaysOut checks that only entries that can name a gift are kept,
// in the order of the source's keys.
func TestMetadataStaysOut(t *testing.T) {
	t.Parallel()
	body := payload("gift-status-changed", fmt.Sprintf(`"giftId":"g-1","status":"opened","metadata":{"a":"1","b":"2","c":[3],"d":%q,"e":"","z":26}`, strings.Repeat("d", 256)))
	e := understand(t, webhook.Source{MetadataKeys: []string{"z", "c", "d", "e", "f", "a"}}, body)
	if d := cmp.Diff([]string{"26", "1"}, e.Aliases); d != "" {
		t.Errorf("aliases (-want +got):\n%s", d)
	}
}

// TestMetadataProperties: named entries of metadata go into their properties, as
// text; no others are kept.
func TestMetadataProperties(t *testing.T) {
	t.Parallel()
	source := webhook.Source{MetadataProperties: map[string]string{"a": "pa", "b": "pb", "c": "pc", "d": "pd", "e": "pe", "f": "pf"}}
	body := payload("gift-status-changed", `"giftId":"g-1","status":"opened","metadata":{"a":" ref\u00a0","b":9007199254740993,"c":true,"d":{"x":1},"e":"  ","z":"private"}`)
	if d := cmp.Diff(map[string]string{"pa": "ref", "pb": "9007199254740993", "pc": "true"}, understand(t, source, body).Properties); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if e := understand(t, source, payload("gift-status-changed", `"giftId":"g-1","status":"odd","metadata":{"a":"ref"}`)); e.Properties != nil {
		t.Errorf("of an event that is not understood: %v", e.Properties)
	}
}

// TestKeyOfAnEvent checks what makes two deliveries the same event: what happened, to
// which gift and when, and nothing else.
func TestKeyOfAnEvent(t *testing.T) {
	t.Parallel()
	key := func(body string) string { return understand(t, webhook.Source{}, body).Key }
	base := key(opened)
	swap := func(old, with string) string {
		if !strings.Contains(opened, old) {
			t.Fatalf("nothing to replace: %s", old)
		}
		return strings.Replace(opened, old, with, 1)
	}
	for _, same := range []string{
		opened, " " + opened, swap("wh_1", "wh_2"), swap("REF123456", "other"), swap(".138Z", ".138000Z"),
		swap("14:44:00.138Z", "15:44:00.138+01:00"), swap(`"target":"string",`, ""),
	} {
		if key(same) != base {
			t.Errorf("another key for %s", same)
		}
	}
	seen := map[string]string{base: opened}
	for _, other := range []string{
		swap("g-1", "g-2"), swap(`"opened"`, `"claimed"`), swap(".138Z", ".139Z"), swap("gift-status-changed", "gift-notification-reminder-sent"),
		swap("gift-status-changed", "gift-exploded"), swap(`"opened"`, `"eaten"`), swap(`"opened"`, `"drunk"`), `{}`, ` {}`,
		payload("gift-invoice-sent", `"invoiceId":"1"`), payload("gift-invoice-sent", `"invoiceId":"2"`),
	} {
		k := key(other)
		if earlier, ok := seen[k]; ok {
			t.Errorf("one key for %s and %s", earlier, other)
		}
		seen[k] = other
	}
	// Where one field ends and the next begins must matter.
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{1,3}`)
		a := [2]string{word.Draw(t, "gift"), word.Draw(t, "parcel")}
		b := [2]string{word.Draw(t, "gift"), word.Draw(t, "parcel")}
		key := func(p [2]string) string {
			return understand(t, webhook.Source{}, payload("gift-delivery-status-changed", fmt.Sprintf(`"giftId":%q,"deliveryStatus":%q`, p[0], p[1]))).Key
		}
		if (key(a) == key(b)) != (a == b) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
