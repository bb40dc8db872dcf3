package sync_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// records returns an event of HubSpot about records.
func records(kind, of string, ids ...string) store.Event {
	now := time.Now().UTC()
	return store.Event{
		Dialect: "hubspot", Key: fmt.Sprint(kind, ids, now.UnixNano()), Kind: kind, RecordType: of, RecordIDs: ids,
		At: now, Signed: true, Effect: store.EffectRecord, ReceivedAt: now, Body: []byte("{}"),
	}
}

// A followedWorld is a world with gifts, an engine, and an open state file.
type followedWorld struct {
	*simulation.World
	st *store.Store
	e  *giftsync.Engine
}

func newFollowedWorld(t *testing.T, hs hubspottest.Options, addresses ...string) *followedWorld {
	w := simulation.New(t, hs, thnksapitest.Options{})
	for i, a := range addresses {
		w.AddGift(simulation.ID(i+1), a, time.Hour)
	}
	w.Must(giftsync.Backfill)
	f := &followedWorld{World: w, st: w.Open()}
	t.Cleanup(func() { f.st.Close() })
	f.e = w.Engine(f.st)
	return f
}

// follow receives events and follows them, as often as something is due in the time.
func (f *followedWorld) follow(within time.Duration, events ...store.Event) {
	f.T.Helper()
	f.Receive(f.st, events...)
	for end := time.Now().Add(within); ; time.Sleep(time.Second) {
		if _, err := f.e.FollowEvents(context.Background()); err != nil {
			f.T.Fatal(err)
		}
		if !time.Now().Before(end) {
			return
		}
	}
}

// journal returns the journal's entry of a gift.
func (f *followedWorld) journal(n int) plan.Stored {
	f.T.Helper()
	have, err := f.st.Gifts([]string{simulation.ID(n)})
	if err != nil {
		f.T.Fatal(err)
	}
	return have[simulation.ID(n)]
}

// TestFollowNewContact: the orphans of a contact that is new, or has got an address,
// primary or additional, are linked at once, with its company and deal, although
// HubSpot's search does not know it yet. No other person's gift is touched.
func TestFollowNewContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 3, SearchLag: time.Minute}, "ann@acme.example", "Bob@acme.example", "cid@acme.example", "dan@acme.example")
		contact, company, deal := f.AddPerson("ann@acme.example")
		f.follow(0, records("contact.creation", "contact", contact))
		f.WantLinked(simulation.ID(1), map[string][]string{"contacts": {contact}, "companies": {company}, "deals": {deal}})

		bob := f.Portal.AddContact("other@acme.example", nil)
		f.Portal.UpdateProperties("contacts", bob, map[string]string{"email": "bob@acme.example", "hs_additional_emails": "x@acme.example;cid@acme.example"})
		f.follow(0, records("contact.propertyChange", "contact", bob))
		f.WantLinked(simulation.ID(2), map[string][]string{"contacts": {bob}})
		f.WantLinked(simulation.ID(3), map[string][]string{"contacts": {bob}})
		if g := f.journal(4); g.Orphan != plan.NoContact {
			t.Errorf("another's gift: %+v", g)
		}

		// Again, or for a contact without gifts, it costs a look and no write.
		calls := f.Portal.Requests().Total
		f.follow(0, records("contact.creation", "contact", contact), records("contact.creation", "contact", f.Portal.AddContact("eve@acme.example", nil)))
		if n := f.Portal.Requests().Total - calls; n != 1 {
			t.Errorf("%d calls for nothing, want 1", n)
		}
		for seq, state := range f.EventStates(f.st) {
			if state != store.EventApplied {
				t.Errorf("event %d is %s", seq, state)
			}
		}
	})
}

