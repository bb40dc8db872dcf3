package sync_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCallsOfADay: the calls of runs add up by the day of the HubSpot account, and
// what HubSpot says is left stands beside them.
func TestCallsOfADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{
			Seed: 1, TimeZone: "America/New_York", Limits: hubspottest.Limits{Daily: 10_000, DailyHeaders: true},
		}, thnksapitest.Options{})
		w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 40})...)
		today := func() giftsync.Spent {
			st := w.Open()
			defer st.Close()
			s, err := giftsync.SpentToday(st, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		var mu sync.Mutex
		calls, left := 0, 0
		w.Portal.Watch(func(x hubspottest.Exchange) {
			if n, err := strconv.Atoi(x.Header.Get("X-HubSpot-RateLimit-Daily-Remaining")); err == nil {
				mu.Lock()
				left = n
				mu.Unlock()
			}
		})
		count := func(rep giftsync.Report) {
			for _, n := range rep.HubSpotCalls {
				calls += n
			}
		}
		count(w.Must(giftsync.Backfill))
		count(w.Must(giftsync.ReassociateAll))
		before := calls
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.ReassociateAll, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		count(rep)
		calls = before // a dry run records nothing, but HubSpot counts its calls
		count(w.Must(giftsync.ReassociateAll))
		s := today()
		if s.Calls != calls || s.Left != left || s.Limit != 10_000 || s.At.IsZero() {
			t.Errorf("%+v; want %d calls, %d left", s, calls, left)
		}
		day := s.Day
		time.Sleep(24 * time.Hour)
		if s := today(); s.Calls != 0 || s.Limit != 10_000 || s.Left != 10_000 || s.Day == day {
			t.Errorf("on the next day: %+v", s)
		}
		calls = 0
		count(w.Must(giftsync.ReassociateAll))
		if s := today(); s.Calls != calls || s.Calls == 0 {
			t.Errorf("on the next day: %+v, want %d calls", s, calls)
		}
	})
}
