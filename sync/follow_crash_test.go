package sync_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// TestCrashAtEveryStepOfFollowing kills a process before and after each call and
// commit while it follows an event of each kind. The next one ends what it began:
// every gift is where HubSpot has its recipient, and the person who was deleted for
// privacy is erased.
func TestCrashAtEveryStepOfFollowing(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		f := newFollowedWorld(t, hubspottest.Options{Seed: 11}, "ann@acme.example", "bob@acme.example", "cid@acme.example", "dan@acme.example", "eve@acme.example", "fay@acme.example", "gus@acme.example")
		var early []store.Event
		contact := make(map[string]string)
		for _, name := range []string{"cid", "dan", "eve", "fay", "gus"} {
			contact[name] = f.Portal.AddContact(name+"@acme.example", nil)
			early = append(early, records("contact.creation", "contact", contact[name]))
		}
		f.follow(0, early...)

		ann, company, deal := f.AddPerson("ann@acme.example")
		bob := f.Portal.AddContact("", nil)
		f.Portal.UpdateProperties("contacts", bob, map[string]string{"email": "bob@acme.example"})
		both := f.Portal.Merge("contacts", contact["cid"], contact["dan"])
		f.Portal.Archive("contacts", contact["eve"])
		f.Portal.DeleteForPrivacy(contact["fay"])
		first, second := f.AddDeal(contact["gus"]), f.AddDeal(contact["gus"])
		f.Receive(
			f.st,
			records("contact.creation", "contact", ann), records("contact.propertyChange", "contact", bob),
			records("contact.merge", "contact", both, contact["cid"], contact["dan"]), records("contact.deletion", "contact", contact["eve"]),
			records("contact.privacyDeletion", "contact", contact["fay"]), records("contact.deletion", "contact", contact["fay"]),
			records("contact.associationChange", "contact", contact["gus"]), records("deal.creation", "deal", second),
		)
		f.st.Close()
		alive := f.Process(step, func(ctx context.Context, _ *giftsync.Engine, st *store.Store, steps *simulation.Steps) error {
			f.Configure = withConfigure(f.Configure, func(c *giftsync.Config) {
				c.Archive, c.Suppressed = mortalArchive{c.Archive, steps}, mortalList{c.Suppressed, steps}
			})
			_, err := f.Engine(st).FollowEvents(ctx)
			return err
		})

		f.st = f.Open()
		f.e = f.Engine(f.st)
		f.follow(2 * time.Minute)
		for seq, state := range f.EventStates(f.st) {
			if state != store.EventApplied {
				t.Errorf("step %d: event %d is %s", step, seq, state)
			}
		}
		for n, want := range []map[string][]string{
			{"contacts": {ann}, "companies": {company}, "deals": {deal}},
			{"contacts": {bob}},
			{"contacts": {both}},
			{"contacts": {both}},
			{},
			{},
			{"contacts": {contact["gus"]}, "deals": {first, second}},
		} {
			f.WantLinked(simulation.ID(n+1), want)
			s := f.journal(n + 1)
			if got := plan.LinkIDs(s.Links, plan.Contact); !slices.Equal(got, want["contacts"]) || s.Erased.IsZero() && (s.Orphan == "") != (len(got) > 0) {
				t.Errorf("step %d: in the journal gift %d is linked to %v and an orphan for %q", step, n+1, got, s.Orphan)
			}
		}
		if s := f.journal(6); s.Erased.IsZero() || s.Gift.Recipient.Email != "" || f.Property(simulation.ID(6), "recipient_email") != "" {
			t.Errorf("step %d: the person who was deleted for privacy is not erased: %+v", step, s)
		}
		before := f.Portal.Snapshot()
		if _, err := f.e.Run(t.Context(), giftsync.Request{Mode: giftsync.ReassociateAll}); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(before, f.Portal.Snapshot()); d != "" {
			t.Errorf("step %d: something was left to do (-then +now):\n%s", step, d)
		}
		if err := f.st.Check(t.Context()); err != nil {
			t.Error(err)
		}
		return alive
	})
}

// TestOrderOfFollowing tries every order in which five events about one person may
// come, each of them once and once more, one at a time, in pairs or all at once. As
// events are only a reason to look, all end in what HubSpot shows.
func TestOrderOfFollowing(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []int{1, 2, 10} {
		t.Run(fmt.Sprint(atOnce), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { orderOfFollowing(t, atOnce) })
		})
	}
}

func orderOfFollowing(t *testing.T, atOnce int) {
	orders := permutations(5)
	var addresses []string
	for n := range orders {
		addresses = append(addresses, fmt.Sprintf("person%d@acme.example", n))
	}
	f := newFollowedWorld(t, hubspottest.Options{Seed: 13}, addresses...)
	// Each person became a contact, was merged into another one and got a deal; the
	// merged contact was deleted and restored. All of it happened before the first
	// event comes.
	type person struct{ both, deal string }
	people := make([]person, len(orders))
	events := make([][]store.Event, len(orders))
	for n, address := range addresses {
		young := f.Portal.AddContact(address, nil)
		other := f.Portal.AddContact("", nil)
		both := f.Portal.Merge("contacts", other, young)
		f.Portal.Archive("contacts", both)
		if !f.Portal.Restore("contacts", both) {
			t.Fatal("not restored")
		}
		people[n] = person{both, f.AddDeal(both)}
		for i, e := range []store.Event{
			records("contact.creation", "contact", young),
			records("contact.merge", "contact", both, other, young),
			records("contact.deletion", "contact", both),
			records("contact.restore", "contact", both),
			records("contact.associationChange", "contact", both),
		} {
			e.At = e.At.Add(time.Duration(i) * time.Second)
			events[n] = append(events[n], e)
		}
	}
	for from := 0; from < 10; from += atOnce {
		var some []store.Event
		for n, order := range orders {
			for i := from; i < min(from+atOnce, 10); i++ {
				e := events[n][order[i%5]]
				e.Key = fmt.Sprint(n, i)
				some = append(some, e)
			}
		}
		f.follow(0, some...)
	}
	f.follow(30 * time.Second)
	for n, p := range people {
		f.WantLinked(simulation.ID(n+1), map[string][]string{"contacts": {p.both}, "deals": {p.deal}})
		if s := f.journal(n + 1); s.Orphan != "" || !slices.Equal(plan.LinkIDs(s.Links, plan.Contact), []string{p.both}) {
			t.Errorf("in the order %v gift %d is linked to %v and an orphan for %q", orders[n], n+1, plan.LinkIDs(s.Links, plan.Contact), s.Orphan)
		}
	}
	for seq, state := range f.EventStates(f.st) {
		if state != store.EventApplied {
			t.Errorf("event %d is %s", seq, state)
		}
	}
}
