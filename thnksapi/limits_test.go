package thnksapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// with returns a client of a handler with some more of the configuration.
func with(t *testing.T, h http.Handler, change func(*thnksapi.Config)) *thnksapi.Client {
	t.Helper()
	cfg := thnksapi.Config{BaseURL: "https://thnks.test", Key: testKey, Dialect: thnksapi.DefaultDialect(), Transport: thnksapitest.Transport(h)}
	change(&cfg)
	c, err := thnksapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAnswerBounds: an answer has bounds of its own, and each is named.
func TestAnswerBounds(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }
	elements := func(n int) string { return `{"transactions":[{}` + strings.Repeat(`,{}`, n-1) + `]}` }
	tests := []struct{ name, body, problem string }{
		{"elements", elements(50_000), ""},
		{"too many elements", elements(50_001), "more than 50,000 elements"},
		{"an element too large", `{"transactions":[{"id":"` + strings.Repeat("x", 9<<20) + `"}]}`, "larger than 8 MiB"},
		{"a large one", `{"transactions":[{"id":"` + strings.Repeat("x", 7<<20) + `"},{"id":"` + strings.Repeat("y", 7<<20) + `"}]}`, ""},
		{"deep beside", `{"x":` + nested(64) + `,"transactions":[]}`, ""},
		{"too deep beside", `{"x":` + nested(65) + `,"transactions":[]}`, "deeper than 64"},
		{"a list beside", `{"x":[0` + strings.Repeat(`,0`, 1<<20) + `],"transactions":[{"id":"a"}],"y":{"transactions":7}}`, ""},
		{"twice", `{"transactions":7,"transactions":[{"id":"a"}]}`, ""},
	}
	for _, test := range tests {
		_, err := newClient(t, page(test.body), nil).Transactions(t.Context(), thnksapi.Query{})
		if test.problem == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantKind(t, err, thnksapi.Unexpected)
		if err == nil || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: %v, want an error that says %q", test.name, err, test.problem)
		}
	}

	// In one element values and recipients are bounded, and it spares its page.
	perRecipient := func(d *thnksapi.Dialect) { d.Recipients, d.Fields.ID = "/to", []string{"/to/-/id"} }
	for name, element := range map[string]string{
		"values":     `{"id":"a","x":[0` + strings.Repeat(`,0`, 200_000) + `]}`,
		"recipients": `{"to":[{}` + strings.Repeat(`,{}`, 50_000) + `]}`,
	} {
		got, err := newClient(t, page(`{"transactions":[`+element+`,{"to":[{"id":"b"}]}]}`), perRecipient).Transactions(t.Context(), thnksapi.Query{})
		if err != nil || len(got.Rows) != 2 || got.Rows[0].Err == nil || got.Rows[1].Err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := `{"to":[{}` + strings.Repeat(`,{}`, 40_000) + `]}`
	_, err := newClient(t, page(`{"transactions":[`+many+`,`+many+`,`+many+`]}`), perRecipient).Transactions(t.Context(), thnksapi.Query{})
	wantKind(t, err, thnksapi.Unexpected)
}

// TestDecompressionBomb: a small answer that is large when it is decompressed is given up
// while it is read.
func TestDecompressionBomb(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	s.Fault(thnksapitest.Fault{Effect: thnksapitest.Bomb})
	srv := httptest.NewServer(s)
	defer srv.Close()
	c, err := thnksapi.New(thnksapi.Config{BaseURL: srv.URL, Key: testKey, Dialect: thnksapi.DefaultDialect()})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = c.Transactions(t.Context(), thnksapi.Query{})
	runtime.ReadMemStats(&after)
	wantKind(t, err, thnksapi.Unexpected)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 64 {
		t.Errorf("%d MiB were used", grown)
	}
}

// A memory counts what is held of a semaphore.
type memory struct {
	*semaphore.Weighted
	mu         sync.Mutex
	held, most int64
}

func (m *memory) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held += n
	m.most = max(m.most, m.held)
}

func (m *memory) Acquire(ctx context.Context, n int64) error {
	err := m.Weighted.Acquire(ctx, n)
	if err == nil {
		m.add(n)
	}
	return err
}

func (m *memory) TryAcquire(n int64) bool {
	ok := m.Weighted.TryAcquire(n)
	if ok {
		m.add(n)
	}
	return ok
}

