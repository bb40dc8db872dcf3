package sync_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// bulk is a world in which each of n people has a contact and a gift that is linked to
// it, and an engine that has yet to follow events.
func bulk(t *testing.T, n int) (f *followedWorld, contacts []string) {
	t.Helper()
	f = newFollowedWorld(t, hubspottest.Options{Seed: 72})
	f.st.Close()
	f.AddPerson("other@acme.example") // without a gift: what HubSpot shows beside them
	for i := range n {
		c, _, _ := f.AddPerson(fmt.Sprintf("p%d@acme.example", i))
		contacts = append(contacts, c)
		f.AddGift(simulation.ID(i+1), fmt.Sprintf("p%d@acme.example", i), time.Hour)
	}
	f.Must(giftsync.Backfill)
	f.st = f.Open()
	f.e = f.Engine(f.st)
	time.Sleep(time.Hour)
	return f, contacts
}

// concluded counts the gifts without a contact that they had, and those of erased people.
func (f *followedWorld) concluded(n int) (orphans, erased int) {
	for i := range n {
		s := f.journal(i + 1)
		if s.Orphan == plan.ContactGone {
			orphans++
		}
		if !s.Erased.IsZero() {
			erased++
		}
	}
	return orphans, erased
}

// TestBulkEventsThatLie: 400 events say at once that contacts are gone, and HubSpot does
// not find them, but its search shows them, or shows none at all, or fails: nothing is
// concluded, no one is erased. When HubSpot finds them again the events end and all is
// as it was.
func TestBulkEventsThatLie(t *testing.T) {
	t.Parallel()
	n := 400
	if simulation.RaceDetector {
		n = 120
	}
	searches := func(status int, body string) func(http.RoundTripper) http.RoundTripper {
		return func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/contacts/search") {
					return simulation.Reply(req, status, body), nil
				}
				return next.RoundTrip(req)
			})
		}
	}
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{
		"shown":     nil,
		"none":      searches(http.StatusOK, `{"total":0,"results":[]}`),
		"not asked": searches(http.StatusBadGateway, ``),
	} {
		for _, kind := range []string{"contact.deletion", "contact.privacyDeletion"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					few := 0 // who may be erased: where no search shows otherwise, those few are believed
					if name == "none" {
						few = 4
					}
					f, contacts := bulk(t, n)
					f.Portal.Hide("contacts", true)
					f.st.Close()
					f.WrapHubSpot = wrap
					f.st = f.Open()
					f.e = f.Engine(f.st)
					var events []store.Event
					for _, c := range contacts {
						events = append(events, records(kind, "contact", c))
					}
					f.follow(time.Minute, events[:6]...)
					for _, e := range events[6:12] { // one after the other
						f.follow(0, e)
					}
					f.follow(time.Minute, events[12:]...)
					if orphans, erased := f.concluded(n); orphans > 4 || erased > few {
						t.Errorf("%d orphans, %d erased", orphans, erased)
					}
					f.Portal.Hide("contacts", false)
					f.st.Close()
					f.WrapHubSpot = nil
					f.st = f.Open()
					f.e = f.Engine(f.st)
					f.follow(2 * time.Hour)
					if orphans, erased := f.concluded(n); orphans > 4 || erased > few {
						t.Errorf("%d orphans, %d erased when they are found again", orphans, erased)
					}
					f.st.Close()
					time.Sleep(simulation.Day)
					f.Must(giftsync.Incremental)
					f.Check()
				})
			})
		}
	}
}

// TestBulkEventsThatAreTrue: 60 contacts were deleted, for privacy or not, or merged:
// the gifts follow, and the people are erased who were to be.
func TestBulkEventsThatAreTrue(t *testing.T) {
	t.Parallel()
	const n = 60
	for _, kind := range []string{"contact.deletion", "contact.privacyDeletion", "contact.merge"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, contacts := bulk(t, n)
				var events []store.Event
				var into []string
				for i, c := range contacts {
					e := records(kind, "contact", c)
					switch kind {
					case "contact.deletion":
						f.Portal.Archive("contacts", c)
					case "contact.privacyDeletion":
						f.Portal.DeleteForPrivacy(c)
					case "contact.merge":
						into = append(into, f.Portal.Merge("contacts", c, f.Portal.AddContact(fmt.Sprintf("q%d@acme.example", i), nil)))
						e.RecordIDs = []string{into[i], c}
					}
					events = append(events, e)
				}
				f.follow(time.Minute, events...)
				orphans, erased := f.concluded(n)
				switch kind {
				case "contact.deletion":
					if orphans != n || erased != 0 {
						t.Errorf("%d orphans, %d erased", orphans, erased)
					}
				case "contact.privacyDeletion":
					if erased != n {
						t.Errorf("%d erased", erased)
					}
				case "contact.merge":
					for i := range n {
						if got := journalLinks(f.journal(i+1), plan.Contact); orphans != 0 || len(got) != 1 || got[0] != into[i] {
							t.Errorf("gift %d is linked to %v, want %s", i+1, got, into[i])
						}
					}
				}
				for seq, state := range f.EventStates(f.st) {
					if state != store.EventApplied {
						t.Errorf("event %d is %s", seq, state)
					}
				}
			})
		})
	}
}

