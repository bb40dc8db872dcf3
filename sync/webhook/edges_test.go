package webhook_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

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
