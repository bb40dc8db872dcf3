package sync

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// refusing answers calls that say a word as HubSpot answers values that break
// a rule of the portal's own.
func refusing(word string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
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
		w := quietWorld(t, 5)
		w.must(Backfill)
		w.wrap = refusing("forbidden word")
		st := w.open()
		defer st.Close()
		note := event(transaction(1), "")
		note.Key, note.Effect, note.ThankYouNote = "note", store.EffectDetail, "a forbidden word"
		w.receive(st, event(transaction(1), plan.Redeemed), note, event(transaction(2), plan.Opened))
		w.work(w.engine(st))
		w.wantStates(st, store.EventApplied, store.EventRefused, store.EventApplied)
		for i, want := range []string{"redeemed", "opened"} {
			if got := w.property(transaction(i+1), "status"); got != want {
				t.Errorf("status %s, want %s", got, want)
			}
		}
	})
}
