package sync_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
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
	w := simulation.New(t, hubspottest.Options{Seed: seed, SearchLag: time.Second}, thnksapitest.Options{PageLimit: 20})
	w.Bounds.WindowRows, w.Bounds.SliceGifts = 10+rng.IntN(30), 1+rng.IntN(12)
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: seed, N: 80, Recipients: 40, End: time.Now().Add(-time.Hour)})
	w.Populate(txs, 0.7)
	w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
		var mu sync.Mutex
		slow := rand.New(rand.NewPCG(seed, 1))
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			there, back := slow.IntN(300), slow.IntN(300)
			mu.Unlock()
			time.Sleep(time.Duration(there) * time.Millisecond)
			resp, err := next.RoundTrip(req)
			time.Sleep(time.Duration(back) * time.Millisecond)
			return resp, err
		})
	}
	st := w.Open()
	defer st.Close()
	e := w.Engine(st)

	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, mode := range []giftsync.Mode{giftsync.Backfill, giftsync.ReassociateAll, giftsync.Incremental, giftsync.Reassociate, giftsync.Incremental, giftsync.Backfill} {
			if _, err := e.Run(context.Background(), giftsync.Request{Mode: mode}); err != nil {
				t.Error(err)
			}
			if mode == giftsync.Reassociate { // and a weekly re-read with the next
				if err := st.Commit(store.Commit{Meta: map[string][]byte{giftsync.MetaRereads: []byte("{}")}}); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	var events []store.Event
	for going := true; going; {
		for range 1 + rng.IntN(4) {
			ev := simulation.Event(txs[rng.IntN(len(txs))].ID, simulation.Claimable[rng.IntN(len(simulation.Claimable))])
			ev.Key = strconv.Itoa(len(events))
			ev.At = ev.At.Add(-time.Duration(rng.IntN(3000)) * time.Second)
			if rng.IntN(4) == 0 {
				ev.Effect, ev.Status = store.EffectDetail, ""
				ev.ParcelStatus, ev.ParcelAt = []string{"inTransit", "delivered"}[rng.IntN(2)], ev.At
			}
			ev.Signed = rng.IntN(5) > 0
			events = append(events, ev)
			w.Receive(st, ev)
		}
		if rng.IntN(2) == 0 {
			w.Thnks.Tick(rng)
		}
		if rng.IntN(2) == 0 {
			address := strings.ToLower(strings.TrimSpace(txs[rng.IntN(len(txs))].Recipient.Email))
			if _, taken := w.Contacts()[address]; !taken && strings.Contains(address, "@") {
				w.Portal.AddContact(address, nil)
			}
		}
		w.ApplyEvents(e)
		time.Sleep(time.Duration(rng.IntN(600)) * time.Millisecond)
		select {
		case <-over:
			going = false
		default:
		}
	}
	for range 2 {
		if _, err := e.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		w.ApplyEvents(e)
	}
	for seq, state := range w.EventStates(st) {
		if state != store.EventApplied {
			t.Errorf("event %d is %q", seq, state)
		}
	}
	for _, tx := range w.Thnks.Transactions() {
		if got, want := w.Property(tx.ID, "status"), simulation.ShownStatus(tx, events); got != want {
			t.Errorf("%s: status %s, want %s", tx.ID, got, want)
		}
		if got, want := w.Property(tx.ID, "parcel_status"), simulation.ShownParcel(tx, events); got != want {
			t.Errorf("%s: parcel %s, want %s", tx.ID, got, want)
		}
		// What the journal has forgotten shows only when it is compared with the next time.
		have, _, err := st.Gift(tx.ID)
		if err != nil || string(have.Gift.Shown()) != simulation.ShownStatus(tx, events) || have.Gift.Parcel.Status != simulation.ShownParcel(tx, events) {
			t.Errorf("%s: the journal has status %s, parcel %s (%v)", tx.ID, have.Gift.Shown(), have.Gift.Parcel.Status, err)
		}
	}
	if err := st.Check(context.Background()); err != nil {
		t.Error(err)
	}
}
