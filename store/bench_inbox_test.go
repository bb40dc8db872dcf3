package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// latencies are the durations of many calls.
type latencies []time.Duration

func (l latencies) report(b *testing.B) {
	slices.Sort(l)
	b.ReportMetric(float64(len(l))/b.Elapsed().Seconds(), "events/s")
	for name, part := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(l[int(part*float64(len(l)-1))].Seconds()*1000, name)
	}
	b.ReportMetric(0, "ns/op") // which says nothing here
}

// together makes b.N calls of f from several callers, each of which waits for
// one call before it makes the next, and reports how long they took.
func together(b *testing.B, callers int, f func(n int) error) {
	took := make(latencies, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
				start := time.Now()
				if err := f(n); err != nil {
					b.Error(err)
					return
				}
				took[n] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	took.report(b)
}

// inSteps calls f for b.N events in steps and reports how long each event took.
// It is the best that together could reach with as many callers.
func inSteps(b *testing.B, step int, f func(from, to int) error) {
	took := make(latencies, 0, b.N)
	b.ResetTimer()
	for from := 0; from < b.N; from += step {
		to := min(from+step, b.N)
		start := time.Now()
		if err := f(from, to); err != nil {
			b.Fatal(err)
		}
		for range to - from {
			took = append(took, time.Since(start))
		}
	}
	b.StopTimer()
	took.report(b)
}

// BenchmarkReceive measures durable acknowledgements: alone, and while a backfill
// commits 500 gifts at a time. For comparison it measures what this disk can do
// if the same events come together: a bare bbolt file with the same entries, and
// a plain file with the same bytes and an fsync.
func BenchmarkReceive(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.Run("store", func(b *testing.B) {
				s := openAt(b, statePath(b))
				together(b, callers, func(n int) error {
					_, err := s.Receive(context.Background(), claim(n))
					return err
				})
			})
			b.Run("backfill", func(b *testing.B) {
				s := openAt(b, statePath(b))
				end := backfill(b, s)
				together(b, callers, func(n int) error {
					_, err := s.Receive(context.Background(), claim(n))
					return err
				})
				end()
			})
			b.Run("bbolt", func(b *testing.B) { benchBolt(b, callers) })
			b.Run("fsync", func(b *testing.B) { benchSync(b, callers) })
		})
	}
}

// backfill commits new gifts, 500 at a time, until end is called.
func backfill(b *testing.B, s *Store) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r := rand.New(rand.NewPCG(1, 2))
		for n := 0; ; {
			gifts := make([]plan.Stored, 500)
			for i := range gifts {
				gifts[i] = typicalGift(r, n)
				n++
			}
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Commit(Commit{Gifts: gifts}); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-done
	}
}

func benchBolt(b *testing.B, step int) {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	secret := make([]byte, secretLen)
	inSteps(b, step, func(from, to int) error {
		return db.Update(func(tx *bbolt.Tx) error {
			for n := from; n < to; n++ {
				e := claim(n)
				e.Seq, e.State = uint64(n+1), EventPending
				for bucket, kv := range map[string][2][]byte{
					bucketInbox: {seqKey(e.Seq), encodeEvent(&e)},
					bucketBody:  {seqKey(e.Seq), e.Body},
					bucketSeen:  {seenKey(secret, &e), seqKey(e.Seq)},
					bucketDue:   {dueKey(&e), nil},
				} {
					bkt, err := tx.CreateBucketIfNotExists([]byte(bucket))
					if err != nil {
						return err
					}
					if err := bkt.Put(kv[0], kv[1]); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

func benchSync(b *testing.B, step int) {
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	inSteps(b, step, func(from, to int) error {
		var buf []byte
		for n := from; n < to; n++ {
			e := claim(n)
			buf = append(append(buf, encodeEvent(&e)...), e.Body...)
		}
		if _, err := f.Write(buf); err != nil {
			return err
		}
		return f.Sync()
	})
}

// BenchmarkReceiveWhileExpiring measures the longest wait of Receive while
// 20,000 events expire, and how large the file then is.
func BenchmarkReceiveWhileExpiring(b *testing.B) {
	const old = 20_000
	path := statePath(b)
	s := openAt(b, path)
	for n := 0; n < old; {
		events := make([]Event, 500)
		for i := range events {
			events[i] = claim(n)
			events[i].Effect, events[i].ReceivedAt = EffectListed, hookTime.Add(-eventRetention)
			n++
		}
		receive(b, s, events...)
	}
	var expiry sync.WaitGroup
	expiry.Go(func() {
		if n, err := s.Expire(context.Background(), hookTime); n != old || err != nil {
			b.Errorf("expired %d: %v", n, err)
		}
	})
	together(b, 16, func(n int) error {
		_, err := s.Receive(context.Background(), claim(old+n))
		return err
	})
	expiry.Wait()
	b.ReportMetric(float64(fileSize(b, path)), "file-bytes")
}