// TestManyErasedTogether: people who are deleted for privacy at once, some with a gift
// and some without, cost one writing of the state file, and one HubSpot call for 100
// records; two more without a gift cost one writing, too. Another one's gift, which a
// user had linked by hand, is named for the contact that it was linked to.
func TestManyErasedTogether(t *testing.T) {
	t.Parallel()
	const n = 60
	synctest.Test(t, func(t *testing.T) {
		f, contacts := bulk(t, n)
		var events []store.Event
		for i := range 5 {
			without, _, _ := f.AddPerson(fmt.Sprintf("without%d@acme.example", i))
			early := records("contact.propertyChange", "contact", without)
			early.Email = fmt.Sprintf("without%d@acme.example", i)
			f.follow(0, early)
			contacts = append(contacts, without)
		}
		f.AddGift(simulation.ID(n+1), "someone@else.example", time.Hour)
		f.st.Close()
		f.Must(giftsync.Incremental)
		f.Portal.Associate("thnks", f.Record(simulation.ID(n+1)), "contacts", contacts[2])
		f.Must(giftsync.ReassociateAll)

		compactions, updates := 0, 0
		f.Configure = withConfigure(f.Configure, func(c *giftsync.Config) { c.Archive = countingArchive{c.Archive, &compactions} })
		f.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/batch/update") {
					updates++
				}
				return next.RoundTrip(req)
			})
		}
		f.st = f.Open()
		f.e = f.Engine(f.st)
		for _, c := range contacts {
			f.Portal.DeleteForPrivacy(c)
		}
		for _, c := range contacts[:n+3] {
			events = append(events, records("contact.privacyDeletion", "contact", c), records("contact.deletion", "contact", c))
		}
		f.follow(0, events...)
		if _, erased := f.concluded(n); erased != n {
			t.Errorf("%d of %d are erased", erased, n)
		}
		if s := f.journal(n + 1); !s.Erased.IsZero() {
			t.Error("the gift that was linked by hand is erased")
		}
		if compactions != 1 || updates != 1 {
			t.Errorf("the state file was written %d times and HubSpot asked %d times to update records, want once each", compactions, updates)
		}
		f.follow(0, records("contact.privacyDeletion", "contact", contacts[n+3]), records("contact.privacyDeletion", "contact", contacts[n+4]))
		if compactions != 2 {
			t.Errorf("the state file was written %d times, want once more for people without a gift", compactions)
		}
		if raw := rawState(t, f.World); bytes.Contains(raw, []byte("without4@acme.example")) || bytes.Contains(raw, []byte("p7@acme.example")) {
			t.Error("the state file names people who were erased")
		}
		named := 0
		for e, err := range f.st.Events(t.Context(), store.EventFilter{State: store.EventRefused}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.RecordIDs[0] == contacts[2] && strings.Contains(e.Reason, simulation.ID(n+1)) {
				named++
			}
		}
		if named != 1 {
			t.Errorf("%d events name the gift that was linked by hand, want one", named)
		}
	})
}

// TestErasureWithoutAccess: a token that HubSpot refuses while a person is erased ends the
// work on events, also where an erasure that was interrupted so is tried again: an admin
// has to hear of it.
func TestErasureWithoutAccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, contacts := bulk(t, 1)
		f.Portal.DeleteForPrivacy(contacts[0])
		f.st.Close()
		f.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/batch/update") {
					return simulation.Reply(req, http.StatusUnauthorized, `{"status":"error","category":"INVALID_AUTHENTICATION","message":"no"}`), nil
				}
				return next.RoundTrip(req)
			})
		}
		f.st = f.Open()
		f.e = f.Engine(f.st)
		f.Receive(f.st, records("contact.privacyDeletion", "contact", contacts[0]))
		for n := range 2 {
			if _, err := f.e.FollowEvents(t.Context()); !giftsync.IsFatal(err) {
				t.Errorf("attempt %d ends with %v, want an error that an admin has to put right", n+1, err)
			}
			time.Sleep(time.Hour)
		}
		f.st.Close()
		f.WrapHubSpot = nil
		f.st = f.Open()
		f.e = f.Engine(f.st)
		f.follow(0)
		if _, erased := f.concluded(1); erased != 1 || f.Property(simulation.ID(1), "recipient_email") != "" {
			t.Errorf("%d erased, and HubSpot has %q", erased, f.Property(simulation.ID(1), "recipient_email"))
		}
	})
}

