package send

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

func usd(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// open are rules under which a coffee for bea@acme.example passes.
func open() Rules {
	return Rules{
		Live: true, Allow: []string{"*"}, Currency: "USD",
		Catalogue:    map[int64]Item{5659: {"Coffee", usd("7.50")}, 5671: {"Lunch", usd("25.00")}},
		SenderBudget: usd("100"), PortalBudget: usd("100"), ApproveAbove: usd("20"),
		MostGifts: 1, Within: 30 * 24 * time.Hour, Zone: time.UTC,
	}
}

func coffee() store.Send {
	return store.Send{ID: "r", Request: "r", Gift: 5659, Recipient: "bea@acme.example", State: store.SendScheduled, Price: plan.Money{Value: usd("7.50"), Currency: "USD"}}
}

// TestJudge: each guard stops what it is for, says so, and lets pass what is just
// allowed.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Rules, *store.Send, *Facts)
		guard  string
	}{
		"nothing":                     {func(*Rules, *store.Send, *Facts) {}, ""},
		"the zero rules":              {func(r *Rules, _ *store.Send, _ *Facts) { *r = Rules{} }, GuardCatalogue},
		"kill switch":                 {func(r *Rules, _ *store.Send, _ *Facts) { r.Stop = true }, GuardKillSwitch},
		"stopped":                     {func(_ *Rules, _ *store.Send, f *Facts) { f.Stopped = "stopped" }, GuardKillSwitch},
		"ledger off":                  {func(_ *Rules, _ *store.Send, f *Facts) { f.LedgerOff = "restored" }, GuardLedger},
		"another gift":                {func(_ *Rules, s *store.Send, _ *Facts) { s.Gift = 1 }, GuardCatalogue},
		"without a price":             {func(r *Rules, _ *store.Send, _ *Facts) { r.Catalogue = map[int64]Item{5659: {Name: "Coffee"}} }, GuardCatalogue},
		"no address":                  {func(_ *Rules, s *store.Send, _ *Facts) { s.Recipient = "bea" }, GuardAllowList},
		"erased":                      {func(_ *Rules, _ *store.Send, f *Facts) { f.Erased = true }, GuardErased},
		"do not gift":                 {func(r *Rules, _ *store.Send, _ *Facts) { r.DoNotGift = []string{"Bea@Acme.example"} }, GuardDoNotGift},
		"do not gift in another case": {func(_ *Rules, s *store.Send, _ *Facts) { s.Recipient = " BEA@ACME.EXAMPLE " }, ""},
		"do not gift a domain":        {func(r *Rules, _ *store.Send, _ *Facts) { r.DoNotGift = []string{"@acme.example"} }, GuardDoNotGift},
		"do not gift another domain":  {func(r *Rules, _ *store.Send, _ *Facts) { r.DoNotGift = []string{"@cme.example", "@example"} }, ""},
		"nobody allowed":              {func(r *Rules, _ *store.Send, _ *Facts) { r.Allow = nil }, GuardAllowList},
		"others allowed":              {func(r *Rules, _ *store.Send, _ *Facts) { r.Allow = []string{"carl@acme.example", "@other.example"} }, GuardAllowList},
		"domain allowed":              {func(r *Rules, _ *store.Send, _ *Facts) { r.Allow = []string{"@ACME.example"} }, ""},
		"subdomain of an allowed one": {func(r *Rules, s *store.Send, _ *Facts) {
			r.Allow = []string{"@acme.example"}
			s.Recipient = "b@x.acme.example"
		}, GuardAllowList},
		"opted out":                     {func(_ *Rules, _ *store.Send, f *Facts) { f.OptedOut = "hs_email_optout" }, GuardOptOut},
		"a gift already":                {func(_ *Rules, _ *store.Send, f *Facts) { f.Gifts = 1 }, GuardFrequency},
		"one of two":                    {func(r *Rules, _ *store.Send, f *Facts) { r.MostGifts, f.Gifts = 2, 1 }, ""},
		"no zone":                       {func(r *Rules, _ *store.Send, _ *Facts) { r.Zone = nil }, GuardPortalBudget},
		"sender's budget just enough":   {func(_ *Rules, _ *store.Send, f *Facts) { f.SpentBy = usd("92.50") }, ""},
		"sender's budget exceeded":      {func(_ *Rules, _ *store.Send, f *Facts) { f.SpentBy = usd("92.51") }, GuardSenderBudget},
		"portal's budget exceeded":      {func(_ *Rules, _ *store.Send, f *Facts) { f.SpentByAll = usd("92.51") }, GuardPortalBudget},
		"test mode":                     {func(r *Rules, _ *store.Send, _ *Facts) { r.Live = false }, GuardTestMode},
		"test mode and another":         {func(r *Rules, _ *store.Send, f *Facts) { r.Live = false; f.Gifts = 9 }, GuardFrequency},
		"expensive":                     {func(_ *Rules, s *store.Send, _ *Facts) { s.Gift = 5671 }, GuardApproval},
		"expensive and approved":        {func(_ *Rules, s *store.Send, _ *Facts) { s.Gift, s.Approved = 5671, time.Unix(1, 0) }, ""},
		"approved, and over the budget": {func(_ *Rules, s *store.Send, f *Facts) { s.Approved = time.Unix(1, 0); f.SpentBy = usd("99") }, GuardSenderBudget},
		"approval at the amount":        {func(r *Rules, _ *store.Send, _ *Facts) { r.ApproveAbove = usd("7.50") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, f := open(), coffee(), Facts{}
			c.change(&r, &s, &f)
			v := r.Judge(s, f)
			if v.Guard != c.guard || (v.Reason == "") != (c.guard == "") || v.Hold != (c.guard == GuardApproval) {
				t.Errorf("%+v, want %q", v, c.guard)
			}
			if strings.Contains(v.Reason, "bea") {
				t.Errorf("the reason names the recipient: %s", v.Reason)
			}
		})
	}
}