func (m *memory) Release(n int64) {
	m.add(-n)
	m.Weighted.Release(n)
}

// TestAnswersShareAMemory: the answers of many clients share a memory. Large ones are asked
// for again when there is enough of it.
func TestAnswersShareAMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{Weighted: semaphore.NewWeighted(16 << 20)}
		large := page(`{"transactions":[{"id":"a"}],"x":"` + strings.Repeat("x", 3<<20) + `"}`)
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			large.ServeHTTP(w, r)
		})
		var done sync.WaitGroup
		for range 12 {
			c := with(t, slow, func(cfg *thnksapi.Config) { cfg.Memory = m })
			done.Go(func() {
				for i, want := range []int{2, 3, 4} {
					if _, err := c.Transactions(t.Context(), thnksapi.Query{}); err != nil || c.Calls() != want {
						t.Errorf("listing %d: %d calls in all, want %d: %v", i, c.Calls(), want, err)
					}
				}
			})
		}
		done.Wait()
		if m.held != 0 || m.most > 16<<20 || m.most < 12<<20 {
			t.Errorf("%d bytes still held, at most %d", m.held, m.most)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m := &memory{Weighted: semaphore.NewWeighted(1 << 20)}
		_ = m.Acquire(t.Context(), 1<<20)
		c := with(t, page(`{"transactions":[]}`), func(cfg *thnksapi.Config) { cfg.Memory = m })
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errShutdown)
		defer cancel()
		if _, err := c.Transactions(ctx, thnksapi.Query{}); err != errShutdown || c.Calls() != 0 || m.held != 1<<20 {
			t.Errorf("%v after %d calls, %d held", err, c.Calls(), m.held)
		}
	})
	synctest.Test(t, func(t *testing.T) { // failed calls give back what they held
		m := &memory{Weighted: semaphore.NewWeighted(64 << 20)}
		for _, f := range []thnksapitest.Fault{{Status: 500}, {Status: 401}, {Effect: thnksapitest.ResetBefore}, {Effect: thnksapitest.Truncate}, {Status: 200, Body: "no"}} {
			s := thnksapitest.New(thnksapitest.Options{})
			s.Fault(f)
			_, err := with(t, s, func(cfg *thnksapi.Config) { cfg.Memory = m }).Transactions(t.Context(), thnksapi.Query{})
			if err == nil || m.held != 0 {
				t.Errorf("%+v: %v, %d bytes held", f, err, m.held)
			}
		}
	})
}

// TestPace: no second has more requests than allowed, and none waits without
// need.
func TestPace(t *testing.T) {
	for _, test := range []struct{ setting, most int }{{0, 10}, {1, 1}, {3, 3}, {50, 50}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var starts []time.Time
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				starts = append(starts, time.Now())
				if len(starts)%4 == 0 {
					w.WriteHeader(429) // what is repeated counts as well
					return
				}
				_, _ = io.WriteString(w, `{"id":"a"}`)
			})
			c := with(t, h, func(cfg *thnksapi.Config) { cfg.RequestsPerSecond = test.setting })
			began := time.Now()
			var done sync.WaitGroup
			for range 4 * test.most {
				done.Go(func() {
					if _, err := c.Transaction(t.Context(), "a"); err != nil {
						t.Error(err)
					}
				})
			}
			done.Wait()
			for i := test.most; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-test.most]); gap < time.Second {
					t.Fatalf("%d a second: %d requests within %v", test.most, test.most+1, gap)
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("%d a second: took %v", test.most, took)
			}
		})
	}
	if _, err := thnksapi.New(thnksapi.Config{BaseURL: "https://thnks.test", Key: testKey, Dialect: thnksapi.DefaultDialect(), RequestsPerSecond: -1}); err == nil || !strings.Contains(err.Error(), "requests_per_second") {
		t.Errorf("a negative pace: %v", err)
	}
}

