package thnksapitest_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

var end = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestGenerateIsDeterministic: the same data for the same seed, in any
// process; another seed makes other data.
func TestGenerateIsDeterministic(t *testing.T) {
	d := thnksapitest.Data{Seed: 5, N: 600, Recipients: 100, End: end, Ugly: true, Late: time.Hour}
	a, b := thnksapitest.Generate(d), slices.Collect(thnksapitest.Stream(d))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two generations differ:\n%s", diff)
	}
	d.Seed++
	if reflect.DeepEqual(a, thnksapitest.Generate(d)) {
		t.Error("another seed makes the same data")
	}
	first := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 1, End: end})[0]
	got := fmt.Sprint(first.ID, " ", first.Gift, " ", first.Recipient, " ", first.Status, " ", first.UpdatedAt.Format(time.RFC3339))
	const want = "T-000001 {5731 Bouquet of Flowers Flowers} {Kylie Tran kylie.tran0@buildingeye.example } redeemed 2025-02-09T10:14:02Z"
	if got != want {
		t.Errorf("the first transaction of seed 1 is\n%s, want\n%s", got, want)
	}
}

// TestRecipients: there are exactly as many distinct addresses as requested,
// ugly or not, and all of them are in Addresses.
func TestRecipients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := thnksapitest.Data{
			Seed: rapid.Uint64().Draw(t, "seed"), N: rapid.IntRange(0, 300).Draw(t, "n"),
			Recipients: rapid.IntRange(1, 300).Draw(t, "e"), End: end, Ugly: rapid.Bool().Draw(t, "ugly"),
		}
		txs := thnksapitest.Generate(d)
		if len(txs) != d.N {
			t.Fatalf("%d transactions, want %d", len(txs), d.N)
		}
		got := thnksapitest.Recipients(txs)
		if want := min(d.N, d.Recipients); d.N >= d.Recipients && len(got) != want || len(got) > want {
			t.Fatalf("%d addresses, want %d", len(got), want)
		}
		announced := d.Addresses()
		for _, a := range got {
			if !slices.Contains(announced, a) || a != strings.ToLower(a) {
				t.Fatalf("%q is not among the announced addresses", a)
			}
		}
	})
}

// TestLives: stamps follow the life of a gift, and nothing is later than the
// end.
func TestLives(t *testing.T) {
	statuses := make(map[string]int)
	for _, x := range thnksapitest.Generate(thnksapitest.Data{Seed: 2, N: 3000, End: end}) {
		statuses[x.Status]++
		steps := times(x.Times)
		newest, before := x.CreatedAt, x.CreatedAt
		for _, at := range steps {
			if at.IsZero() {
				continue
			}
			if at.Before(before) {
				t.Fatalf("%s goes back in time: %+v", x.ID, x.Times)
			}
			before = at
			if !at.After(end) {
				newest = at
			}
		}
		if !x.UpdatedAt.Equal(newest) && x.Status != "scheduled" || x.UpdatedAt.After(end) || x.CreatedAt.After(end) {
			t.Fatalf("%s was updated at %v, its last step is at %v", x.ID, x.UpdatedAt, newest)
		}
		if !x.Times.Expired.IsZero() && x.Times.Opened.IsZero() {
			if got := x.Times.Expired.Sub(x.Times.Delivered); got != 30*24*time.Hour {
				t.Fatalf("%s expired unopened after %v", x.ID, got)
			}
		}
		if r := x.Times.Refunded; !r.IsZero() && (r.Day() != 10 || !x.Times.Opened.IsZero()) {
			t.Fatalf("%s was refunded on %v", x.ID, r)
		}
	}
	for _, s := range []string{"scheduled", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated"} {
		if statuses[s] == 0 {
			t.Errorf("none of 3,000 is %s: %v", s, statuses)
		}
	}
}

// times in the order of a life.
func times(x thnksapitest.Times) []time.Time {
	return []time.Time{x.Scheduled, x.Sent, x.Delivered, x.Undelivered, x.Opened, x.Redeemed, x.Donated, x.Expired, x.Refunded}
}