// TestTally: what counts is of the same month in the portal's zone, and of the same
// recipient in whatever spelling.
func TestTally(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	r := open()
	r.Zone = zone
	now := time.Date(2026, 11, 30, 23, 0, 0, 0, zone)
	at := func(id, sender, recipient string, when time.Time, state store.SendState) store.Send {
		s := coffee()
		s.ID, s.Sender, s.Recipient, s.Begun, s.State = id, sender, recipient, when, state
		return s
	}
	this := at("r", "ann", "bea@acme.example", now, store.SendScheduled)
	ledger := []store.Send{
		this, // itself
		at("a", "ann", "BEA@acme.example", now.Add(-time.Hour), store.SendSent),
		at("a", "ann", "BEA@acme.example", now.Add(-time.Hour), store.SendSent), // twice
		at("b", "joe", "carl@acme.example", time.Date(2026, 11, 1, 0, 0, 0, 0, zone), store.SendUnknown),
		at("c", "ann", "bea@acme.example", time.Date(2026, 10, 31, 23, 59, 59, 0, zone), store.SendSent),  // last month, 30 days ago less a second
		at("d", "ann", "dan@acme.example", time.Date(2026, 12, 1, 0, 0, 0, 0, zone), store.SendScheduled), // next month
		at("e", "ann", "bea@acme.example", now.AddDate(0, 0, 29), store.SendHeld),                         // next month, within 30 days
		at("f", "ann", "bea@acme.example", now, store.SendRefused),
		at("g", "ann", "bea@acme.example", now, store.SendNotSent),
		at("h", "ann", "bea@acme.example", now, store.SendCancelled),
	}
	foreign := at("i", "ann", "eve@acme.example", now, store.SendSent)
	foreign.Price.Currency = "EUR"
	by, all, gifts := r.tally(this, now, append(ledger, foreign))
	if !by.Equal(usd("7.50")) || !all.Equal(usd("15")) || len(gifts) != 2 {
		t.Errorf("%s by the sender, %s by all, %d gifts; want 7.50, 15, 2", by, all, len(gifts))
	}
}

// TestFillTemplate: what a template makes, and what it refuses.
func TestFillTemplate(t *testing.T) {
	values := map[string]string{"first_name": "Bea", "empty": " ", "brace": "{x}", "angle": "<b>", "Order.Id": "17"}
	for template, want := range map[string]string{
		"Thank you, {first_name}!":       "Thank you, Bea!",
		"{ first_name } {first_name}":    "Bea Bea",
		"Your order {Order.Id} is here.": "Your order 17 is here.",
		"Two\nlines":                     "Two\nlines",
		"":                               "",
		" \n":                            "",
		"Hi {last_name}":                 "",
		"Hi {empty}":                     "",
		"Hi {brace}":                     "",
		"Hi {angle}":                     "",
		"Hi {":                           "",
		"Hi {first_name":                 "",
		"Hi }":                           "",
		"Hi {{first_name}}":              "",
		"Hi {}":                          "",
		"Hi <first_name>":                "",
		"Thanks <3":                      "",
		"Thanks ->":                      "",
		"Bell \a":                        "",
		"Bad \xff":                       "",
		strings.Repeat("x", 2001):        "",
	} {
		got, err := Fill(template, values)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%.40q: %q, %v; want %q", template, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "Bea") {
			t.Errorf("the error quotes a value: %v", err)
		}
	}
}