// TestFollowTwoHolders: of two contacts that have an address, the one whose primary
// address it is gets the gift, in whatever order they are told.
func TestFollowTwoHolders(t *testing.T) {
	t.Parallel()
	for _, reverse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFollowedWorld(t, hubspottest.Options{Seed: 17, SearchLag: time.Hour}, "ann@acme.example")
			beside := f.Portal.AddContact("bob@acme.example", map[string]string{"hs_additional_emails": "ann@acme.example"})
			primary := f.Portal.AddContact("ann@acme.example", nil)
			events := []store.Event{records("contact.creation", "contact", beside), records("contact.creation", "contact", primary)}
			if reverse {
				slices.Reverse(events)
			}
			for i := range events {
				events[i].At = events[i].At.Add(time.Duration(i) * time.Second)
			}
			f.follow(0, events...)
			f.WantLinked(simulation.ID(1), map[string][]string{"contacts": {primary}})
		})
	}
}

// TestFollowBesideOthers: while another worker or a run has a gift in hand, the events
// about its recipient wait for it; the others are followed, and once only.
func TestFollowBesideOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 19}, "ann@acme.example", "bob@acme.example")
		reached, open := make(chan struct{}), make(chan struct{})
		f.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/batch/update") && strings.Contains(req.URL.Path, "/2-") {
					close(reached)
					<-open
				}
				return next.RoundTrip(req)
			})
		}
		f.e = f.Engine(f.st)
		f.Receive(f.st, simulation.Event(simulation.ID(1), plan.Opened))
		ended := make(chan error)
		go func() {
			_, err := f.e.ApplyEvents(t.Context())
			ended <- err
		}()
		<-reached
		ann, bob := f.Portal.AddContact("ann@acme.example", nil), f.Portal.AddContact("bob@acme.example", nil)
		f.Receive(f.st, records("contact.creation", "contact", ann), records("contact.creation", "contact", bob))
		result, err := f.e.FollowEvents(t.Context())
		if err != nil || result.Held != 1 || result.Done != 1 || result.Freed == nil {
			t.Errorf("%+v, %v: want one event held", result, err)
		}
		f.WantEventStates(f.st, store.EventPending, store.EventPending, store.EventApplied)
		f.WantLinked(simulation.ID(1), map[string][]string{})
		f.WantLinked(simulation.ID(2), map[string][]string{"contacts": {bob}})
		close(open)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		f.follow(0)
		f.WantEventStates(f.st, store.EventApplied, store.EventApplied, store.EventApplied)
		f.WantLinked(simulation.ID(1), map[string][]string{"contacts": {ann}})
	})
}

// TestFollowUnshownContact: a contact that HubSpot does not show yet is looked for
// again within minutes; one that is not there at all is given up.
func TestFollowUnshownContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 3}, "ann@acme.example")
		f.follow(30*time.Second, records("contact.creation", "contact", "987654321"))
		f.WantEventStates(f.st, store.EventWaiting)
		f.follow(15 * time.Minute)
		f.WantEventStates(f.st, store.EventListed)

		// As if it were not shown at first: the event is about a contact that comes later.
		var ahead store.Event
		contact := f.Portal.AddContact("ann@acme.example", nil)
		f.Portal.Archive("contacts", contact)
		ahead = records("contact.creation", "contact", contact)
		f.follow(20*time.Second, ahead)
		if !f.Portal.Restore("contacts", contact) {
			t.Fatal("not restored")
		}
		f.follow(2 * time.Minute)
		f.WantLinked(simulation.ID(1), map[string][]string{"contacts": {contact}})
	})
}