// TestAwkwardTransactions: each kind of awkward transaction is generated.
func TestAwkwardTransactions(t *testing.T) {
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 2000, Recipients: 300, End: end, Ugly: true, Late: time.Hour})
	has := func(what string, is func(thnksapitest.Transaction) bool) {
		t.Helper()
		if !slices.ContainsFunc(txs, is) {
			t.Errorf("no transaction with %s", what)
		}
	}
	text := func(s string) func(thnksapitest.Transaction) bool {
		return func(x thnksapitest.Transaction) bool {
			return strings.Contains(x.Message+x.Recipient.Name(), s)
		}
	}
	has("an emoji", text("🎁"))
	has("a joined emoji", text("👩\u200d👩"))
	has("right-to-left text", text("محمد"))
	has("a null byte", text("\x00"))
	has("HTML", text("<script>"))
	has("a formula", text("=HYPERLINK"))
	for _, currency := range []string{"JPY", "KWD", "EUR"} {
		has(currency, func(x thnksapitest.Transaction) bool { return x.Currency == currency })
	}
	for _, s := range []string{"scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated", "on_hold"} {
		has(s, func(x thnksapitest.Transaction) bool { return x.Status == s })
	}
	has("no id", func(x thnksapitest.Transaction) bool { return x.ID == "" })
	has("a phone only", func(x thnksapitest.Transaction) bool { return x.Recipient.Email == "" && x.Recipient.Phone != "" })
	has("an invalid address", func(x thnksapitest.Transaction) bool { return x.Recipient.Email == "not-an-address" })
	has("a mixed-case address", func(x thnksapitest.Transaction) bool { return x.Recipient.Email != strings.ToLower(x.Recipient.Email) })
	has("a numeric amount", func(x thnksapitest.Transaction) bool { return x.NumericAmount })
	has("no amount", func(x thnksapitest.Transaction) bool { return x.Amount == "" })
	has("the year 9999", func(x thnksapitest.Transaction) bool { return x.Times.Opened.Year() == 9999 })
	has("a late appearance", func(x thnksapitest.Transaction) bool { return x.VisibleAfter.Equal(end.Add(time.Hour)) })

	stamps := make(map[time.Time]int)
	for _, x := range txs {
		stamps[x.UpdatedAt]++
	}
	if most := slices.Max(slices.Collect(func(yield func(int) bool) {
		for _, n := range stamps {
			if !yield(n) {
				return
			}
		}
	})); most < 300 {
		t.Errorf("at most %d transactions share a stamp", most)
	}
}

// TestLongMessage: 70,000 characters, one of four bytes across every way of
// counting 65,536.
func TestLongMessage(t *testing.T) {
	const limit = 65_536
	for x := range thnksapitest.Stream(thnksapitest.Data{Seed: 3, N: 50, End: end, Ugly: true}) {
		if len(x.Message) < limit {
			continue
		}
		units := utf16.Encode([]rune(x.Message))
		switch {
		case utf8.RuneCountInString(x.Message) != 70_000:
			t.Errorf("%d characters", utf8.RuneCountInString(x.Message))
		case utf8.RuneStart(x.Message[limit]):
			t.Error("no character across the byte limit")
		case !utf16.IsSurrogate(rune(units[limit-1])) || !utf16.IsSurrogate(rune(units[limit])):
			t.Error("no character across the UTF-16 limit")
		}
		return
	}
	t.Error("no long message")
}

func TestTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		rng := rand.New(rand.NewPCG(1, 2))
		s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 500, End: time.Now(), Ugly: true})...)
		var added, changed int
		for range 20 {
			time.Sleep(time.Minute)
			before := make(map[string]thnksapitest.Transaction)
			for _, x := range s.Transactions() {
				before[x.ID] = x
			}
			a, c := s.Tick(rng)
			added, changed = added+len(a), changed+len(c)
			for _, id := range a {
				x, ok := s.Transaction(id)
				if _, old := before[id]; !ok || old || !x.UpdatedAt.Equal(time.Now()) || x.Status != "sent" {
					t.Errorf("new transaction %+v", x)
				}
			}
			for _, id := range c {
				x, _ := s.Transaction(id)
				if !x.UpdatedAt.Equal(time.Now()) || x.Status == before[id].Status {
					t.Errorf("changed transaction %+v", x)
				}
			}
		}
		if added < 20 || changed < 5 || s.Len() != 500+added {
			t.Errorf("%d added, %d changed, %d in all", added, changed, s.Len())
		}
	})
}