// FuzzFill: nothing is sent with a brace, with < or >, or without text.
func FuzzFill(f *testing.F) {
	f.Add("Hi {first_name}", "first_name", "Bea")
	f.Add("Hi {a}{a}", "a", "{a}")
	f.Add("<{a}>", "a", "x")
	f.Fuzz(func(t *testing.T, template, name, value string) {
		message, err := Fill(template, map[string]string{name: value})
		if err != nil {
			return
		}
		if strings.ContainsAny(message, "{}<>") || strings.TrimSpace(message) == "" || len(message) > maxMessage {
			t.Errorf("%q with %q = %q makes %q", template, name, value, message)
		}
	})
}

// TestParseAt: the days on which clocks change, in both directions.
func TestParseAt(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-03-29 01:59":          "2026-03-29T00:59:00Z",
		"2026-03-29 02:30":          "not on the clocks",
		"2026-03-29 03:00":          "2026-03-29T01:00:00Z",
		"2026-10-25 01:59":          "2026-10-24T23:59:00Z",
		"2026-10-25 02:30":          "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
		"2026-10-25 03:00":          "2026-10-25T02:00:00Z",
		"2026-10-25T02:30:00+01:00": "2026-10-25T01:30:00Z",
		"2026-12-24T09:00":          "2026-12-24T08:00:00Z",
		"2026-12-24 09:00:30":       "2026-12-24T08:00:30Z",
		"2026-02-28 09:00":          "is past",
		"2027-03-29 09:00":          "more than a year",
		"2026-02-30 09:00":          "not a time",
		"tomorrow":                  "not a time",
		"":                          "not a time",
	} {
		at, err := ParseAt(text, zone)
		if err == nil {
			err = checkAt(at, now)
		}
		got := at.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if _, err := ParseAt("2026-12-24 09:00", nil); err == nil {
		t.Error("a local time without a zone was taken")
	}
}

// TestInstants: in any zone, the times found are exactly those that the clocks show.
func TestInstants(t *testing.T) {
	zones := []string{"Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		minute := rapid.Int64Range(0, 366*24*60).Draw(t, "minute")
		wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
		var want []time.Time
		for at := wall.Add(-30 * time.Hour); at.Before(wall.Add(30 * time.Hour)); at = at.Add(30 * time.Minute) {
			for m := range 30 {
				at := at.Add(time.Duration(m) * time.Minute)
				if in := at.In(zone); in.Minute() == wall.Minute() && in.Hour() == wall.Hour() && in.Day() == wall.Day() {
					want = append(want, at)
				}
			}
		}
		got := instants(wall, zone)
		if len(got) != len(want) {
			t.Fatalf("%v in %v: %v, want %v", wall, zone, got, want)
		}
		for i := range got {
			if !got[i].Equal(want[i]) {
				t.Fatalf("%v in %v: %v, want %v", wall, zone, got, want)
			}
		}
	})
}

func TestParseRecipient(t *testing.T) {
	for text, want := range map[string]Recipient{
		"bea@acme.example":                    {Email: "bea@acme.example"},
		" bea@acme.example ":                  {Email: "bea@acme.example"},
		"Bea <bea@acme.example>":              {Email: "bea@acme.example", FirstName: "Bea"},
		`"Bea van Dam" <bea@acme.example>`:    {Email: "bea@acme.example", FirstName: "Bea van", LastName: "Dam"},
		"Bea Smith <bea@acme.example>":        {Email: "bea@acme.example", FirstName: "Bea", LastName: "Smith"},
		"bea":                                 {},
		"Bea Smith":                           {},
		"Bea <bea>":                           {},
		"a@acme.example, b@acme.example":      {},
		"Bea <a@acme.example>, <b@x.example>": {},
	} {
		got, err := ParseRecipient(text)
		if (err == nil) != (want.Email != "") || err == nil && (got.Email != want.Email || got.FirstName != want.FirstName || got.LastName != want.LastName) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}
