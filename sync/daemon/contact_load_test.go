package daemon_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/simulation"
)

// marketplace are the limits of an app of HubSpot's marketplace.
var marketplace = hubspottest.Limits{Burst: 110, AssociationsPer10s: 150, SearchPerSecond: 5}

// heard makes a world with one gift to each of n people, of whom HubSpot knows none,
// and a daemon that hears of them. HubSpot is 150 ms a call away.
func heard(t *testing.T, n int) *installation {
	t.Helper()
	d := people(t, n, hubspottest.Options{Limits: marketplace})
	wrap := d.WrapHubSpot
	d.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper { return wrap(farAway(next)) }
	stop := d.start()
	t.Cleanup(func() { stop() })
	time.Sleep(10 * time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	d.subscribe(ctx, hubspottest.Webhook{}, nil)
	return d
}

// linked reports whether the n-th gift has a contact in HubSpot.
func (d *installation) linked(n int) bool {
	return len(d.Portal.Links("thnks", d.Record(simulation.ID(n)))["contacts"]) > 0
}

// TestContactLatency measures, on the fake clock and with HubSpot's real limits, how
// long it is from a new contact to its gift's link.
func TestContactLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const contacts = 100
		d := heard(t, contacts)
		calls := d.Portal.Requests().Total
		var took []time.Duration
		for n := 1; n <= contacts; n++ {
			began := time.Now()
			d.Portal.AddContact(address(n), nil)
			for !d.linked(n) && time.Since(began) < time.Minute {
				time.Sleep(time.Millisecond)
			}
			took = append(took, time.Since(began))
			time.Sleep(3 * time.Second)
		}
		calls = d.Portal.Requests().Total - calls
		slices.Sort(took)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		t.Logf("contact created → link visible: %d contacts, p50 %v, p99 %v, longest %v, %d calls", contacts, p50, p99, took[len(took)-1], calls)
		if p99 > 700*time.Millisecond || calls > 4*contacts {
			t.Errorf("one contact in a hundred waits %v, and each costs more than 4 calls: %d", p99, calls)
		}
	})
}

// TestContactBurst counts the calls that a thousand contacts cost which are made at
// once.
func TestContactBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const contacts = 1000
		d := heard(t, contacts)
		calls, began := d.Portal.Requests().Total, time.Now()
		for n := 1; n <= contacts; n++ {
			d.Portal.AddContact(address(n), nil)
		}
		for !d.linked(contacts) && time.Since(began) < 10*time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(began)
		time.Sleep(time.Minute)
		for n := 1; n <= contacts; n++ {
			if !d.linked(n) {
				t.Fatalf("gift %d of %d is not linked", n, contacts)
			}
		}
		spent := d.Portal.Requests().Total - calls
		t.Logf("%d contacts at once: %d calls to HubSpot, the last is linked after %v", contacts, spent, took)
		if spent > 17 {
			t.Errorf("%d calls for %d events", spent, contacts)
		}
	})
}

// TestContactLoad has 150 contacts made a second for half a minute, of whom one in ten
// is the recipient of a gift: every event is followed within seconds, and they leave
// more than half of HubSpot's limit to runs.
func TestContactLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const perSecond, seconds, gifts = 150, 30, 150 * 30 / 10
		d := heard(t, gifts)
		calls := d.Portal.Requests().Total
		for n := range perSecond * seconds {
			email := ""
			if n%10 == 9 {
				email = address(n/10 + 1)
			}
			d.Portal.AddContact(email, nil)
			time.Sleep(time.Second / perSecond)
		}
		began := time.Now()
		for !d.linked(gifts) && time.Since(began) < 10*time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		behind := time.Since(began)
		time.Sleep(time.Minute)
		for n := 1; n <= gifts; n++ {
			if !d.linked(n) {
				t.Fatalf("gift %d of %d is not linked", n, gifts)
			}
		}
		for e, err := range d.st.Events(t.Context(), store.EventFilter{}) {
			if err != nil || e.State != store.EventApplied {
				t.Fatalf("event %d is %s: %s (%v)", e.Seq, e.State, e.Reason, err)
			}
		}
		spent := d.Portal.Requests().Total - calls
		per := float64(spent) / (perSecond * seconds) * 1000
		t.Logf("%d events at %d a second: %d calls to HubSpot, %.1f per 1,000 events; the last gift is linked %v after its contact", perSecond*seconds, perSecond, spent, per, behind)
		if per > 30 || behind > 5*time.Second {
			t.Errorf("%.1f calls per 1,000 events, and the last gift is linked after %v", per, behind)
		}
	})
}
