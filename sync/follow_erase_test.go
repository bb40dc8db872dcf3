package sync_test

import (
	"context"
	"net/http"
	"slices"
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

// TestFollowMergeAndPrivacyDeletion: two contacts were merged, and the one that they became
// was deleted for privacy, before the merge was followed or while another worker had the
// gifts in hand, so that these name the old contacts still. Both people are erased. A gift
// that a user had linked to one of them by hand is named with the event of the deletion, and
// a contact that HubSpot shows is no one's part, whatever an event says.
func TestFollowMergeAndPrivacyDeletion(t *testing.T) {
	t.Parallel()
	for name, inHand := range map[string]bool{"followed together": false, "in hand": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFollowedWorld(t, hubspottest.Options{Seed: 12}, "ann@acme.example", "bob@acme.example", "someone@else.example", "cid@acme.example")
				var contacts []string
				for _, a := range []string{"ann@acme.example", "bob@acme.example", "cid@acme.example"} {
					contacts = append(contacts, f.Portal.AddContact(a, nil))
					f.follow(0, records("contact.creation", "contact", contacts[len(contacts)-1]))
				}
				ann, bob, cid := contacts[0], contacts[1], contacts[2]
				f.Portal.Associate("thnks", f.Record(simulation.ID(3)), "contacts", bob)
				if _, err := f.e.Run(t.Context(), giftsync.Request{Mode: giftsync.ReassociateAll}); err != nil {
					t.Fatal(err)
				}
				reached, open := make(chan struct{}), make(chan struct{})
				f.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
					return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
						if inHand && strings.HasSuffix(req.URL.Path, "/batch/update") {
							inHand = false
							close(reached)
							<-open
						}
						return next.RoundTrip(req)
					})
				}
				f.e = f.Engine(f.st)
				ended := make(chan error, 2)
				started := 1
				both := f.Portal.Merge("contacts", ann, bob)
				merge := records("contact.merge", "contact", both, ann, bob, cid)
				if inHand {
					started++
					f.Receive(f.st, simulation.Event(simulation.ID(1), plan.Opened), simulation.Event(simulation.ID(2), plan.Opened))
					go func() {
						_, err := f.e.ApplyEvents(context.Background())
						ended <- err
					}()
					<-reached
					f.follow(0, merge)
				} else {
					f.Receive(f.st, merge)
				}
				f.Portal.DeleteForPrivacy(both)
				f.Receive(f.st, records("contact.privacyDeletion", "contact", both))
				go func() {
					_, err := f.e.FollowEvents(context.Background())
					ended <- err
				}()
				synctest.Wait()
				close(open)
				for range started {
					if err := <-ended; err != nil {
						t.Fatal(err)
					}
				}
				for n := 1; n <= 2; n++ {
					if g := f.journal(n); g.Erased.IsZero() || g.Gift.Recipient.Email != "" || f.Property(simulation.ID(n), "recipient_email") != "" {
						t.Errorf("gift %d is not erased: %+v", n, g)
					}
				}
				for n := 3; n <= 4; n++ {
					if g := f.journal(n); !g.Erased.IsZero() || f.Property(simulation.ID(n), "recipient_email") == "" {
						t.Errorf("another's gift %d is erased: %+v", n, g)
					}
				}
				if got := f.Links(f.Record(simulation.ID(4)))["contacts"]; !slices.Equal(got, []string{cid}) {
					t.Errorf("another's gift is linked to %v, want %s", got, cid)
				}
				named := 0
				for e, err := range f.st.Events(t.Context(), store.EventFilter{State: store.EventRefused}) {
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind == "contact.privacyDeletion" && strings.Contains(e.Reason, simulation.ID(3)) && !strings.Contains(e.Reason, simulation.ID(4)) {
						named++
					}
				}
				if named != 1 {
					t.Errorf("%d events name the gift that was linked by hand, want that of the deletion", named)
				}
			})
		})
	}
}

// TestPrivacyDeletionThatTheObjectRefuses: HubSpot refuses to blank the records of people
// who were deleted for privacy, as many as are refused together. That stops neither the
// events behind it nor the portal: the erasure is tried again until HubSpot takes it.
func TestPrivacyDeletionThatTheObjectRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 10
		f, contacts := bulk(t, n)
		f.st.Close()
		f.WrapHubSpot = simulation.Failing("/batch/update", 0, http.StatusBadRequest, refusal)
		f.st = f.Open()
		f.e = f.Engine(f.st)
		for _, c := range contacts {
			f.Portal.DeleteForPrivacy(c)
			f.Receive(f.st, records("contact.privacyDeletion", "contact", c))
		}
		f.follow(time.Minute)
		f.WantEventStates(f.st, slices.Repeat([]store.EventState{store.EventWaiting}, n)...)
		f.st.Close()
		f.WrapHubSpot = nil
		f.st = f.Open()
		f.e = f.Engine(f.st)
		f.follow(2 * time.Hour)
		f.WantEventStates(f.st, slices.Repeat([]store.EventState{store.EventApplied}, n)...)
		for i := range n {
			if got := f.Property(simulation.ID(i+1), "recipient_email"); got != "" {
				t.Errorf("record %d has %q", i+1, got)
			}
		}
	})
}
