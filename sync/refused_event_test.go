package sync_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// refusing answers calls that say a word as HubSpot answers values that break
// a rule of the portal's own.
func refusing(word string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Body == nil {
				return next.RoundTrip(req)
			}
			b, err := io.ReadAll(req.Body)
			if err != nil {
				return nil, err
			}
			req.Body = io.NopCloser(bytes.NewReader(b))
			if !bytes.Contains(b, []byte(word)) {
				return next.RoundTrip(req)
			}
			return &http.Response{
				StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
				Body: io.NopCloser(strings.NewReader(`{"status":"error","category":"VALIDATION_ERROR","message":"breaks a rule"}`)),
			}, nil
		})
	}
}

// TestRefusedTogether: what HubSpot refuses of a gift takes no other event about
// it along.
func TestRefusedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		w.WrapHubSpot = refusing("forbidden word")
		st := w.Open()
		defer st.Close()
		note := simulation.Event(simulation.ID(1), "")
		note.Key, note.Effect, note.ThankYouNote = "note", store.EffectDetail, "a forbidden word"
		w.Receive(st, simulation.Event(simulation.ID(1), plan.Redeemed), note, simulation.Event(simulation.ID(2), plan.Opened))
		w.ApplyEvents(w.Engine(st))
		w.WantEventStates(st, store.EventApplied, store.EventRefused, store.EventApplied)
		for i, want := range []string{"redeemed", "opened"} {
			if got := w.Property(simulation.ID(i+1), "status"); got != want {
				t.Errorf("status %s, want %s", got, want)
			}
		}
	})
}