// TestFollowMergeAndDeletion: gifts follow their contact into another one, are
// orphans when it is gone, and have it again when it is restored.
func TestFollowMergeAndDeletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 5}, "ann@acme.example", "bob@acme.example", "cid@acme.example")
		ann, _, _ := f.AddPerson("ann@acme.example")
		bob := f.Portal.AddContact("bob@acme.example", nil)
		f.follow(0, records("contact.creation", "contact", ann), records("contact.creation", "contact", bob))
		both := f.Portal.Merge("contacts", ann, bob)
		f.follow(0, records("contact.merge", "contact", both, ann, bob))
		for n := range 2 {
			if ids := plan.LinkIDs(f.journal(n+1).Links, plan.Contact); !slices.Equal(ids, []string{both}) {
				t.Errorf("gift %d follows %v, want %s", n+1, ids, both)
			}
		}
		f.Portal.Archive("contacts", both)
		f.follow(0, records("contact.deletion", "contact", both))
		for n := range 2 {
			if g := f.journal(n + 1); g.Orphan != plan.ContactGone || plan.HasMade(g.Links, plan.Contact) {
				t.Errorf("gift %d after the deletion: %+v", n+1, g)
			}
		}
		// A deletion that is not so changes nothing.
		cid, _, _ := f.AddPerson("cid@acme.example")
		f.follow(0, records("contact.creation", "contact", cid), records("contact.deletion", "contact", cid))
		if got := f.Links(f.Record(simulation.ID(3)))["contacts"]; !slices.Equal(got, []string{cid}) {
			t.Errorf("linked to %v, want %s", got, cid)
		}
		if g := f.journal(3); g.Orphan != "" {
			t.Errorf("believed a deletion: %+v", g)
		}
		if !f.Portal.Restore("contacts", both) {
			t.Fatal("not restored")
		}
		f.follow(0, records("contact.restore", "contact", both))
		for n := range 2 {
			if g := f.journal(n + 1); g.Orphan != "" || g.Former.ID != "" || !slices.Equal(f.Links(f.Record(simulation.ID(n + 1)))["contacts"], []string{both}) {
				t.Errorf("gift %d after the restore: %+v", n+1, g)
			}
		}
	})
}

// TestFollowRevivedContact: a contact that was deleted and restored before its events
// were followed has lost its links. Its gifts are linked anew, whichever event comes,
// and a link that a user removed from another gift stays removed where nothing was
// deleted.
func TestFollowRevivedContact(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][]string{{"contact.deletion"}, {"contact.restore"}, {"contact.deletion", "contact.restore"}, {"contact.restore", "contact.deletion"}} {
		t.Run(strings.Join(kinds, " "), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFollowedWorld(t, hubspottest.Options{Seed: 6, SearchLag: 30 * time.Second}, "ann@acme.example", "ann@acme.example", "bob@acme.example")
				ann := f.Portal.AddContact("ann@acme.example", nil)
				bob := f.Portal.AddContact("bob@acme.example", nil)
				f.follow(0, records("contact.creation", "contact", ann), records("contact.creation", "contact", bob))
				f.Portal.Dissociate("thnks", f.Record(simulation.ID(3)), "contacts", bob)
				f.Portal.Archive("contacts", ann)
				if !f.Portal.Restore("contacts", ann) {
					t.Fatal("not restored")
				}
				events := []store.Event{records("contact.propertyChange", "contact", bob)}
				for _, kind := range kinds {
					events = append(events, records(kind, "contact", ann))
				}
				f.follow(0, events...)
				for n := range 2 {
					g, got := f.journal(n+1), f.Links(f.Record(simulation.ID(n + 1)))["contacts"]
					if g.Orphan != "" || !slices.Equal(plan.LinkIDs(g.Links, plan.Contact), []string{ann}) || !slices.Equal(got, []string{ann}) {
						t.Errorf("gift %d is linked to %v, and by the journal: %+v", n+1, got, g)
					}
				}
				if got := f.Links(f.Record(simulation.ID(3)))["contacts"]; len(got) > 0 {
					t.Errorf("a link that a user removed was made again: %v", got)
				}
			})
		})
	}
}

// TestFollowDeletionOfAMerged: a contact that was merged is not one that lost its links:
// the record's link to the contact that it is now counts as made by the program.
func TestFollowDeletionOfAMerged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 7}, "ann@acme.example")
		ann, bob := f.Portal.AddContact("ann@acme.example", nil), f.Portal.AddContact("bob@acme.example", nil)
		f.follow(0, records("contact.creation", "contact", ann))
		both := f.Portal.Merge("contacts", ann, bob)
		f.follow(0, records("contact.deletion", "contact", ann))
		g := f.journal(1)
		if g.Orphan != "" || !slices.Equal(plan.LinkIDs(g.Links, plan.Contact), []string{both}) || slices.ContainsFunc(g.Links, func(l plan.Link) bool { return l.Found }) {
			t.Errorf("the journal has %+v, want the link to %s as it was", g, both)
		}
	})
}

