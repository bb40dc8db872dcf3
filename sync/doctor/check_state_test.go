package doctor_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCheckOfAnotherJournal: one that is no file says so.
func TestCheckOfAnotherJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return countingJournal{j, new(int)} }
		findings := examine(w)
		for _, check := range []string{checkState, checkDisk} {
			if f := finding(t, findings, check); f.Level != doctor.Warn || f.What != "not examined: there is no state file yet" {
				t.Errorf("%+v", f)
			}
		}
	})
}

// A sickJournal is a state file with a fault or a full disk.
type sickJournal struct {
	giftsync.Journal
	err        error
	size, free int64
}

func (j sickJournal) Check(context.Context) error          { return j.err }
func (j sickJournal) Space() (size, free int64, err error) { return j.size, j.free, nil }

func TestCheckStateFileAndDisk(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, tt := range []struct {
		sick        sickJournal
		state, disk doctor.Level
	}{
		{sickJournal{size: gib, free: 2 * gib}, doctor.OK, doctor.OK},
		{sickJournal{size: 3 * gib, free: 2 * gib}, doctor.OK, doctor.Warn},
		{sickJournal{free: gib - 1}, doctor.OK, doctor.Warn},
		{sickJournal{free: 64<<20 - 1}, doctor.OK, doctor.Fail},
		{sickJournal{free: gib, err: &store.CorruptError{Path: "acme.db", Detail: "torn"}}, doctor.Fail, doctor.OK},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { tt.sick.Journal = j; return tt.sick }
			got := levels(t, examine(w))
			if got[checkState] != tt.state || got[checkDisk] != tt.disk {
				t.Errorf("%+v: state file %s, disk %s; want %s, %s", tt.sick, got[checkState], got[checkDisk], tt.state, tt.disk)
			}
		})
	}
}

// TestCheckDuringARun checks after each of a backfill's calls to HubSpot:
// nothing waits for the run, and what it has written and not yet committed is
// no difference. The doctor has the run's engine, or one of its own.
func TestCheckDuringARun(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Small(t)
			w.Must(giftsync.Backfill)
			for _, tx := range w.Thnks.Transactions()[:20] {
				w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Name += "!" })
			}
			time.Sleep(2 * time.Hour)
			st := w.Open()
			defer st.Close()
			w.WrapJournal = func(giftsync.Journal) giftsync.Journal { return roomy{st} }
			type checking struct{}
			var examined *giftsync.Engine
			var busy func() bool
			var client *hubspot.Client
			checks := 0
			w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
				return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(req)
					if req.Context().Value(checking{}) != nil {
						return resp, err
					}
					checks++
					findings := doctor.Check(context.WithValue(req.Context(), checking{}, true), examined.View(), client, busy)
					for check, level := range levels(t, findings) {
						if level != doctor.OK {
							t.Errorf("after %s %s: %+v", req.Method, req.URL.Path, finding(t, findings, check))
						}
					}
					return resp, err
				})
			}
			client = w.Client()
			e := w.EngineWith(st, client)
			if examined = e; own {
				busy = func() bool { return true }
				client = w.Client()
				examined = w.EngineWith(st, client)
			}
			rep, err := e.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
			if err != nil || rep.Updated != 20 {
				t.Fatalf("updated %d, error %v; want 20", rep.Updated, err)
			}
			if checks < 3 {
				t.Errorf("checked %d times", checks)
			}
		})
	}
}

// TestCheckErasedPeople: a list of erased people that was lost is a failing line, and
// says what to do; one that is there is a good one, and so is that of a portal from
// which no one was erased. One that HubSpot does not let be finished is warned of.
func TestCheckErasedPeople(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 2)
		w.Must(giftsync.Backfill)
		if f := finding(t, examine(w), checkErased); f.Level != doctor.OK {
			t.Errorf("%+v", f)
		}
		st := w.Open()
		tx, _ := w.Thnks.Transaction(simulation.ID(1))
		if _, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: tx.Recipient.Email}); err != nil {
			t.Fatal(err)
		}
		st.Close()
		if f := finding(t, examine(w), checkErased); f.Level != doctor.OK || !strings.Contains(f.What, "1 address") {
			t.Errorf("%+v", f)
		}
		w.Portal.AddConditionalRule("thnks", "status", "sent", "recipient_name")
		st = w.Open()
		tx, _ = w.Thnks.Transaction(simulation.ID(2))
		if _, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: tx.Recipient.Email}); err != nil {
			t.Fatal(err)
		}
		st.Close()
		if f := finding(t, examine(w), checkErased); f.Level != doctor.Warn || !strings.Contains(f.What, "2 addresses") || !strings.Contains(f.What, "not finished") || !strings.Contains(f.Remedy, "rule") {
			t.Errorf("%+v", f)
		}
		w.Portal.ClearRules()
		w.Must(giftsync.Incremental)
		if f := finding(t, examine(w), checkErased); f.Level != doctor.OK || !strings.Contains(f.What, "2 addresses") {
			t.Errorf("%+v", f)
		}
		if err := os.Remove(w.Erased.Path()); err != nil {
			t.Fatal(err)
		}
		if f := finding(t, examine(w), checkErased); f.Level != doctor.Fail || !strings.Contains(f.What, "is missing") || !strings.Contains(f.Remedy, "erase") {
			t.Errorf("%+v", f)
		}
	})
}
