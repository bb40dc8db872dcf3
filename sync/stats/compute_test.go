package stats

import (
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func records(list []plan.Stored) iter.Seq2[plan.Stored, error] {
	return func(yield func(plan.Stored, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 12, 0, 0, 0, time.UTC) }

func usd(v string) plan.Money {
	return plan.Money{Value: decimal.RequireFromString(v), Currency: "USD"}
}

func ptr[T any](v T) *T { return &v }

// example returns records that are few enough to count by hand.
func example() []plan.Stored {
	type times = map[plan.Status]time.Time
	ann := plan.Person{Name: "Ann Lee", Email: "ann@example.com"}
	annBefore := plan.Person{Name: "Ann", Email: "Ann@Example.com "}
	bob := plan.Person{Name: "Bob"}
	deal := func(id, stage, amount string, at time.Time) plan.Link {
		return plan.Link{Kind: plan.Deal, ID: id, Stage: stage, Amount: amount, At: at}
	}
	contact := plan.Link{Kind: plan.Contact, ID: "101"}
	return []plan.Stored{
		{ // redeemed, with a small deal that was linked before a large one
			Gift: plan.Gift{
				ID: "1", Name: "Latte", Type: "Coffee", Amount: usd("7.5"), Sender: annBefore, Recipient: plan.Person{Name: "Rita"},
				Status: plan.Redeemed, Times: times{plan.Sent: day(1, 5), plan.Redeemed: day(1, 7)},
			},
			ObjectID: "501",
			Links:    []plan.Link{contact, deal("8", "s2", "50000", day(2, 1)), deal("9", "s1", "999.99", day(1, 5))},
		},
		{ // opened; sent at what is already February in Tokyo
			Gift: plan.Gift{
				ID: "2", Name: "Mocha", Type: "Coffee", Amount: usd("2.505"), Sender: ann, Recipient: plan.Person{Email: "sam@example.org"},
				Status: plan.Opened, Times: times{plan.Sent: time.Date(2026, 1, 31, 20, 0, 0, 0, time.UTC)},
			},
			Links: []plan.Link{contact, deal("9", "s1", "1000", day(2, 1))},
		},
		{ // redeemed and refunded nevertheless
			Gift: plan.Gift{
				ID: "3", Name: "Lunch for two", Amount: plan.Money{Value: decimal.NewFromInt(3000), Currency: "JPY"}, Sender: bob,
				Status: plan.Refunded, Times: times{plan.Sent: day(2, 3), plan.Redeemed: day(2, 4), plan.Refunded: day(3, 10)},
			},
			Orphan: plan.NoEmail,
		},
		{ // bounced, later refunded
			Gift: plan.Gift{
				ID: "4", Type: "Coffee", Amount: usd("5"), Sender: ann, Recipient: plan.Person{Phone: "+1 555 0100"},
				Status: plan.Refunded, Times: times{plan.Sent: day(2, 5), plan.Undelivered: day(2, 5), plan.Refunded: day(3, 10)},
			},
			Orphan: plan.NoContact,
		},
		{ // donated; no time of sending
			Gift: plan.Gift{
				ID: "5", Type: "Donation", Amount: plan.Money{Value: decimal.NewFromInt(10)},
				Status: plan.Donated, CreatedAt: day(2, 6),
			},
			Links: []plan.Link{contact, deal("9", "s9", "", day(2, 6))},
		},
		{ // scheduled: not sent
			Gift: plan.Gift{
				ID: "6", Type: "Coffee", Amount: usd("100"), Sender: ann,
				Status: plan.Scheduled, Times: times{plan.Scheduled: day(12, 24)},
			},
			Orphan: plan.BadEmail,
		},
		{ // undelivered, and no longer listed by the source
			Gift: plan.Gift{ID: "7", Type: "Lunch", Status: plan.Undelivered, Times: times{plan.Sent: day(2, 7)}},
			Gone: day(3, 1),
		},
		{ // deleted by users: not in the portal
			Gift:    plan.Gift{ID: "8", Type: "Coffee", Amount: usd("1000"), Sender: ann, Status: plan.Redeemed, Times: times{plan.Sent: day(2, 8)}},
			Orphan:  plan.NoContact,
			Deleted: day(3, 1),
		},
	}
}

func exampleOptions() Options {
	tokyo := time.FixedZone("JST", 9*3600)
	return Options{
		Portal: "acme", Location: tokyo, Stages: map[string]string{"s1": "Proposal"}, Records: "https://app.hubspot.com/contacts/62515/record/2-7/",
		LastSync: day(3, 12), Now: day(3, 13), Version: "v1.2.3",
	}
}

func TestComputeExample(t *testing.T) {
	got, err := Compute(records(example()), exampleOptions())
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		Portal:         "acme",
		Version:        "v1.2.3",
		TotalSent:      6,
		TotalValue:     Amounts{"USD": "15.005", "JPY": "3000", "XXX": "10"},
		AverageValue:   Amounts{"USD": "5.00", "JPY": "3000", "XXX": "10.00"},
		RefundedValue:  Amounts{"USD": "5.00", "JPY": "3000"},
		TopTypes:       []Count{{"Coffee", 3}, {"Donation", 1}, {"Lunch", 1}, {"Lunch for two", 1}},
		RedemptionRate: ptr(0.5),
		Redeemed:       2,
		Eligible:       4,
		Donated:        1,
		RecentActivity: []Activity{
			{day(2, 7), "sent", "7", "Lunch", "", plan.Undelivered, ""},
			{day(2, 6), "sent", "5", "Donation", "", plan.Donated, ""},
			{day(2, 5), "sent", "4", "Coffee", "+1 555 0100", plan.Refunded, ""},
			{day(2, 4), "redeemed", "3", "Lunch for two", "", plan.Refunded, ""},
			{day(2, 3), "sent", "3", "Lunch for two", "", plan.Refunded, ""},
			{time.Date(2026, 1, 31, 20, 0, 0, 0, time.UTC), "sent", "2", "Mocha", "sam@example.org", plan.Opened, ""},
			{day(1, 7), "redeemed", "1", "Latte", "Rita", plan.Redeemed, exampleOptions().Records + "501"},
			{day(1, 5), "sent", "1", "Latte", "Rita", plan.Redeemed, exampleOptions().Records + "501"},
		},
		ByStatus: map[plan.Status]int{
			plan.Scheduled: 1, plan.Sent: 0, plan.Delivered: 0, plan.Opened: 1, plan.Redeemed: 1, plan.Refunded: 2,
			plan.Expired: 0, plan.Undelivered: 1, plan.Donated: 1, plan.Unknown: 0,
		},
		ByMonth:    map[string]int{"2026-01": 1, "2026-02": 5},
		TopSenders: []Sender{{"Ann Lee", "ann@example.com", 3}, {"Bob", "", 1}},
		RedemptionByType: []TypeRate{
			{"Coffee", 1, 2, ptr(0.5)}, {"Donation", 0, 1, ptr(0.0)}, {"Lunch for two", 1, 1, ptr(1.0)}, {"Lunch", 0, 0, nil},
		},
		ByDealStage: []Stage{{"s1", "Proposal", 2}, {"s9", "s9", 1}},
		ValueByDealSize: []Size{
			{"none", 4, Amounts{"USD": "5.00", "JPY": "3000", "XXX": "10"}, Amounts{"USD": "5.00", "JPY": "3000", "XXX": "10.00"}},
			{"< 1k", 1, Amounts{"USD": "7.50"}, Amounts{"USD": "7.50"}},
			{"< 10k", 1, Amounts{"USD": "2.505"}, Amounts{"USD": "2.51"}},
			{"< 100k", 0, Amounts{}, Amounts{}},
			{"more", 0, Amounts{}, Amounts{}},
		},
		Orphans:  map[plan.Orphan]int{plan.NoEmail: 1, plan.BadEmail: 1, plan.NoContact: 1, plan.ContactGone: 0},
		LastSync: ptr(day(3, 12)),
	}
	later := cmpopts.IgnoreFields(Report{}, "TimeZone", "MadeAt", "Funnel", "Cohorts", "TimeToOpen", "TimeToRedeem",
		"ByCurrency", "MoneyAtRisk", "Match", "Influenced", "Companies", "TopCompanies", "Trend")
	if d := cmp.Diff(want, got, later); d != "" {
		t.Error(d)
	}
}

func TestComputeNothing(t *testing.T) {
	rep, err := Compute(records(nil), Options{Portal: "acme", Now: day(3, 13)})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(rep, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "nothing.json", append(data, '\n'))
}

// TestComputeDocument fixes the document of the example, name by name.
func TestComputeDocument(t *testing.T) {
	rep, err := Compute(records(example()), exampleOptions())
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(rep, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "example.json", append(data, '\n'))
}

// golden compares what was written with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s: run go test ./sync/stats -update if this is intended:\n%s", name, d)
	}
}

