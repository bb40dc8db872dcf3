package webhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/webhook"
)

// at returns the event opened with another time.
func at(text string) string {
	return strings.Replace(opened, "2025-01-15T14:44:00.138Z", text, 1)
}

// TestTimesOfEvents reads times as senders write them, with and without a zone,
// for a portal at UTC-8.
func TestTimesOfEvents(t *testing.T) {
	t.Parallel()
	portal := must(time.LoadLocation("America/Los_Angeles"))
	source := webhook.Source{Zone: func() *time.Location { return portal }}
	for text, want := range map[string]string{
		"2025-01-15T14:44:00.138Z":      "2025-01-15T14:44:00.138Z",
		"2025-01-15T14:44:00,138Z":      "2025-01-15T14:44:00.138Z",
		"2025-01-15t14:44:00z":          "2025-01-15T14:44:00Z",
		" 2025-01-15T14:44:00Z\n":       "2025-01-15T14:44:00Z",
		"2025-01-15T14:44:00+01:00":     "2025-01-15T13:44:00Z",
		"2025-01-15T14:44:00+0000":      "2025-01-15T14:44:00Z",
		"2025-01-15T14:44:00.5-0530":    "2025-01-15T20:14:00.5Z",
		"2025-01-15T14:44:00+00":        "2025-01-15T14:44:00Z",
		"2025-01-15T14:44Z":             "2025-01-15T14:44:00Z",
		"2025-01-15T14:44+02:00":        "2025-01-15T12:44:00Z",
		"2025-01-15 14:44:00 UTC":       "2025-01-15T14:44:00Z",
		"2025-01-15 14:44:00.138 +0000": "2025-01-15T14:44:00.138Z",
		"2025-01-15 14:44:00 GMT":       "2025-01-15T14:44:00Z",
		"20250115T144400Z":              "2025-01-15T14:44:00Z",
		"2025-01-15T14:44:00.138":       "2025-01-15T22:44:00.138Z",
		"2025-01-15 14:44":              "2025-01-15T22:44:00Z",
		"2025-07-15T14:44:00":           "2025-07-15T21:44:00Z", // summer time
	} {
		e := understand(t, source, strings.ReplaceAll(at(text), "\n", `\n`))
		if got := e.At.Format(time.RFC3339Nano); got != want || e.Effect != store.EffectClaim {
			t.Errorf("%q is read as %s (%s), want %s", text, got, e.Reason, want)
		}
	}
}

// TestZoneNotKnown: until the portal's zone is known, an event whose time needs
// it is not taken, and the sender repeats it. Other events are.
func TestZoneNotKnown(t *testing.T) {
	t.Parallel()
	var zone *time.Location
	box, log := new(inbox), new(syncBuffer)
	hooks := must(webhook.New(webhook.Options{Log: logger(log), Sources: []webhook.Source{{
		Portal: "standard", Dialect: webhook.GiftEvents, Scheme: must(schemes[0].make()), Inbox: box,
		Zone: func() *time.Location { return zone },
	}}}))
	s := &site{Hooks: hooks}
	send := func(body string) int { return s.answer(request(schemes[0], body)).StatusCode }
	local := at("2025-01-15T14:44:00")
	if got := send(local); got != http.StatusServiceUnavailable || len(box.take()) > 0 {
		t.Errorf("answered %d", got)
	}
	if !strings.Contains(log.String(), "set time_zone") {
		t.Errorf("the log does not say why:\n%s", log)
	}
	if got := send(opened); got != http.StatusOK {
		t.Errorf("an event with a zone is answered %d", got)
	}
	zone = time.UTC
	if got := send(local); got != http.StatusOK {
		t.Errorf("once the zone is known it is answered %d", got)
	}
}

// TestParcelTimeOfPortal: the time of a parcel follows the same rule.
func TestParcelTimeOfPortal(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	e := understand(t, webhook.Source{Zone: func() *time.Location { return zone }}, payload("gift-delivery-status-changed",
		`"giftId":"g-1","deliveryStatus":" shipped ","shippedDate":"2025-01-16 08:00:00"`))
	if want := time.Date(2025, 1, 16, 7, 0, 0, 0, time.UTC); e.ParcelStatus != "shipped" || !e.ParcelAt.Equal(want) {
		t.Errorf("parcel %q at %v, want %v (%s)", e.ParcelStatus, e.ParcelAt, want, e.Reason)
	}
}

// TestBlanksAroundWords: blanks and invisible characters around ids and words
// change nothing, nor does a byte order mark before the body.
func TestBlanksAroundWords(t *testing.T) {
	t.Parallel()
	source := webhook.Source{CompanyID: "c-1 ", MetadataKeys: []string{"order"}}
	plainly := understand(t, source, payload("gift-status-changed", `"giftId":"g-1","companyId":"c-1","status":"claimed","metadata":{"order":"7"}`))
	for _, body := range []string{
		"\ufeff" + payload("gift-status-changed", `"giftId":"g-1","companyId":"c-1","status":"claimed","metadata":{"order":"7"}`),
		payload(" gift-status-changed ", `"giftId":"g-1","companyId":"c-1","status":"claimed","metadata":{"order":"7"}`),
		payload("gift-status-changed", `"giftId":" g-1\u200b","companyId":"c-1","status":"claimed","metadata":{"order":"\u00a07 "}`),
		payload("gift-status-changed", `"giftId":"g-1","companyId":"\tc-1","status":"claimed ","metadata":{"order":"7"}`),
		payload("gift-status-changed", `"giftId":"g-1","companyId":"c-1","status":"\u00a0Claimed\ufeff","metadata":{"order":"7"}`),
	} {
		e := understand(t, source, body)
		if e.Status != plan.Redeemed || e.TransactionID != "g-1" || e.Aliases[0] != "7" || e.Key != plainly.Key {
			t.Errorf("%q: %s %q of %q, aliases %q (%s)", body, e.Effect, e.Status, e.TransactionID, e.Aliases, e.Reason)
		}
	}
}

// TestContentTypes: which announcements of JSON are accepted, and that a refusal
// says which of its reasons it has.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	const kind, coding = "Content-Type", "Content-Encoding"
	for _, tt := range []struct{ header, value, reason string }{
		{kind, "application/json", ""},
		{kind, "Application/JSON;charset=UTF-8", ""},
		{kind, `application/json; charset="utf-8"`, ""},
		{kind, "application/json; charset=utf8", ""},
		{kind, "application/json; charset=US-ASCII", ""},
		{kind, "application/json; profile=x", ""},
		{coding, "", ""},
		{coding, "identity", ""},
		{coding, "Identity, identity", ""},
		{kind, "application/json; charset=iso-8859-1", "charset"},
		{kind, "application/json; charset=utf-16", "charset"},
		{kind, "text/plain", "content type is another"},
		{kind, "application/json; charset", "content type is another"},
		{kind, "", "content type is missing"},
		{coding, "gzip", "encoding"},
		{coding, "identity, br", "encoding"},
	} {
		s := newSite(t)
		r := request(schemes[0], opened)
		r.Header.Set(tt.header, tt.value)
		res := s.answer(r)
		said := body(res)
		switch {
		case tt.reason == "" && res.StatusCode != http.StatusOK:
			t.Errorf("%s %q: %s %s", tt.header, tt.value, res.Status, said)
		case tt.reason != "" && (res.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(said, tt.reason) || !strings.Contains(s.log.String(), tt.reason)):
			t.Errorf("%s %q: %s %s, log:\n%s", tt.header, tt.value, res.Status, said, s.log)
		}
	}
}
