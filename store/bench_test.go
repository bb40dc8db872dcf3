package store

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"testing"

	"thnks-hubspot-sync/sync/plan"
)

// fill commits n typical gifts, 500 a commit.
func fill(tb testing.TB, s *Store, n int) {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < n; {
		var gifts []plan.Stored
		for range min(500, n-done) {
			gifts = append(gifts, typicalGift(r, done))
			done++
		}
		commit(tb, s, Commit{Gifts: gifts})
	}
}

func fileSize(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

// BenchmarkCommit measures one commit of 500 new gifts into a file that
// already holds some, and the bytes of file per gift.
func BenchmarkCommit(b *testing.B) {
	for _, have := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("have=%d", have), func(b *testing.B) {
			path := statePath(b)
			s := openAt(b, path)
			fill(b, s, have)
			r := rand.New(rand.NewPCG(3, 4))
			n := have
			for b.Loop() {
				b.StopTimer()
				gifts := make([]plan.Stored, 500)
				for i := range gifts {
					gifts[i] = typicalGift(r, n)
					n++
				}
				b.StartTimer()
				commit(b, s, Commit{Gifts: gifts})
			}
			b.ReportMetric(float64(fileSize(b, path))/float64(n), "file-bytes/gift")
		})
	}
}

// BenchmarkOpen measures opening and closing a file of many gifts.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1_000, 200_000} {
		b.Run(fmt.Sprintf("gifts=%d", n), func(b *testing.B) {
			path := statePath(b)
			s := openAt(b, path)
			fill(b, s, n)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := Open(path, Options{})
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
			b.ReportMetric(float64(fileSize(b, path))/float64(n), "file-bytes/gift")
		})
	}
}

// BenchmarkAll measures reading every gift, whole and brief.
func BenchmarkAll(b *testing.B) {
	const n = 20_000
	s := openAt(b, statePath(b))
	fill(b, s, n)
	for name, read := range map[string]func(context.Context) iter.Seq2[plan.Stored, error]{"whole": s.All, "brief": s.Brief} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, err := range read(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/gift")
		})
	}
}
