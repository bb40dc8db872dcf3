package listen_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/listen"
)

// says answers with a number after a second.
func says(n int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Second)
		w.WriteHeader(n)
	})
}

// answered asks a gate, and returns the status of the answer; 0 where there is none.
func answered(ctx context.Context, g *listen.Gate) (status int) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		}
	}()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	return w.Code
}

// TestGateLosesNoRequest: of requests that come all the time none is refused while
// the handler is exchanged, and none reaches a handler after the gate was shut.
func TestGateLosesNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g listen.Gate
		var over [3]atomic.Bool
		handler := func(n int) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				says(200+n).ServeHTTP(w, r)
				if over[n].Load() {
					t.Errorf("handler %d is at work after its gate was shut", n)
				}
			})
		}
		var asked sync.WaitGroup
		var got [3]atomic.Int32
		for i := range 90 { // ten a second, from before the first opening on
			asked.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				status := answered(t.Context(), &g)
				if status < 200 || status > 202 {
					t.Errorf("request %d was answered %d", i, status)
					return
				}
				got[status-200].Add(1)
			})
		}
		for n := range over {
			time.Sleep(time.Second)
			g.Open(t.Context(), handler(n))
			time.Sleep(2 * time.Second)
			if n < 2 {
				g.Shut(t.Context())
				over[n].Store(true)
			}
		}
		asked.Wait()
		for n := range got {
			if got[n].Load() < 10 {
				t.Errorf("handler %d answered %d requests", n, got[n].Load())
			}
		}
	})
}

// TestGateDoesNotWaitForever: a request that takes long holds a shutting for as long
// as its context lasts, and ends by itself; one whose client leaves is dropped.
func TestGateDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g listen.Gate
		g.Open(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Hour)
			w.WriteHeader(http.StatusTeapot)
		}))
		slow := make(chan int, 1)
		go func() { slow <- answered(t.Context(), &g) }()
		synctest.Wait()
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		g.Shut(short)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("shutting took %v", took)
		}
		leaves, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if status := answered(leaves, &g); status != 0 {
			t.Errorf("a request that left was answered %d", status)
		}
		g.Open(t.Context(), says(http.StatusNoContent))
		if status := answered(t.Context(), &g); status != http.StatusNoContent {
			t.Errorf("the next handler's request got %d", status)
		}
		if status := <-slow; status != http.StatusTeapot {
			t.Errorf("the slow request got %d", status)
		}
	})
}

// TestGateEndsRequests: requests that last for as long as their caller wants them to
// end with the life of what answers them.
func TestGateEndsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g listen.Gate
		life, end := context.WithCancel(t.Context())
		g.Open(life, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusGone)
		}))
		status := make(chan int, 1)
		go func() { status <- answered(t.Context(), &g) }()
		synctest.Wait()
		end()
		if s := <-status; s != http.StatusGone {
			t.Errorf("answered %d", s)
		}
		g.Shut(t.Context())
	})
}
