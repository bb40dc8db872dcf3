package sync_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// TestEndlessListing: a rebuild of the state file ends with an error where
// HubSpot's listing of the records has no end, and is resumed once it has one.
func TestEndlessListing(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]string{"the same rows": `{"id":"7","properties":{"thnks_transaction_id":"T-000007"}}`, "none": ``} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 20)
				w.Must(giftsync.Backfill)
				w.Path = filepath.Join(t.TempDir(), "other", "acme.db")
				pages := 0
				w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
					return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
						if req.URL.Query().Get("limit") != "100" {
							return next.RoundTrip(req)
						}
						if pages++; pages > 1001 {
							t.Fatal("it goes on for ever")
						}
						return simulation.Reply(req, http.StatusOK, fmt.Sprintf(`{"results":[%s],"paging":{"next":{"after":"%d"}}}`, rows, pages)), nil
					})
				}
				if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); err == nil || !strings.Contains(err.Error(), "no end") {
					t.Errorf("error %v", err)
				}
				w.WrapHubSpot = nil
				w.Must(giftsync.Backfill)
				w.Check()
			})
		})
	}
}