// TestFollowDeals: a deal that is new to a contact is added to the gifts sent
// lately, by its own event or the association's, and closing it takes nothing away.
func TestFollowDeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 7}, "ann@acme.example")
		f.AddGift(simulation.ID(2), "ann@acme.example", 200*24*time.Hour)
		f.st.Close()
		f.Must(giftsync.Backfill)
		f.st = f.Open()
		f.e = f.Engine(f.st)
		ann, _, first := f.AddPerson("ann@acme.example")
		f.follow(0, records("contact.creation", "contact", ann))
		second := f.AddDeal(ann)
		f.follow(0, records("contact.associationChange", "contact", ann))
		third := f.AddDeal(ann)
		f.follow(0, records("deal.propertyChange", "deal", third))
		f.Portal.UpdateProperties("deals", second, map[string]string{"dealstage": "closedwon"})
		f.follow(0, records("deal.propertyChange", "deal", second))
		want := []string{first, second, third}
		slices.Sort(want)
		got := f.Links(f.Record(simulation.ID(1)))["deals"]
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("sent lately (-want +got):\n%s", d)
		}
		if got := f.Links(f.Record(simulation.ID(2)))["deals"]; !slices.Equal(got, []string{first}) {
			t.Errorf("sent long ago: %v, want %s alone", got, first)
		}
	})
}

// TestFollowPrivacyDeletion: the person of a contact that was deleted for privacy is
// erased once, and only when HubSpot answers that the contact is gone, in whatever
// order the event and its twin come. A gift that a user linked by hand is named.
func TestFollowPrivacyDeletion(t *testing.T) {
	t.Parallel()
	for _, twinFirst := range []bool{false, true} {
		t.Run(fmt.Sprint(twinFirst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFollowedWorld(t, hubspottest.Options{Seed: 9}, "ann@acme.example", "ann@acme.example", "someone@else.example")
				ann := f.Portal.AddContact("ann@acme.example", nil)
				f.follow(0, records("contact.creation", "contact", ann))
				f.Portal.Associate("thnks", f.Record(simulation.ID(3)), "contacts", ann)
				if _, err := f.e.Run(t.Context(), giftsync.Request{Mode: giftsync.ReassociateAll}); err != nil {
					t.Fatal(err)
				}
				erasure, twin := records("contact.privacyDeletion", "contact", ann), records("contact.deletion", "contact", ann)
				f.follow(10*time.Second, erasure)
				if g := f.journal(1); !g.Erased.IsZero() {
					t.Fatal("erased while HubSpot shows the contact")
				}
				f.Portal.Archive("contacts", ann)
				if twinFirst {
					f.follow(0, twin)
				}
				f.follow(3*time.Minute, records("contact.privacyDeletion", "contact", ann))
				if !twinFirst {
					f.follow(0, twin)
				}
				for n := range 2 {
					if g := f.journal(n + 1); g.Erased.IsZero() || g.Gift.Recipient.Email != "" || f.Property(simulation.ID(n+1), "recipient_email") != "" {
						t.Errorf("gift %d is not erased: %+v", n+1, g)
					}
				}
				if g := f.journal(3); !g.Erased.IsZero() || g.Gift.Recipient.Email == "" || g.Orphan != plan.ContactGone {
					t.Errorf("the gift that was linked by hand: %+v", g)
				}
				named := 0
				for e, err := range f.st.Events(t.Context(), store.EventFilter{State: store.EventRefused}) {
					if err != nil {
						t.Fatal(err)
					}
					if strings.Contains(e.Reason, simulation.ID(3)) && !strings.Contains(e.Reason, simulation.ID(1)) {
						named++
					}
				}
				if named == 0 {
					t.Error("no event names the gift that was linked by hand")
				}
			})
		})
	}
}

