package page_test

import (
	"fmt"
	"iter"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/page"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"
)

// now is when the statistics of these tests are made.
var now = time.Date(2026, 3, 13, 12, 0, 0, 0, time.UTC)

// gifts are records of three months, of each status and in three currencies, with
// names that n decides.
func gifts(name func(n int) string) []plan.Stored {
	var list []plan.Stored
	for i := range 60 {
		sent := now.AddDate(0, 0, -i*3/2).Add(-2 * time.Hour)
		status := plan.Statuses()[i%len(plan.Statuses())]
		g := plan.Gift{
			ID: fmt.Sprintf("T-%03d", i), Type: name(i % 4), Status: status, Sender: plan.Person{Name: name(i % 3), Email: fmt.Sprintf("sender%d@acme.example", i%3)},
			Recipient: plan.Person{Name: name(i)}, Amount: plan.Money{Value: decimal.New(int64(1000+i*25), -2), Currency: []string{"USD", "USD", "EUR", "JPY"}[i%4]},
			Times: map[plan.Status]time.Time{plan.Sent: sent},
		}
		if status == plan.Opened || status == plan.Redeemed {
			g.Times[plan.Opened] = sent.Add(time.Hour)
		}
		if status == plan.Redeemed {
			g.Times[plan.Redeemed] = sent.Add(26 * time.Hour)
		}
		r := plan.Stored{Gift: g, ObjectID: fmt.Sprint(500 + i), Links: []plan.Link{
			{Kind: plan.Contact, ID: "101"},
			{Kind: plan.Company, ID: fmt.Sprint(9001 + i%2)},
			{Kind: plan.Deal, ID: fmt.Sprint(7001 + i%15), Stage: "s1", Amount: "1500", At: sent},
		}}
		if i%10 == 9 {
			r.Orphan, r.Links = plan.NoContact, nil
		}
		list = append(list, r)
	}
	return list
}

func plain(n int) string { return fmt.Sprintf("Name %d", n) }

// report computes the statistics of records.
func report(t interface{ Fatal(...any) }, list []plan.Stored, f stats.Filter) stats.Report {
	records := iter.Seq2[plan.Stored, error](func(yield func(plan.Stored, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	})
	outcomes := stats.Outcomes{At: now.Add(-time.Hour), Calls: 3, WithoutWon: 12, WithoutClosed: 40, Deals: make(map[string]stats.Outcome), Companies: make(map[string]string)}
	for i := range 14 {
		amount := plan.Money{Value: decimal.New(int64(i)*12345, -1), Currency: []string{"USD", "EUR"}[i%2]}
		outcomes.Deals[fmt.Sprint(7001+i)] = stats.Outcome{Closed: i < 12, Won: i < 8, Amount: amount}
	}
	if len(list) > 0 {
		outcomes.Companies["9001"] = list[0].Gift.Sender.Name
	}
	watermark, calls := now.Add(-20*time.Minute), now.Add(-time.Minute)
	limit, left := 1_000_000, 998_877
	rep, err := stats.Compute(records, stats.Options{
		Portal: "acme", Now: now, LastSync: now.Add(-time.Minute), Version: "v1.2.3", Filter: f,
		Health:   stats.Health{Watermark: &watermark, Quarantined: 3, CallsToday: 1123, CallsLimit: &limit, CallsLeft: &left, CallsAsOf: &calls},
		Outcomes: outcomes,
		Stages:   map[string]string{"s1": "Proposal"}, Records: "https://app.hubspot.com/contacts/62515/record/2-7/",
	})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func file(reports ...stats.Report) page.Page { return page.Page{Reports: reports} }
