package sync

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

func row(t thnksapi.Transaction) thnksapi.Row {
	return thnksapi.Row{Transaction: &t, Raw: json.RawMessage(`{}`)}
}

// today is when the tests' rows are read.
var today = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// normalized is what a row read today becomes.
func normalized(row thnksapi.Row) (plan.Gift, *rowError) {
	s, bad := normalize(row, reading{at: today, clock: today})
	return s.gift, bad
}

func TestNormalizeRefusesWhatHasNoIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		row   thnksapi.Row
		class string
	}{
		{"unreadable", thnksapi.Row{Raw: json.RawMessage(`[]`), Err: errors.New("not an object")}, classUnreadable},
		{"no id", row(thnksapi.Transaction{}), classNoID},
		{"blank id", row(thnksapi.Transaction{ID: " \t"}), classNoID},
		{"long id", row(thnksapi.Transaction{ID: strings.Repeat("x", 256)}), classBadID},
		{"control character", row(thnksapi.Transaction{ID: "T-\x001"}), classBadID},
		{"invalid UTF-8", row(thnksapi.Transaction{ID: "T-\xff"}), classBadID},
	} {
		if _, bad := normalized(tt.row); bad == nil || bad.class != tt.class {
			t.Errorf("%s: got %v, want class %s", tt.name, bad, tt.class)
		}
	}
}

func TestNormalizeLeavesNonsenseOut(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 3, 1, 9, 0, 0, 0, time.FixedZone("", 3600))
	g, bad := normalized(row(thnksapi.Transaction{
		ID:       " T-1 ",
		Amount:   decimal.NewNullDecimal(decimal.RequireFromString("7.50")),
		Currency: "usd",
		Status:   "sent",
		Times: map[string]time.Time{
			"sent":    sent,
			"opened":  time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
			"expired": {},
		},
		UpdatedAt: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC),
	}))
	if bad != nil {
		t.Fatal(bad)
	}
	if g.ID != "T-1" || g.Amount.Currency != "USD" || g.Status != plan.Sent {
		t.Errorf("got id %q, currency %q, status %q", g.ID, g.Amount.Currency, g.Status)
	}
	if len(g.Times) != 1 || !g.Times[plan.Sent].Equal(sent) || g.Times[plan.Sent].Location() != time.UTC {
		t.Errorf("times %v, want only the sent one, in UTC", g.Times)
	}
	if !g.UpdatedAt.Equal(sent) {
		t.Errorf("updated %v, want the newest stamp that makes sense", g.UpdatedAt)
	}
	if g, _ := normalized(row(thnksapi.Transaction{ID: "T-2", Amount: decimal.NewNullDecimal(decimal.New(1, 0)), Currency: "dollars"})); g.Amount.Currency != "" {
		t.Errorf("currency %q, want none", g.Amount.Currency)
	}
}

func TestGuardSeparatesSchemaFromRowProblems(t *testing.T) {
	t.Parallel()
	var g failureRate
	for i := range 10_000 { // every fourth row is bad: under 30 %
		reason := ""
		if i%4 == 0 {
			reason = "refused:INVALID_EMAIL"
		}
		if err := g.add(reason); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
	}
	g = failureRate{}
	for i := range 10_000 { // 40 % bad, for two different reasons: 20 % each
		reason := []string{"", "", "", "a", "b"}[i%5]
		if err := g.add(reason); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
	}
	g = failureRate{}
	for i := range failureLimit {
		err := g.add("refused:PROPERTY_DOESNT_EXIST")
		var fatal *Fatal
		if last := i == failureLimit-1; errors.As(err, &fatal) != last {
			t.Fatalf("row %d: %v", i, err)
		}
	}
}

// TestAPlanIsNoEvent: a gift is not as new as the day it is planned for, or a
// later row of it would seem older until then.
func TestAPlanIsNoEvent(t *testing.T) {
	t.Parallel()
	sent, planned := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	g, bad := normalized(thnksapi.Row{Transaction: &thnksapi.Transaction{
		ID: "T-1", Times: map[string]time.Time{thnksapi.Scheduled: planned, thnksapi.Sent: sent},
	}})
	if bad != nil || !g.UpdatedAt.Equal(sent) {
		t.Errorf("version %s, %v; want %s", g.UpdatedAt, bad, sent)
	}
}

// FuzzNormalize feeds rows as strangers may send them through the client's
// decoder: each is a gift or a reason, never both and never a panic, and what
// becomes of a gift can be written and read back.
func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{
		`{"id":"T-1","gift":{"id":1,"name":"Coffee"},"amount":{"value":"7.50","currency":"USD"},"status":"sent","created_at":"2026-03-01T00:00:00Z","updated_at":"2026-03-01T00:00:00Z"}`,
		`{"id":12345678901234567890,"status":"TELEPORTED","sent_at":"9999-12-31T23:59:59Z"}`,
		`{"id":"\u0000","amount":{"value":1e300}}`,
		`[]`, `null`, `{"id":{}}`,
	} {
		f.Add([]byte(seed))
	}
	client, err := thnksapi.New(thnksapi.Config{BaseURL: "https://thnks.test", Key: "key", Dialect: thnksapi.DefaultDialect(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, row := range client.Decode(raw) {
			g, bad := normalized(row)
			if (bad == nil) == (g.ID == "") {
				t.Fatalf("neither or both of a gift (%q) and a reason (%v)", g.ID, bad)
			}
			if bad != nil {
				if bad.class == "" || bad.reason == "" {
					t.Fatalf("a reason without words: %+v", bad)
				}
				continue
			}
			props := plan.Properties(g)
			back, err := plan.FromProperties(props)
			if err != nil {
				t.Fatalf("written and not readable: %v", err)
			}
			if again := plan.Properties(back); len(again) != len(props) {
				t.Fatalf("%d properties became %d", len(props), len(again))
			}
		}
	})
}