// TestFollowPrivacyDeletionWithoutGift: what earlier events say of a person who is
// deleted for privacy and has no gift goes from the inbox and from the raw bytes of the
// state file, once HubSpot answers that the contact is gone: of the contact, of one
// that was merged into it, and of what is only listed. Others' events keep theirs.
func TestFollowPrivacyDeletionWithoutGift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 11}, "ann@acme.example")
		young, other := f.Portal.AddContact("canary@bird.example", nil), f.Portal.AddContact("old@bird.example", nil)
		bob := f.Portal.AddContact("bob@acme.example", nil)
		told := func(contact, address string) store.Event {
			e := records("contact.propertyChange", "contact", contact)
			e.Email, e.Body = address, fmt.Appendf(nil, `{"objectId":%s,"propertyName":"email","propertyValue":%q}`, contact, address)
			return e
		}
		listed := records("contact.propertyChange", "", "")
		listed.RecordIDs, listed.Effect = nil, store.EffectListed
		listed.Body = fmt.Appendf(nil, `{"objectId":%s,"propertyName":"firstname","propertyValue":"Canary"}`, young)
		f.follow(0, told(young, "canary@bird.example"), told(other, "old@bird.example"), told(bob, "bob@acme.example"), listed)
		both := f.Portal.Merge("contacts", other, young)
		f.follow(0, records("contact.merge", "contact", both, other, young))
		f.follow(10*time.Second, records("contact.privacyDeletion", "contact", both))
		private := []string{"canary@bird.example", "old@bird.example", "Canary"}
		for _, p := range private {
			if !bytes.Contains(rawState(t, f.World), []byte(p)) {
				t.Fatalf("%q is gone although HubSpot shows the contact", p)
			}
		}
		f.Portal.Archive("contacts", both)
		f.follow(3*time.Minute, records("contact.privacyDeletion", "contact", both))
		left := rawState(t, f.World)
		for _, p := range private {
			if bytes.Contains(left, []byte(p)) {
				t.Errorf("the state file holds %q", p)
			}
		}
		if !bytes.Contains(left, []byte("bob@acme.example")) {
			t.Error("the event of another contact has lost its address")
		}
	})
}

// TestFollowPrivacyDeletionOfASend: of a person who was deleted for privacy only the
// ledger of sends knows: a gift that was refused, one that waits for a person, and one
// under the contact that was merged into hers. Nothing of her stays, and nothing is sent.
func TestFollowPrivacyDeletionOfASend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 12}, "ann@acme.example")
		young, other := f.Portal.AddContact("canary@bird.example", nil), f.Portal.AddContact("old@bird.example", nil)
		both := f.Portal.Merge("contacts", other, young)
		f.follow(0, records("contact.merge", "contact", both, other, young))
		l := ledger{t, f.st}
		for id, to := range map[string]string{"refused": "Canary@bird.example", "held": "canary@bird.example", "merged": "old@bird.example", "of an erased sender": "third@bird.example", "kept": "ann@acme.example"} {
			s := coffee(id, to)
			s.FirstName, s.Message, s.Contact, s.State = "Canary", "For Canary", both, store.SendHeld
			switch id {
			case "refused":
				s.State, s.FirstName, s.Message = store.SendRefused, "", ""
			case "merged":
				s.Contact = young
			case "of an erased sender":
				s.Sender = "kim@acme.example"
			case "kept":
				s.Contact, s.FirstName, s.Message = "1", "Ann", "For Ann"
			}
			l.ask(s)
		}
		if _, err := f.e.Erase(t.Context(), giftsync.Person{Email: "kim@acme.example"}); err != nil {
			t.Fatal(err)
		}
		f.Portal.Archive("contacts", both)
		f.follow(3*time.Minute, records("contact.privacyDeletion", "contact", both))
		left := rawState(t, f.World)
		for _, p := range []string{"canary@bird.example", "Canary@bird.example", "old@bird.example", "third@bird.example", "Canary"} {
			if bytes.Contains(left, []byte(p)) {
				t.Errorf("the state file holds %q", p)
			}
		}
		for id, want := range map[string]store.SendState{"refused": store.SendRefused, "held": store.SendCancelled, "merged": store.SendCancelled, "of an erased sender": store.SendCancelled, "kept": store.SendHeld} {
			if s := l.send(id); s.State != want || (s.Recipient == "") == (id == "kept") {
				t.Errorf("%+v, want it %s", s, want)
			}
		}
	})
}

