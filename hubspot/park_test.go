package hubspot

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the zones of the tests, wherever they run

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestNextMidnight(t *testing.T) {
	for _, tt := range []struct{ zone, now, want string }{
		{"UTC", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"},
		{"UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"America/New_York", "2026-11-21T03:00:00Z", "2026-11-21T05:00:00Z"},
		{"America/New_York", "2026-11-01T04:30:00Z", "2026-11-02T05:00:00Z"}, // a day of 25 hours
		{"America/New_York", "2026-03-08T05:30:00Z", "2026-03-09T04:00:00Z"}, // of 23
		{"Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"},     // no midnight: 24:00 is 01:00
		{"America/Havana", "2026-03-07T12:00:00Z", "2026-03-08T05:00:00Z"},   // likewise, west of Greenwich
		{"Asia/Kathmandu", "2026-11-21T18:14:59Z", "2026-11-21T18:15:00Z"},   // +05:45
	} {
		now, _ := time.Parse(time.RFC3339, tt.now)
		if got := nextMidnight(now, zone(t, tt.zone)).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.zone, tt.now, got, tt.want)
		}
	}
}

func TestNextMidnightBeginsTheDay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := zone(t, rapid.SampledFrom([]string{
			"UTC", "America/New_York", "America/Sao_Paulo", "America/Havana", "Africa/Cairo",
			"Asia/Beirut", "Asia/Tehran", "Australia/Lord_Howe", "Pacific/Chatham", "Europe/Lisbon",
		}).Draw(rt, "zone"))
		now := time.Unix(rapid.Int64Range(1_500_000_000, 1_900_000_000).Draw(rt, "now"), 0)
		got := nextMidnight(now, z)
		year, month, day := now.In(z).Date()
		tomorrow := time.Date(year, month, day+1, 12, 0, 0, 0, z).Format(time.DateOnly)
		if !got.After(now) || got.In(z).Format(time.DateOnly) != tomorrow || got.Sub(now) > 26*time.Hour {
			rt.Fatalf("%v → %v", now.In(z), got.In(z))
		}
		// Where the clock strikes midnight twice, either is a fresh day.
		if h := got.Add(-time.Second).In(z); h.Format(time.DateOnly) == tomorrow && h.Hour() > 1 {
			rt.Fatalf("%v → %v, but the day began before", now.In(z), got.In(z))
		}
	})
}

// parkable is a client on a portal whose answers the test sets.
func parkable(t *testing.T, log *bytes.Buffer, answer *transportFunc) (c *Client, call func() *Error) {
	c = clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) { return (*answer)(req) }), func(cfg *Config) {
		cfg.TimeZone = func() *time.Location { return zone(t, "America/New_York") }
		cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	return c, func() *Error {
		_, err := c.do(t.Context(), request{class: Objects, method: http.MethodGet, path: "/x"})
		e, _ := AsError(err)
		return e
	}
}

func TestDailyLimitParks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The day before clocks go back in New York: its midnight is at 04:00 UTC,
		// the next at 05:00.
		time.Sleep(time.Until(time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)))
		fine, daily := body(200, ""), body(429, `{"policyName":"DAILY","correlationId":"c-1"}`)
		answer := daily
		var log bytes.Buffer
		c, call := parkable(t, &log, &answer)

		midnight := time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)
		if e := call(); e == nil || e.Kind != Daily || !e.Until.Equal(midnight) || e.Policy != "DAILY" {
			t.Fatalf("got %#v", e)
		}
		answer = fine
		for _, class := range []Class{Objects, Other, Associations, Search} {
			start := time.Now()
			sent, err := c.do(t.Context(), request{class: class, method: http.MethodPut, path: "/y"})
			e, ok := AsError(err)
			if !ok || sent != nil || e.Kind != Daily || !e.Until.Equal(midnight) || e.Method != http.MethodPut || e.Path != "/y" || time.Since(start) != 0 {
				t.Errorf("%s: got %#v, call %+v", class, e, sent)
			}
		}
		if got := c.Calls()[Objects]; got != 1 || len(c.Calls()) != 1 {
			t.Errorf("calls: %v", c.Calls())
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "2026-11-01T00:00:00.000-04:00") {
			t.Errorf("logged %s", log.String())
		}

		time.Sleep(time.Until(midnight))
		if e := call(); e != nil {
			t.Errorf("after midnight: %v", e)
		}
		// An hour into the day of 25 hours it is used up again.
		time.Sleep(time.Hour)
		answer = daily
		if e := call(); e == nil || !e.Until.Equal(midnight.Add(25*time.Hour)) {
			t.Errorf("got %#v", e)
		}
	})
}

func TestLateDailyReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := body(429, `{"policyName":"DAILY"}`)
		var log bytes.Buffer
		_, call := parkable(t, &log, &answer)
		midnight := call().Until
		time.Sleep(time.Until(midnight))
		// HubSpot's day is not over yet: ask again soon, not in a day.
		if e := call(); e == nil || e.Kind != Daily || e.Until.Sub(midnight) != lateResetWait {
			t.Fatalf("got %#v", e)
		}
		time.Sleep(lateResetWait)
		answer = body(200, "")
		if e := call(); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

func TestParkReachesWaitingCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := body(477, `{}`)
		var log bytes.Buffer
		c, call := parkable(t, &log, &answer)
		take(t, c.search, 1) // the next one keeps its distance
		waiting := make(chan error)
		go func() {
			_, err := c.do(t.Context(), request{class: Search, method: http.MethodPost, path: "/s"})
			waiting <- err
		}()
		synctest.Wait()
		call()
		if e, ok := AsError(<-waiting); !ok || e.Kind != Migrating || e.Path != "/s" {
			t.Errorf("got %v", e)
		}
	})
}

func TestMigrationParks(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": time.Hour, "soon": time.Hour, "0": time.Hour, "90": 90 * time.Second, "999999": 24 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			answer := status(477, "Retry-After", header)
			var log bytes.Buffer
			_, call := parkable(t, &log, &answer)
			start := time.Now()
			if e := call(); e == nil || e.Kind != Migrating || e.Until.Sub(start) != want {
				t.Errorf("%q: got %#v", header, e)
			}
			answer = body(200, "")
			time.Sleep(want - time.Second)
			if e := call(); e == nil || e.Kind != Migrating {
				t.Errorf("%q: not parked to the end: %v", header, e)
			}
			time.Sleep(time.Second)
			if e := call(); e != nil {
				t.Errorf("%q: still parked: %v", header, e)
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("%q: %d warnings", header, n)
			}
		})
	}
}
