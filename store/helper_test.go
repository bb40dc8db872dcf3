package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// equal compares as the journal does: amounts by value, times by instant, empty
// as nil.
var equal = cmp.Options{
	cmp.Comparer(decimal.Decimal.Equal),
	cmpopts.EquateEmpty(),
}

// statePath is a path for a state file in a directory that Open makes.
func statePath(tb testing.TB) string {
	return filepath.Join(tb.TempDir(), "state", "acme.db")
}

// openAt opens the file and checks at the end of the test that it is sound.
func openAt(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := Open(path, Options{Create: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil && err != ErrClosed {
			tb.Errorf("Check at the end: %v", err)
		}
		s.Close()
	})
	return s
}

func commit(tb testing.TB, s *Store, c Commit) {
	tb.Helper()
	if err := s.Commit(c); err != nil {
		tb.Fatal(err)
	}
}

func receive(tb testing.TB, s *Store, events ...Event) []Receipt {
	tb.Helper()
	receipts, err := s.Receive(context.Background(), events...)
	if err != nil {
		tb.Fatal(err)
	}
	return receipts
}

// typicalGift is a typical gift: an amount, a message, sender and recipient, four
// dates, a contact, a company and a deal.
func typicalGift(r *rand.Rand, n int) plan.Stored {
	sent := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
	id := fmt.Sprintf("T-%d", 1_000_000+n)
	g := plan.Gift{
		ID:          id,
		RequestID:   fmt.Sprint(1_000_000 + n),
		Name:        "Coffee on me",
		Type:        "gift_card",
		Amount:      plan.Money{Value: decimal.New(int64(r.IntN(10_000)), -2), Currency: "USD"},
		Message:     "Thank you for your time today, it was a pleasure to meet the team.",
		TrackingURL: "https://app.thnks.com/t/" + id,
		Sender:      plan.Person{Name: "Maria Jansen", Email: fmt.Sprintf("maria.jansen%d@seller.example", r.IntN(50))},
		Recipient:   plan.Person{Name: "Jonathan Smith", Email: fmt.Sprintf("jonathan.smith%d@buyer%d.example", n/5, n%700)},
		Status:      plan.Redeemed,
		RawStatus:   "Redeemed",
		Times: map[plan.Status]time.Time{
			plan.Sent:      sent,
			plan.Delivered: sent.Add(time.Minute),
			plan.Opened:    sent.Add(time.Hour),
			plan.Redeemed:  sent.Add(48 * time.Hour),
		},
		CreatedAt: sent,
		UpdatedAt: sent.Add(48 * time.Hour),
	}
	at := time.Date(2026, 11, 21, 10, 0, 0, n*1000, time.UTC)
	return plan.Stored{
		ObjectID: fmt.Sprint(20_000_000_000 + n),
		Gift:     g,
		Mapping:  plan.Mapping,
		Links: []plan.Link{
			{Kind: plan.Contact, ID: fmt.Sprint(150_000_000 + n/5), At: at},
			{Kind: plan.Company, ID: fmt.Sprint(90_000_000 + n/50), At: at},
			{Kind: plan.Deal, ID: fmt.Sprint(70_000_000 + n/10), Stage: "presentationscheduled", Amount: "12500", At: at},
		},
	}
}
