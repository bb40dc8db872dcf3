package thnksapitest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestShares: each fault affects its share of many events, every event that is
// not dropped is acknowledged in the end, and the same seed repeats it exactly.
func TestShares(t *testing.T) {
	const n = 1000
	once := func(t *testing.T) []post {
		var posts []post
		synctest.Test(t, func(t *testing.T) {
			e := newEndpoint(t)
			refused := make(map[string]bool)
			e.answer = func(w http.ResponseWriter, r *http.Request, n int) {
				if id := r.Header.Get("Webhook-Id"); n%3 == 0 && !refused[id] {
					refused[id] = true
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}
			w := e.hook()
			w.Drops, w.Duplicates, w.Reorder, w.MaxDelay = 0.1, 0.2, 0.3, 10*time.Minute
			d := sender(t, thnksapitest.New(thnksapitest.Options{}), w)
			for i := range n {
				d.Send(opening(i))
				time.Sleep(time.Second)
			}
			settle(t, d)

			kept, dropped, repeats := make(map[string]bool), 0, 0
			for _, x := range d.Deliveries() {
				switch x.Outcome {
				case thnksapitest.Dropped:
					dropped++
					if len(x.Attempts) > 0 {
						t.Errorf("%s is dropped and was posted", x.ID)
					}
				case thnksapitest.Acknowledged:
					kept[x.ID] = true
					if x.Repeat {
						repeats++
					}
					if last := x.Attempts[len(x.Attempts)-1]; last.Status != http.StatusOK || last.Err != nil {
						t.Errorf("%s is acknowledged by %+v", x.ID, last)
					}
				default:
					t.Errorf("%s is %s", x.ID, x.Outcome)
				}
			}
			came := make(map[string]bool)
			for _, p := range e.posts {
				came[p.id] = true
			}
			if diff := cmp.Diff(kept, came); diff != "" {
				t.Errorf("acknowledged and arrived (-want +got):\n%s", diff)
			}
			if len(refused) < n/5 || len(kept)+dropped != n || dropped < n/20 || dropped > n*3/20 || repeats < n*3/20 || repeats > n/4 {
				t.Errorf("%d kept, %d dropped, %d repeated, %d refused", len(kept), dropped, repeats, len(refused))
			}
			want := map[thnksapitest.Outcome]int{thnksapitest.Dropped: dropped, thnksapitest.Acknowledged: len(kept) + repeats}
			if diff := cmp.Diff(want, d.Outcomes()); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			posts = e.posts
		})
		return posts
	}
	if diff := cmp.Diff(once(t), once(t), cmp.AllowUnexported(post{})); diff != "" {
		t.Errorf("the same seed does otherwise:\n%s", diff)
	}
}

// arrivals sends many events one second apart and returns how late each came,
// in the order of arrival.
func arrivals(t *testing.T, reorder float64, delay time.Duration) (numbers []int, late []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t)
		w := e.hook()
		w.Reorder, w.MaxDelay = reorder, delay
		d := sender(t, thnksapitest.New(thnksapitest.Options{}), w)
		const n = 500
		for i := range n {
			d.Send(opening(i))
			time.Sleep(time.Second)
		}
		settle(t, d)
		for _, p := range e.posts {
			b := read(t, p.body)
			var i int
			if _, err := fmt.Sscanf(b.Data.GiftID, "T-%d", &i); err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, i)
			late = append(late, p.at.Sub(b.Webhook.TriggeredAt))
		}
		if len(numbers) != n {
			t.Errorf("%d of %d came", len(numbers), n)
		}
	})
	return numbers, late
}

// overtaken counts the events that arrived after a later one.
func overtaken(numbers []int) int {
	n, last := 0, -1
	for _, i := range numbers {
		if i < last {
			n++
		}
		last = max(last, i)
	}
	return n
}

func TestDelayAndOrder(t *testing.T) {
	numbers, late := arrivals(t, 0, 0)
	if overtaken(numbers) != 0 || slices.Max(late) >= time.Millisecond {
		t.Errorf("without faults %d are overtaken, one is %v late", overtaken(numbers), slices.Max(late))
	}
	numbers, late = arrivals(t, 0, time.Hour)
	if overtaken(numbers) != 0 || slices.Max(late) > time.Hour || slices.Max(late) < 30*time.Minute {
		t.Errorf("with delay %d are overtaken, the latest is %v late", overtaken(numbers), slices.Max(late))
	}
	numbers, late = arrivals(t, 0.3, 0)
	if n := overtaken(numbers); n < 100 || n > 200 || slices.Max(late) > time.Minute {
		t.Errorf("with reordering %d of 500 are overtaken, the latest is %v late", n, slices.Max(late))
	}
}

