package simulation

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHotLoop: calls without end fail the test that makes them, at once and by its
// name; as many with time between them do not.
func TestHotLoop(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{0, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := &World{T: t}
			calls := 0
			transport := w.steady(RoundTripper(func(req *http.Request) (*http.Response, error) {
				calls++
				return Reply(req, http.StatusOK, "{}"), nil
			}))
			defer func() {
				said, _ := recover().(string)
				if pause == 0 && (calls != mostAtOnce || !strings.HasPrefix(said, t.Name()) || !strings.Contains(said, "GET /gifts")) {
					t.Errorf("after %d calls it says %q", calls, said)
				}
				if pause > 0 && said != "" {
					t.Errorf("with pauses it says %q", said)
				}
			}()
			for range 2 * mostAtOnce {
				_, _ = transport.RoundTrip(httptest.NewRequest(http.MethodGet, "https://hubspot.test/gifts", nil))
				time.Sleep(pause)
			}
		})
	}
}
