package sync

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestEventsBesideRuns lets events come in and be applied while runs of every
// kind go on over the same gifts, with HubSpot's answers taking their time.
// When all is quiet, every record shows what its transaction and the events
// about it say, as worked out from these alone. THNKS_MODEL_SEEDS is how many
// portals.
func TestEventsBesideRuns(t *testing.T) {
	t.Parallel()
	seeds := 4
	if n, err := strconv.Atoi(os.Getenv("THNKS_MODEL_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range uint64(seeds) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { eventsBesideRuns(t, seed) })
		})
	}
}

func eventsBesideRuns(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x626573696465))
	w := newWorld(t, hubspottest.Options{Seed: seed, SearchLag: time.Second}, thnksapitest.Options{PageLimit: 20})
	w.bounds.WindowRows, w.bounds.SliceGifts = 10+rng.IntN(30), 1+rng.IntN(12)
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: seed, N: 80, Recipients: 40, End: time.Now().Add(-time.Hour)})
	w.populate(txs, 0.7)
	w.wrap = func(next http.RoundTripper) http.RoundTripper {
		var mu sync.Mutex
		slow := rand.New(rand.NewPCG(seed, 1))
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			there, back := slow.IntN(300), slow.IntN(300)
			mu.Unlock()
			time.Sleep(time.Duration(there) * time.Millisecond)
			resp, err := next.RoundTrip(req)
			time.Sleep(time.Duration(back) * time.Millisecond)
			return resp, err
		})
	}
	st := w.open()
	defer st.Close()
	e := w.engine(st)

	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, mode := range []Mode{Backfill, ReassociateAll, Incremental, Reassociate, Incremental, Backfill} {
			if _, err := e.Run(context.Background(), Request{Mode: mode}); err != nil {
				t.Error(err)
			}
			if mode == Reassociate { // and a weekly re-read with the next
				if err := st.Commit(store.Commit{Meta: map[string][]byte{metaRereads: []byte("{}")}}); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	var told []store.Event
	for going := true; going; {
		for range 1 + rng.IntN(4) {
			ev := event(txs[rng.IntN(len(txs))].ID, claimable[rng.IntN(len(claimable))])
			ev.Key = strconv.Itoa(len(told))
			ev.At = ev.At.Add(-time.Duration(rng.IntN(3000)) * time.Second)
			if rng.IntN(4) == 0 {
				ev.Effect, ev.Status = store.EffectDetail, ""
				ev.ParcelStatus, ev.ParcelAt = []string{"inTransit", "delivered"}[rng.IntN(2)], ev.At
			}
			ev.Signed = rng.IntN(5) > 0
			told = append(told, ev)
			w.receive(st, ev)
		}
		if rng.IntN(2) == 0 {
			w.thnks.Tick(rng)
		}
		if rng.IntN(2) == 0 {
			address := strings.ToLower(strings.TrimSpace(txs[rng.IntN(len(txs))].Recipient.Email))
			if _, taken := w.contacts()[address]; !taken && strings.Contains(address, "@") {
				w.portal.AddContact(address, nil)
			}
		}
		w.work(e)
		time.Sleep(time.Duration(rng.IntN(600)) * time.Millisecond)
		select {
		case <-over:
			going = false
		default:
		}
	}
	for range 2 {
		if _, err := e.Run(context.Background(), Request{Mode: Incremental}); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		w.work(e)
	}
	for seq, state := range w.states(st) {
		if state != store.EventApplied {
			t.Errorf("event %d is %q", seq, state)
		}
	}
	for _, tx := range w.thnks.Transactions() {
		if got, want := w.property(tx.ID, "status"), shownBy(tx, told); got != want {
			t.Errorf("%s: status %s, want %s", tx.ID, got, want)
		}
		if got, want := w.property(tx.ID, "parcel_status"), parcelBy(tx, told); got != want {
			t.Errorf("%s: parcel %s, want %s", tx.ID, got, want)
		}
		// What the journal has forgotten shows only when it is compared with the next time.
		have, _, err := st.Gift(tx.ID)
		if err != nil || string(have.Gift.Shown()) != shownBy(tx, told) || have.Gift.Parcel.Status != parcelBy(tx, told) {
			t.Errorf("%s: the journal has status %s, parcel %s (%v)", tx.ID, have.Gift.Shown(), have.Gift.Parcel.Status, err)
		}
	}
	if err := st.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

var claimable = []plan.Status{plan.Sent, plan.Delivered, plan.Opened, plan.Redeemed, plan.Expired, plan.Refunded}

// shownBy is the status that a transaction and the signed events about it make,
// written down once more from the rules.
func shownBy(tx thnksapitest.Transaction, told []store.Event) string {
	order := []string{"unknown", "scheduled", "sent", "delivered", "opened", "undelivered", "expired", "donated", "redeemed", "refunded"}
	rank := func(s string) int {
		switch s {
		case "undelivered", "expired", "donated", "redeemed":
			return 5
		case "refunded":
			return 6
		}
		return slices.Index(order, s)
	}
	best, at := statusOf(tx), tx.UpdatedAt
	for s, t := range map[string]time.Time{
		"sent": tx.Times.Sent, "opened": tx.Times.Opened, "redeemed": tx.Times.Redeemed, "refunded": tx.Times.Refunded,
		"expired": tx.Times.Expired, "delivered": tx.Times.Delivered, "undelivered": tx.Times.Undelivered, "donated": tx.Times.Donated,
	} {
		if s == best && !t.IsZero() {
			at = t
		}
	}
	for _, e := range told {
		if e.TransactionID != tx.ID || !e.Signed || e.Status == "" || e.At.Before(tx.UpdatedAt.Add(-15*time.Minute)) {
			continue
		}
		s := string(e.Status)
		if r, q := rank(s), rank(best); r > q || r == q && (e.At.After(at) || e.At.Equal(at) && slices.Index(order, s) > slices.Index(order, best)) {
			best, at = s, e.At
		}
	}
	return best
}

// parcelBy is where the last signed event says that the parcel is.
func parcelBy(tx thnksapitest.Transaction, told []store.Event) string {
	var last store.Event
	for _, e := range told {
		newer := e.ParcelAt.After(last.ParcelAt) || e.ParcelAt.Equal(last.ParcelAt) && e.ParcelStatus > last.ParcelStatus
		if e.TransactionID == tx.ID && e.Signed && e.ParcelStatus != "" && newer {
			last = e
		}
	}
	return last.ParcelStatus
}

// noteBy is the last thank-you note that a signed event tells of.
func noteBy(tx thnksapitest.Transaction, told []store.Event) string {
	var last store.Event
	for _, e := range told {
		if e.TransactionID == tx.ID && e.Signed && e.ThankYouNote != "" && e.At.After(last.At) {
			last = e
		}
	}
	return last.ThankYouNote
}