// TestRetry: a try that is not answered 2xx within 10 s is repeated as
// scheduled.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t)
		e.answer = func(w http.ResponseWriter, r *http.Request, n int) {
			switch n {
			case 0:
				time.Sleep(9 * time.Second) // slow, but in time
				w.WriteHeader(http.StatusInternalServerError)
			case 1:
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			case 2:
				panic(http.ErrAbortHandler)
			case 3:
				<-r.Context().Done()
			default:
				w.WriteHeader(http.StatusAccepted)
			}
		}
		w := e.hook()
		w.Retry = []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, time.Second}
		d := sender(t, thnksapitest.New(thnksapitest.Options{}), w)
		began := time.Now()
		d.Send(opening(1))
		settle(t, d)

		x := d.Deliveries()[0]
		var at []time.Duration
		var status []int
		for i, a := range x.Attempts {
			at, status = append(at, a.At.Sub(began)), append(status, a.Status)
			if a.Number != i+1 || (a.Err == nil) != (a.Status != 0) {
				t.Errorf("attempt %+v", a)
			}
			if e.posts[i].id != x.ID || e.posts[i].body != string(x.Body) {
				t.Errorf("try %d posts another message", i+1)
			}
		}
		wantAt := []time.Duration{9 * time.Second, 10 * time.Second, 70 * time.Second, time.Hour + 80*time.Second, 25*time.Hour + 80*time.Second}
		if diff := cmp.Diff(wantAt, at); diff != "" {
			t.Errorf("answered at (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{500, 302, 0, 0, 202}, status); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if !errors.Is(x.Attempts[3].Err, context.DeadlineExceeded) || x.Outcome != thnksapitest.Acknowledged {
			t.Errorf("%+v", x)
		}
	})
}

// TestGivesUp: the delivery ends with its schedule, and the next event is tried
// by a schedule of its own.
func TestGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		retry []time.Duration
		tries int
		after time.Duration
	}{
		"one try":   {[]time.Duration{}, 1, 0},
		"two tries": {[]time.Duration{time.Minute}, 2, time.Minute},
		"default":   {nil, 8, 27*time.Hour + 35*time.Minute + 5*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t)
				e.answer = func(w http.ResponseWriter, _ *http.Request, n int) {
					if n < c.tries {
						w.WriteHeader(http.StatusUnauthorized)
					}
				}
				w := e.hook()
				w.Retry = c.retry
				d := sender(t, thnksapitest.New(thnksapitest.Options{}), w)
				began := time.Now()
				d.Send(opening(1))
				settle(t, d)
				if got := time.Since(began); got != c.after {
					t.Errorf("gave up after %v, want %v", got, c.after)
				}
				d.Send(opening(2))
				settle(t, d)
				all := d.Deliveries()
				if all[0].Outcome != thnksapitest.Failed || len(all[0].Attempts) != c.tries ||
					all[1].Outcome != thnksapitest.Acknowledged || len(all[1].Attempts) != 1 {
					t.Errorf("%+v", all)
				}
			})
		})
	}
}

// TestSenderMemoryIsBounded: a sender's memory is bounded, even if the endpoint never answers.
func TestSenderMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queue, log = 10_000, 5_000
		w := newEndpoint(t).hook()
		w.MaxDelay = 1000 * time.Hour
		d := sender(t, thnksapitest.New(thnksapitest.Options{}), w)
		x := thnksapitest.Event{Kind: thnksapitest.TestSent}
		for range queue + 5 {
			d.Send(x)
		}
		want := map[thnksapitest.Outcome]int{thnksapitest.Queued: queue, thnksapitest.Dropped: 5}
		if diff := cmp.Diff(want, d.Outcomes()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for range 2*log - 5 {
			d.Send(x)
		}
		all := d.Deliveries()
		if n := d.Outcomes()[thnksapitest.Dropped]; len(all) != queue+log || n != 2*log || all[len(all)-1].Number != queue+n {
			t.Errorf("the log holds %d with %d dropped", len(all), n)
		}
	})
}