// TestPaceIsShared: clients of one key have one pace together, the lowest that any
// of them has.
func TestPaceIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var starts []time.Time
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			starts = append(starts, time.Now())
			_, _ = io.WriteString(w, `{"id":"a"}`)
		})
		pace := thnksapi.NewPace()
		client := func(most int) *thnksapi.Client {
			return with(t, h, func(cfg *thnksapi.Config) { cfg.RequestsPerSecond, cfg.Pace = most, pace })
		}
		ask := func(clients ...*thnksapi.Client) {
			var done sync.WaitGroup
			for i := range 20 {
				done.Go(func() {
					if _, err := clients[i%len(clients)].Transaction(t.Context(), "a"); err != nil {
						t.Error(err)
					}
				})
			}
			done.Wait()
		}
		one := client(5)
		ask(one)
		ask(one, client(2), client(7))
		for i, most := range append(slices.Repeat([]int{5}, 20), slices.Repeat([]int{2}, 20)...) {
			if i < most {
				continue
			}
			if gap := starts[i].Sub(starts[i-most]); gap < time.Second || gap > 2*time.Second {
				t.Errorf("call %d came %v after the %d. before it", i, gap, most)
			}
		}
	})
}

// TestPaceOfCallsGivenUp: calls that are given up while they wait take no places
// from those that go on, and what is served to these stays in order.
func TestPaceOfCallsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Time
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			starts = append(starts, time.Now())
			_, _ = io.WriteString(w, `{"id":"a"}`)
		})
		pace := thnksapi.NewPace()
		one := with(t, h, func(cfg *thnksapi.Config) { cfg.RequestsPerSecond, cfg.Pace = 1, pace })
		other := with(t, h, func(cfg *thnksapi.Config) { cfg.RequestsPerSecond, cfg.Pace = 1, pace })
		if _, err := one.Transaction(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var done sync.WaitGroup
		for range 50 {
			done.Go(func() {
				if _, err := one.Transaction(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("given up: %v", err)
				}
			})
		}
		synctest.Wait()
		done.Go(func() {
			if _, err := other.Transaction(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
		done.Wait()
		if len(starts) != 2 || starts[1].Sub(began) != time.Second {
			t.Errorf("calls at %v after %v, want one after a second", starts, began)
		}
	})
}

// TestPaceGivenUpBehindAnother: a call that is given up ends at once, also where it
// is behind another one that goes on waiting.
func TestPaceGivenUpBehindAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := with(t, page(`{"id":"a"}`), func(cfg *thnksapi.Config) { cfg.RequestsPerSecond = 1 })
		if _, err := c.Transaction(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		done.Go(func() {
			if _, err := c.Transaction(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := c.Transaction(ctx, "a")
		if waited := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || waited != 100*time.Millisecond {
			t.Errorf("ended after %v: %v", waited, err)
		}
		done.Wait()
	})
}

// TestBesideEachOther: one client lists for two at once, while another client of
// its key is made. The race detector judges.
func TestBesideEachOther(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := `"b"`
		if r.URL.Query().Get("cursor") == "b" {
			next = "null"
		}
		_, _ = io.WriteString(w, `{"transactions":[{"id":"`+next[1:2]+`"}],"next_cursor":`+next+`}`)
	})
	pace := thnksapi.NewPace()
	client := func(most int) *thnksapi.Client {
		return with(t, h, func(cfg *thnksapi.Config) { cfg.RequestsPerSecond, cfg.Pace = most, pace })
	}
	one := client(50)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			if all, _, err := listAll(one, time.Time{}); err != nil || len(all) != 2 {
				t.Errorf("%d transactions: %v", len(all), err)
			}
		})
	}
	done.Go(func() { client(40) })
	done.Wait()
}

// TestWarnings: an outage makes one line a minute, with the number of warnings.
func TestWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		s.Fault(thnksapitest.Fault{Status: 503})
		var logs bytes.Buffer
		c := with(t, s, func(cfg *thnksapi.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&logs, nil)) })
		began := time.Now()
		for time.Since(began) < 10*time.Minute {
			_, _ = c.Transaction(t.Context(), "a") // fails, as it must
		}
		lines := strings.Count(logs.String(), "\n")
		if lines < 10 || lines > 11 || strings.Count(logs.String(), "level=WARN") != lines {
			t.Errorf("%d lines in ten minutes:\n%s", lines, logs.String())
		}
		total := 0
		for line := range strings.Lines(logs.String()) {
			n := 0
			if _, count, ok := strings.Cut(line, " count="); ok {
				_, _ = fmt.Sscan(count, &n) // 0 otherwise
			}
			if n == 0 {
				t.Errorf("no count: %s", line)
			}
			total += n
		}
		if total < c.Calls()/2 {
			t.Errorf("%d warnings of %d calls", total, c.Calls())
		}
	})
}