func TestComputeStopsAtAnError(t *testing.T) {
	broken := errors.New("page 7 is corrupt")
	_, err := Compute(func(yield func(plan.Stored, error) bool) {
		if !yield(example()[0], nil) {
			return
		}
		yield(plan.Stored{}, broken)
	}, Options{})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func genStored() *rapid.Generator[plan.Stored] {
	at := rapid.Map(rapid.IntRange(0, 70), func(d int) time.Time { return day(1, 1).AddDate(0, 0, d) })
	word := rapid.SampledFrom([]string{"", "a", "b", "c"})
	return rapid.Custom(func(t *rapid.T) plan.Stored {
		r := plan.Stored{
			Gift: plan.Gift{
				ID: rapid.StringMatching(`[0-9]{6}`).Draw(t, "id"), Name: word.Draw(t, "name"), Type: word.Draw(t, "type"),
				Amount: plan.Money{
					Value:    decimal.New(rapid.Int64().Draw(t, "units"), -int32(rapid.IntRange(0, 6).Draw(t, "places"))),
					Currency: rapid.SampledFrom([]string{"", "USD", "JPY", "KWD"}).Draw(t, "currency"),
				},
				Sender:    plan.Person{Name: word.Draw(t, "sender"), Email: rapid.SampledFrom([]string{"", "s@example.com", "S@example.com"}).Draw(t, "from")},
				Recipient: plan.Person{Name: word.Draw(t, "recipient")},
				Status:    rapid.SampledFrom(plan.Statuses()).Draw(t, "status"),
				Times:     rapid.MapOf(rapid.SampledFrom(plan.Statuses()), at).Draw(t, "times"),
				CreatedAt: at.Draw(t, "created"),
			},
			Orphan: rapid.SampledFrom([]plan.Orphan{"", plan.NoEmail, plan.NoContact}).Draw(t, "orphan"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "deals") {
			r.Links = append(r.Links, plan.Link{
				Kind: plan.Deal, Stage: word.Draw(t, "stage"), Amount: rapid.SampledFrom([]string{"", "1", "1000.0", "99999", "1e9"}).Draw(t, "amount"), At: at.Draw(t, "linked"),
				Refused: rapid.IntRange(0, 4).Draw(t, "refused") == 0,
			})
		}
		if rapid.IntRange(0, 9).Draw(t, "deleted") == 0 {
			r.Deleted = day(3, 1)
		}
		return r
	})
}

func TestComputeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(genStored(), 0, 40, func(r plan.Stored) string { return r.Gift.ID }).Draw(t, "records")
		o := Options{Location: time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*3600)}
		rep, err := Compute(records(list), o)
		if err != nil {
			t.Fatal(err)
		}
		shuffled, err := Compute(records(rapid.Permutation(list).Draw(t, "shuffled")), o)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rep, shuffled, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("the order matters:\n%s", d)
		}
		if made, err := Compute(records(madeLinks(list)), o); err != nil {
			t.Fatal(err)
		} else if d := cmp.Diff(rep, made, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("links that HubSpot refused matter:\n%s", d)
		}

		live, byStatus, byMonth, bySize, stages, types := 0, 0, 0, 0, 0, 0
		want := map[string]*big.Rat{}
		for _, r := range list {
			if !r.Deleted.IsZero() {
				continue
			}
			live++
			if !NewTally(o.Location).read(r.Gift).sent || r.Gift.Amount.Currency == "" && r.Gift.Amount.Value.IsZero() {
				continue
			}
			currency := r.Gift.Amount.Currency
			if currency == "" {
				currency = NoCurrency
			}
			if want[currency] == nil {
				want[currency] = new(big.Rat)
			}
			want[currency].Add(want[currency], r.Gift.Amount.Value.Rat())
		}
		if len(want) != len(rep.TotalValue) {
			t.Fatalf("currencies %v, want %v", rep.TotalValue, want)
		}
		for currency, exact := range want {
			got, ok := new(big.Rat).SetString(rep.TotalValue[currency])
			if !ok || got.Cmp(exact) != 0 {
				t.Fatalf("%s: %s, want exactly %s", currency, rep.TotalValue[currency], exact.RatString())
			}
		}
		for _, n := range rep.ByStatus {
			byStatus += n
		}
		for _, n := range rep.ByMonth {
			byMonth += n
		}
		for _, s := range rep.ValueByDealSize {
			bySize += s.Count
		}
		for _, s := range rep.ByDealStage {
			stages += s.Count
		}
		eligible := 0
		for _, r := range rep.RedemptionByType {
			types += r.Redeemed
			eligible += r.Eligible
		}
		if byStatus != live || byMonth != rep.TotalSent || bySize != rep.TotalSent || stages > rep.TotalSent ||
			types != rep.Redeemed || eligible != rep.Eligible {
			t.Fatalf("parts and wholes differ: %+v", rep)
		}
		if rep.Eligible > rep.TotalSent || rep.Redeemed > rep.Eligible || len(rep.RecentActivity) > 20 {
			t.Fatalf("impossible: %+v", rep)
		}
	})
}

// madeLinks is list with only those links that HubSpot has made.
func madeLinks(list []plan.Stored) []plan.Stored {
	list = slices.Clone(list)
	for i := range list {
		list[i].Links = slices.DeleteFunc(slices.Clone(list[i].Links), func(l plan.Link) bool { return l.Refused })
	}
	return list
}

func TestRecentActivityKeepsTheNewest(t *testing.T) {
	var list []plan.Stored
	for i := range 100 {
		id := string(rune('A'+i/10)) + string(rune('0'+i%10))
		at := day(1, 1).Add(time.Duration(i*37%100) * time.Hour) // every hour once, mixed
		list = append(list, plan.Stored{Gift: plan.Gift{ID: id, Status: plan.Sent, Times: map[plan.Status]time.Time{plan.Sent: at}}})
	}
	rep, err := Compute(records(list), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.RecentActivity) != 20 {
		t.Fatalf("%d activities", len(rep.RecentActivity))
	}
	for i, a := range rep.RecentActivity {
		if want := day(1, 1).Add(time.Duration(99-i) * time.Hour); !a.Time.Equal(want) {
			t.Errorf("activity %d is of %v, want %v", i, a.Time, want)
		}
	}
}