// TestErasureByAnEventIsTakenBack: an event finishes an erasure while HubSpot does not find
// records and cannot list those that it has. What it has concluded of the first few is taken
// back, and when they are there again all are blanked.
func TestErasureByAnEventIsTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, contacts := bulk(t, 1)
		f.st.Close()
		const n = 250
		for i := 2; i <= n; i++ {
			f.AddGift(simulation.ID(i), "p0@acme.example", time.Hour)
		}
		f.Must(giftsync.Incremental)
		f.Portal.DeleteForPrivacy(contacts[0])
		refused, unlisted := true, false
		f.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				switch {
				case refused && strings.HasSuffix(req.URL.Path, "/batch/update"):
					return simulation.Reply(req, http.StatusUnauthorized, `{"status":"error","category":"INVALID_AUTHENTICATION","message":"no"}`), nil
				case unlisted && req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/2-") && req.URL.Query().Has("limit"):
					return simulation.Reply(req, http.StatusBadGateway, ""), nil
				}
				return next.RoundTrip(req)
			})
		}
		f.st = f.Open()
		f.e = f.Engine(f.st)
		f.Receive(f.st, records("contact.privacyDeletion", "contact", contacts[0]))
		if _, err := f.e.FollowEvents(t.Context()); !giftsync.IsFatal(err) {
			t.Fatalf("the erasure ends with %v, want it interrupted", err)
		}
		f.st.Close()
		refused, unlisted = false, true
		var away []string
		for i := 1; i <= 200; i++ {
			if i <= 2 || i > 100 {
				away = append(away, f.Record(simulation.ID(i)))
				f.Portal.Archive("thnks", away[len(away)-1])
			}
		}
		time.Sleep(time.Hour)
		f.st = f.Open()
		f.e = f.Engine(f.st)
		if _, err := f.e.FollowEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.st.Close()
		if got := f.Property(simulation.ID(50), "recipient_email"); got != "" {
			t.Fatalf("a record of the first hundred has %q: the event has finished nothing", got)
		}
		if n := tombstones(t, f.World); n != 0 {
			t.Errorf("%d records count as deleted, which nothing confirms", n)
		}
		unlisted = false
		for _, id := range away {
			f.Portal.Restore("thnks", id)
		}
		time.Sleep(time.Hour)
		f.Must(giftsync.Incremental)
		for i := 1; i <= n; i++ {
			if got := f.Property(simulation.ID(i), "recipient_email"); got != "" {
				t.Fatalf("record %d has %q", i, got)
			}
		}
		f.st = f.Open()
	})
}

// A countingArchive counts how often the state file is written anew.
type countingArchive struct {
	giftsync.Archive
	compactions *int
}

func (a countingArchive) Compact() (store.Compaction, error) {
	*a.compactions++
	return a.Archive.Compact()
}

// TestRestoreAfterMany: records that people deleted in bulk come back by a restore, each
// once; those that were only out of sight for a while are found to exist.
func TestRestoreAfterMany(t *testing.T) {
	t.Parallel()
	for _, lying := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 40)
			w.Must(giftsync.Backfill)
			time.Sleep(time.Hour)
			gone := 39
			if lying {
				gone = 4 // as many as are believed
				w.Portal.Hide("thnks", true)
			}
			for n := 1; n <= gone && !lying; n++ {
				w.Portal.Archive("thnks", w.Record(simulation.ID(n)))
			}
			change(w, gone)
			w.Must(giftsync.Incremental)
			if n := tombstones(t, w); n != gone {
				t.Errorf("lying %v: %d tombstones, want %d", lying, n, gone)
			}
			w.Portal.Hide("thnks", false)
			w.Must(giftsync.Restore)
			if n := tombstones(t, w); n != 0 {
				t.Errorf("lying %v: %d tombstones after the restore", lying, n)
			}
			w.Must(giftsync.Incremental)
			w.Check()
		})
	}
}
