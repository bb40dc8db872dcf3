package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"
)

// BenchmarkStats measures the statistics of many gifts: the first ones, for which
// all gifts are read; those from what is kept, after an hour's changes; and
// filtered ones, for which all gifts are read in a scan. The state file is in the
// page cache.
//
//	go test ./cmd/thnks-hubspot-sync -run '^$' -bench 'Stats' -benchtime 1x
func BenchmarkStats(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		if testing.Short() && n > 10_000 {
			continue
		}
		b.Run(fmt.Sprintf("gifts=%d", n), func(b *testing.B) { benchStats(b, n) })
	}
}

func benchStats(b *testing.B, n int) {
	path := filepath.Join(b.TempDir(), "state", "acme.db")
	j, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	r := rand.New(rand.NewPCG(1, 2))
	put := func(from, to int) {
		for from < to {
			var c store.Commit
			for range min(500, to-from) {
				c.Gifts = append(c.Gifts, benchGift(r, from))
				from++
			}
			if err := j.Commit(c); err != nil {
				b.Fatal(err)
			}
		}
	}
	put(0, n)
	o := stats.Options{Location: time.UTC, Now: benchStart.AddDate(3, 0, 0), Version: "bench", Look: j.Gifts}
	o.Filter = stats.Filter{Currency: "USD", From: "2024-06-01"}
	b.Run("filtered", func(b *testing.B) {
		memory(b, func() {
			if _, err := stats.Compute(j.Brief(b.Context()), o); err != nil {
				b.Fatal(err)
			}
		})
	})
	o.Filter = stats.Filter{}
	b.Run("first", func(b *testing.B) {
		memory(b, func() {
			if err := j.ForgetSummary(); err != nil {
				b.Fatal(err)
			}
			if _, err := tallied(b.Context(), j, o); err != nil {
				b.Fatal(err)
			}
		})
	})
	put(n-200, n+100)
	b.Run("kept", func(b *testing.B) {
		memory(b, func() {
			if _, err := tallied(b.Context(), j, o); err != nil {
				b.Fatal(err)
			}
		})
	})
	got, err := tallied(b.Context(), j, o)
	if err != nil {
		b.Fatal(err)
	}
	want, err := stats.Compute(j.All(b.Context()), o)
	if err != nil {
		b.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		b.Errorf("(-computed +kept):\n%s", d)
	}
}

// memory runs f and reports what it left on the heap at most, roughly: what is
// live after it.
func memory(b *testing.B, f func()) {
	var most uint64
	for b.Loop() {
		f()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapSys)
	}
	b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
}

var benchStart = time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)

// benchGift is the gift with a number, of three years in which about a million
// are sent.
func benchGift(r *rand.Rand, n int) plan.Stored {
	sent := benchStart.Add(time.Duration(n) * 90 * time.Second)
	times := map[plan.Status]time.Time{plan.Sent: sent, plan.Delivered: sent.Add(time.Minute)}
	status := plan.Delivered
	if r.IntN(10) < 7 {
		times[plan.Opened] = sent.Add(time.Duration(r.ExpFloat64()*2880) * time.Minute)
		status = plan.Opened
	}
	if status == plan.Opened && r.IntN(10) < 7 {
		times[plan.Redeemed] = times[plan.Opened].Add(time.Duration(r.ExpFloat64()*7200) * time.Minute)
		status = plan.Redeemed
	}
	linked := sent.Add(time.Hour)
	return plan.Stored{
		ObjectID: fmt.Sprint(20_000_000_000 + n),
		Mapping:  plan.Mapping,
		Gift: plan.Gift{
			ID: fmt.Sprintf("T-%d", 1_000_000+n), RequestID: fmt.Sprint(1_000_000 + n), Name: "Coffee on me", Type: fmt.Sprintf("type %d", r.IntN(40)),
			Amount:        plan.Money{Value: decimal.New(int64(r.IntN(10_000)), -2), Currency: []string{"USD", "USD", "USD", "EUR", "GBP"}[r.IntN(5)]},
			MessageDigest: plan.Digest(fmt.Sprint(n)),
			TrackingURL:   fmt.Sprintf("https://app.thnks.com/t/%d", n),
			Sender:        plan.Person{Name: "Maria Jansen", Email: fmt.Sprintf("maria.jansen%d@seller.example", r.IntN(500))},
			Recipient:     plan.Person{Name: "Jonathan Smith", Email: fmt.Sprintf("jonathan.smith%d@buyer%d.example", n/5, n%700)},
			Status:        status, RawStatus: "Redeemed", Times: times, CreatedAt: sent, UpdatedAt: sent.Add(48 * time.Hour),
		},
		Links: []plan.Link{
			{Kind: plan.Contact, ID: fmt.Sprint(150_000_000 + n/5), At: linked},
			{Kind: plan.Company, ID: fmt.Sprint(90_000_000 + r.IntN(n/50+1)), At: linked},
			{Kind: plan.Deal, ID: fmt.Sprint(70_000_000 + n/10), Stage: "presentationscheduled", Amount: "12500", At: linked},
		},
	}
}