// turns notes what a client does with a turn that it is to give back.
type turns struct {
	mu              sync.Mutex
	given, resumed  int
	waited          time.Duration
	began           time.Time
	holding, broken bool
	err             error
}

func (w *turns) waiting(context.Context) func(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = w.broken || !w.holding // given back twice
	w.holding = false
	w.given++
	w.began = time.Now()
	return func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.holding = true
		w.resumed++
		w.waited += time.Since(w.began)
		return w.err
	}
}

// TestWaitGivesTheTurnBack: a client gives its turn back around each wait, exactly once, and
// takes it again before it goes on.
func TestWaitGivesTheTurnBack(t *testing.T) {
	fault := func(f thnksapitest.Fault) http.Handler {
		s := thnksapitest.New(thnksapitest.Options{})
		s.Fault(f)
		return s
	}
	retry := http.Header{"Retry-After": {"7"}}
	full := func() thnksapi.Memory {
		m := semaphore.NewWeighted(1 << 20)
		m.TryAcquire(1)
		time.AfterFunc(3*time.Second, func() { m.Release(1) })
		return m
	}
	tests := []struct {
		name   string
		source http.Handler
		memory func() thnksapi.Memory
		calls  int // of the API by the test
		given  int
		waited time.Duration
	}{
		{"at once", page(`{"transactions":[]}`), nil, 3, 0, 0},
		{"an answer of 4 s", fault(thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Delay: 4 * time.Second}), nil, 1, 0, 0},
		{"an answer of 9 s", fault(thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Delay: 9 * time.Second}), nil, 1, 1, 4 * time.Second},
		{"a retry", fault(thnksapitest.Fault{Status: 503, Header: retry, Count: 2}), nil, 1, 2, 14 * time.Second},
		{"a retry and a slow answer", fault(thnksapitest.Fault{Status: 503, Header: retry, Count: 1, Delay: 6 * time.Second}), nil, 1, 2, 8 * time.Second},
		{"its pace", page(`{"transactions":[]}`), nil, 12, 1, time.Second},
		{"memory", page(`{"transactions":[]}`), full, 1, 1, 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &turns{holding: true}
				c := with(t, test.source, func(cfg *thnksapi.Config) {
					cfg.Waiting = w.waiting
					if test.memory != nil {
						cfg.Memory = test.memory()
					}
				})
				for range test.calls {
					if _, err := c.Transactions(t.Context(), thnksapi.Query{}); err != nil {
						t.Error(err)
					}
				}
				if w.given != test.given || w.resumed != w.given || w.broken || w.waited != test.waited {
					t.Errorf("given back %d times, resumed %d times, waited %v, twice %v; want %d times, %v", w.given, w.resumed, w.waited, w.broken, test.given, test.waited)
				}
			})
		})
	}

	// A turn that cannot be had again ends the call.
	synctest.Test(t, func(t *testing.T) {
		w := &turns{holding: true, err: errShutdown}
		s := fault(thnksapitest.Fault{Status: 503, Count: 1}).(*thnksapitest.Server)
		c := with(t, s, func(cfg *thnksapi.Config) { cfg.Waiting = w.waiting })
		if _, err := c.Transactions(t.Context(), thnksapi.Query{}); !errors.Is(err, errShutdown) || c.Calls() != 1 || w.resumed != 1 {
			t.Errorf("%v after %d calls", err, c.Calls())
		}
	})
	// A context that ends meanwhile ends the wait, and the turn is asked for once.
	for name, f := range map[string]thnksapitest.Fault{
		"retry": {Status: 503, Header: http.Header{"Retry-After": {"100"}}},
		"slow":  {Effect: thnksapitest.SlowOnly, Delay: 50 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &turns{holding: true}
			c := with(t, fault(f), func(cfg *thnksapi.Config) { cfg.Waiting = w.waiting })
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errShutdown)
			defer cancel()
			if _, err := c.Transactions(ctx, thnksapi.Query{}); err != errShutdown || w.given != 1 || w.resumed != 1 {
				t.Errorf("%s: %v, given back %d times, resumed %d times", name, err, w.given, w.resumed)
			}
		})
	}
}
