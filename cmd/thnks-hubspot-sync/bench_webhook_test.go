package main

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// BenchmarkWebhook measures the daemon as a process of its own, with this one
// as Thnks and HubSpot:
//
//	go test -run '^$' -bench Webhook -benchtime 1x ./cmd/thnks-hubspot-sync
//
// Acks: 64 senders at once; every answer means that the event is on disk. The
// same run of BenchmarkReceive in ./store shows what the disk can do. Latency:
// from sending an event to HubSpot holding the status, one event at a time,
// idle and while a backfill goes on. Burst: 10,000 events of as many gifts, and
// what HubSpot calls they cost. Slow: 4,000 connections that send a byte now
// and then, the daemon's memory, and good requests beside them.
func BenchmarkWebhook(b *testing.B) {
	b.Run("Acks", benchAcks)
	b.Run("LatencyIdle", func(b *testing.B) { benchLatency(b, false) })
	b.Run("LatencyInBackfill", func(b *testing.B) { benchLatency(b, true) })
	b.Run("Burst", benchBurst)
	b.Run("Slow", benchSlow)
}

// hookDaemon is a backfilled town of gifts in their first status, and a daemon
// that listens for events there.
func hookDaemon(b *testing.B, gifts int) (c *town, url string, ids []string, p *process) {
	c, url = newHookTown(b, gifts)
	ids = c.allSent()
	if out, err := c.command("sync", "--backfill").CombinedOutput(); err != nil {
		b.Fatalf("backfill: %v\n%s", err, out)
	}
	p, d := startDaemonIn(b, c)
	await(b, "the daemon is idle", func() bool {
		all, err := d.Status(b.Context())
		return err == nil && all[0].Doing == "" && all[0].NextRun.After(time.Now())
	})
	return c, url, ids, p
}

// spread reports the median and the 99th percentile of durations.
func spread(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(0, "ns/op") // the other figures say more
	b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
}

func mustSend(b *testing.B, url, id, status string) {
	b.Helper()
	if got, err := sendEvent(url, worldHookSecret, id, status, time.Now().UTC()); err != nil || got != http.StatusOK {
		b.Fatalf("answered %d, %v", got, err)
	}
}

func benchAcks(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		_, url, ids, _ := hookDaemon(b, 2000)
		const senders, each = 64, 150
		http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = senders
		took := make([]time.Duration, senders*each)
		var sending sync.WaitGroup
		began := time.Now()
		for i := range senders {
			sending.Go(func() {
				for j := range each {
					n := i*each + j
					sent := time.Now()
					if got, err := sendEvent(url, worldHookSecret, ids[n%len(ids)], "opened", sent.UTC()); err != nil || got != http.StatusOK {
						b.Errorf("answered %d, %v", got, err)
						return
					}
					took[n] = time.Since(sent)
				}
			})
		}
		sending.Wait()
		b.ReportMetric(float64(len(took))/time.Since(began).Seconds(), "acks/s")
		spread(b, took)
		b.StartTimer()
	}
}

// benchLatency sends one event at a time and waits until HubSpot holds it.
func benchLatency(b *testing.B, backfilling bool) {
	for b.Loop() {
		b.StopTimer()
		c, url, ids, _ := hookDaemon(b, 20_000)
		done := make(chan struct{})
		if backfilling {
			// All gifts change, so that the backfill writes every one of them, as
			// fast as HubSpot's usual limit lets it: 200 calls at 10 a second.
			for _, id := range c.thnks.IDs() {
				c.thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Gift.Name += " again" })
			}
			backfill := c.command("sync", "--backfill")
			if err := backfill.Start(); err != nil {
				b.Fatal(err)
			}
			go func() { _ = backfill.Wait(); close(done) }()
		}
		var took []time.Duration
		ended := false
		for i := 0; i < 200 && !ended; i++ {
			id := ids[i*len(ids)/200]
			sent := time.Now()
			mustSend(b, url, id, "opened")
			for c.portal.Find(sandboxObject, "thnks_transaction_id", id)[0].Properties["status"] != "opened" {
				if time.Since(sent) > patience {
					b.Fatalf("%s is not in HubSpot", id)
				}
				<-time.After(time.Millisecond)
			}
			took = append(took, time.Since(sent))
			select {
			case <-done:
				ended = true
			default:
			}
		}
		b.ReportMetric(float64(len(took)), "events")
		spread(b, took)
		b.StartTimer()
	}
}

func benchBurst(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		const gifts, senders = 10_000, 32
		c, url, ids, _ := hookDaemon(b, gifts)
		before := c.portal.Requests().Total
		began := time.Now()
		var next atomic.Int64
		var sending sync.WaitGroup
		for range senders {
			sending.Go(func() {
				for i := next.Add(1) - 1; i < gifts; i = next.Add(1) - 1 {
					mustSend(b, url, ids[i], "opened")
				}
			})
		}
		sending.Wait()
		b.ReportMetric(time.Since(began).Seconds(), "sent-s")
		await(b, "HubSpot holds all of them", func() bool {
			return len(c.portal.Find(sandboxObject, "status", "opened")) == gifts
		})
		b.ReportMetric(0, "ns/op") // the other figures say more
		b.ReportMetric(time.Since(began).Seconds(), "held-s")
		b.ReportMetric(float64(c.portal.Requests().Total-before), "hubspot-calls")
		b.StartTimer()
	}
}

// benchSlow lets this process, which is another than the daemon's, open slow
// connections.
func benchSlow(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		_, url, ids, p := hookDaemon(b, 500)
		finished, peak := make(chan struct{}), make(chan int)
		go func() { peak <- peakRSS(p.Process.Pid, finished) }()
		var open atomic.Int64
		var slow sync.WaitGroup
		address := url[len("http://") : len(url)-len("/webhooks/acme/gift-events")]
		for range 4000 {
			slow.Go(func() {
				conn, err := net.DialTimeout("tcp", address, patience)
				if err != nil {
					return
				}
				defer conn.Close()
				open.Add(1)
				for range 12 { // a header that takes longer than the daemon waits
					if _, err := conn.Write([]byte("P")); err != nil {
						return
					}
					select {
					case <-finished:
						return
					case <-time.After(time.Second):
					}
				}
			})
		}
		await(b, "the slow connections are there", func() bool { return open.Load() >= 2048 })
		var took []time.Duration
		for i := range 200 {
			sent := time.Now()
			mustSend(b, url, ids[i], "opened")
			took = append(took, time.Since(sent))
		}
		spread(b, took)
		b.ReportMetric(milliseconds(took[len(took)-1]), "max-ms")
		close(finished)
		b.ReportMetric(float64(<-peak)/1024, "peak-MiB")
		slow.Wait()
		b.StartTimer()
	}
}
