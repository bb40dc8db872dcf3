package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// TestSomeStatistics: a portal that fails or panics is listed with its problem,
// and the others are shown.
func TestSomeStatistics(t *testing.T) {
	t.Parallel()
	d := ready(giftsync.Status{Portal: "acme"}, giftsync.Status{Portal: "new"}, giftsync.Status{Portal: "odd"})
	whole := d.stats
	d.stats = func(ctx context.Context, portal string, _ stats.Query) (stats.Report, error) {
		switch portal {
		case "new":
			return stats.Report{}, errors.New("no state file yet")
		case "odd":
			panic("NameCanary")
		}
		return whole(ctx, portal, stats.Query{})
	}
	resp, body := request(t, "GET", servePages(t, d, PagesOptions{})+"/stats.json", nil)
	if want := `"problems":[{"portal":"new","problem":"no state file yet"},{"portal":"odd","problem":"` + errBug.Error() + `"}]}`; resp.StatusCode != 200 || !strings.Contains(body, want) || !strings.Contains(body, `"portal":"acme"`) {
		t.Errorf("%s %s", resp.Status, body)
	}

	d.status = func(context.Context) ([]giftsync.Status, error) { return []giftsync.Status{{Portal: "new"}}, nil }
	if resp, _ := request(t, "GET", servePages(t, d, PagesOptions{})+"/stats.json", nil); resp.StatusCode != 503 {
		t.Errorf("without any: %s", resp.Status)
	}
	d.status = func(context.Context) ([]giftsync.Status, error) { return nil, errors.New("no status today") }
	if resp, body := request(t, "GET", servePages(t, d, PagesOptions{})+"/stats.json", nil); resp.StatusCode != 503 || !strings.Contains(body, "no status today") {
		t.Errorf("without a status: %s %s", resp.Status, body)
	}
}

// TestSlowStatistics: statistics may take longer to compute than the time limit
// on sending an answer.
func TestSlowStatistics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := ready(giftsync.Status{Portal: "acme"})
		d.stats = func(ctx context.Context, portal string, _ stats.Query) (stats.Report, error) {
			select {
			case <-time.After(3 * time.Minute):
				return canaries(portal), nil
			case <-ctx.Done():
				return stats.Report{}, ctx.Err()
			}
		}
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- ServePages(ctx, l, Pages(d, PagesOptions{}), nil) }()
		tr := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return l.dial(), nil }}
		resp, err := (&http.Client{Transport: tr}).Get("http://localhost/stats.json")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), "(hidden)") {
			t.Errorf("%s %s %v", resp.Status, body, err)
		}
		resp.Body.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestStatisticsAreShared: concurrent callers share a computation, its result is served for
// ten seconds, and it is cancelled when its last caller leaves.
func TestStatisticsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun, given int
		failure := errors.New("disk")
		var fail bool
		s := newCached(func(ctx context.Context) (int, error) {
			begun++
			n := begun
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
				given++
				return 0, ctx.Err()
			}
			if fail {
				return 0, failure
			}
			return n, nil
		})
		ask := func(n int, patience time.Duration) (got []int, errs []error) {
			results := make(chan int, n)
			failures := make(chan error, n)
			for range n {
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					v, err := s.get(ctx)
					results <- v
					failures <- err
				}()
			}
			for range n {
				got = append(got, <-results)
				errs = append(errs, <-failures)
			}
			return slices.Compact(got), slices.Compact(errs)
		}
		check := func(what string, n int, patience time.Duration, want int, wantErr error) {
			t.Helper()
			got, errs := ask(n, patience)
			if len(got) != 1 || got[0] != want || len(errs) != 1 || !errors.Is(errs[0], wantErr) {
				t.Errorf("%s: %v, %v; want %d, %v", what, got, errs, want, wantErr)
			}
		}
		check("at the same time", 50, time.Minute, 1, nil)
		time.Sleep(fresh - time.Nanosecond)
		check("still fresh", 3, time.Minute, 1, nil)
		time.Sleep(time.Nanosecond)
		check("stale", 3, time.Minute, 2, nil)
		time.Sleep(fresh)
		check("without patience", 3, time.Second, 0, context.DeadlineExceeded)
		synctest.Wait()
		if given != 1 {
			t.Errorf("%d computations were given up, want 1", given)
		}
		check("after that", 1, time.Minute, 4, nil)

		// The first caller leaves; the others get the result of its computation.
		time.Sleep(fresh)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		left := make(chan error, 1)
		go func() {
			_, err := s.get(ctx)
			left <- err
		}()
		synctest.Wait()
		check("begun by a caller that left", 2, time.Minute, 5, nil)
		if err := <-left; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}

		time.Sleep(fresh)
		fail = true
		check("a failure", 2, time.Minute, 0, failure)
		fail = false
		check("is not kept", 2, time.Minute, 7, nil)
	})
}

// TestCachedStubborn: a computation that was cancelled and finishes nevertheless
// does not replace the next one.
func TestCachedStubborn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		s := newCached(func(context.Context) (int64, error) {
			n := begun.Add(1)
			time.Sleep(5 * time.Second)
			return n, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		second := make(chan int64, 1)
		go func() {
			n, _ := s.get(t.Context())
			second <- n
		}()
		time.Sleep(4500 * time.Millisecond) // the first has ended, the second has not
		third, err := s.get(t.Context())
		if n := <-second; n != 2 || third != 2 || err != nil {
			t.Errorf("got %d and %d, %v; want the second's result", n, third, err)
		}
	})
}