// TestFollowPrivacyDeletionOfOldLinks: of links that an older release made it is not
// known whether people made them. Their gifts are named, and not erased.
func TestFollowPrivacyDeletionOfOldLinks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 10}, "ann@acme.example")
		ann := f.Portal.AddContact("ann@acme.example", nil)
		f.follow(0, records("contact.creation", "contact", ann))
		time.Sleep(time.Hour)
		if err := f.st.Commit(store.Commit{Meta: giftsync.Meta(store.OriginsEntry, time.Now().UTC())}); err != nil {
			t.Fatal(err)
		}
		f.Portal.Archive("contacts", ann)
		f.follow(3*time.Minute, records("contact.privacyDeletion", "contact", ann))
		if g := f.journal(1); !g.Erased.IsZero() || g.Gift.Recipient.Email == "" {
			t.Errorf("erased although it is unknown who linked it: %+v", g)
		}
		named := false
		for e, err := range f.st.Events(t.Context(), store.EventFilter{State: store.EventRefused}) {
			if err != nil {
				t.Fatal(err)
			}
			named = named || strings.Contains(e.Reason, simulation.ID(1))
		}
		if !named {
			t.Error("no event names the gift")
		}
	})
}

// TestFollowWhereHubSpotFails: an event of whose contact, deals or deal HubSpot says
// nothing is tried again until it does, and the gift is not linked by halves. The other
// events of the same batch are followed.
func TestFollowWhereHubSpotFails(t *testing.T) {
	t.Parallel()
	// deals are a contact's first one, and a second one that an event is about.
	deals := func(first, second, of string) []string {
		if of == "deal" {
			return []string{first, second}
		}
		return []string{first}
	}
	for name, tt := range map[string]struct {
		kind, of string
		at       func(contact, deal string) func(path, body string) bool
	}{
		"contact": {"contact.creation", "contact", func(contact, _ string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/objects/2026-09/contacts/batch/read") && strings.Contains(body, `"`+contact+`"`)
			}
		}},
		"its deals": {"contact.creation", "contact", func(contact, _ string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/contacts/deals/batch/read") && strings.Contains(body, `"`+contact+`"`)
			}
		}},
		"a deal of it": {"contact.propertyChange", "contact", func(_, deal string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/objects/2026-09/deals/batch/read") && strings.Contains(body, `"`+deal+`"`)
			}
		}},
		"the deal's contacts": {"deal.creation", "deal", func(_, deal string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/deals/contacts/batch/read") && strings.Contains(body, `"`+deal+`"`)
			}
		}},
	} {
		for _, lag := range []time.Duration{0, time.Hour} { // whether HubSpot's search has the contact
			t.Run(fmt.Sprint(name, lag), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFollowedWorld(t, hubspottest.Options{Seed: 15, SearchLag: lag}, "ann@acme.example", "bob@acme.example")
					ann, company, deal := f.AddPerson("ann@acme.example")
					bob, bobs, his := f.AddPerson("bob@acme.example")
					before, first, second := map[string][]string{}, ann, bob
					if tt.of == "deal" { // which concerns gifts that are linked
						f.follow(0, records("contact.creation", "contact", ann), records("contact.creation", "contact", bob))
						before = f.Links(f.Record(simulation.ID(1)))
						first, second = f.AddDeal(ann), f.AddDeal(bob)
					}
					f.WrapHubSpot = failingCalls(tt.at(ann, map[string]string{"contact": deal, "deal": first}[tt.of]))
					f.e = f.Engine(f.st)
					f.follow(0, records(tt.kind, tt.of, first), records(tt.kind, tt.of, second))
					f.WantLinked(simulation.ID(1), before)
					f.WantLinked(simulation.ID(2), map[string][]string{"contacts": {bob}, "companies": {bobs}, "deals": deals(his, second, tt.of)})
					f.WrapHubSpot = nil
					f.e = f.Engine(f.st)
					f.follow(2 * time.Minute)
					f.WantLinked(simulation.ID(1), map[string][]string{"contacts": {ann}, "companies": {company}, "deals": deals(deal, first, tt.of)})
					for seq, state := range f.EventStates(f.st) {
						if state != store.EventApplied {
							t.Errorf("event %d is %s", seq, state)
						}
					}
				})
			})
		}
	}
}
