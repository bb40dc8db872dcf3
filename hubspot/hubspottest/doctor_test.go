package hubspottest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// ask makes one request and returns the answer's status and Date header.
func ask(t *testing.T, p *hubspottest.Portal, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://hubspot.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token())
	req.Header.Set("Content-Type", "application/json")
	resp, err := hubspottest.Transport(p).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Date")
}

// TestClockSkew: every answer is dated, by a clock that may be wrong.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			p := contract.Probed(t, hubspottest.Options{ClockSkew: skew})
			for path, status := range map[string]int{"/account-info/2026-09/details": 200, "/nowhere": 404} {
				want := time.Now().Add(skew).UTC().Format(http.TimeFormat)
				if got, date := ask(t, p, http.MethodGet, path, ""); got != status || date != want {
					t.Errorf("%s: %d at %q, want %d at %q", path, got, date, status, want)
				}
			}
		})
	}
}

// TestNoTokenInfo: the undocumented call may be missing.
func TestNoTokenInfo(t *testing.T) {
	t.Parallel()
	for missing, want := range map[bool]int{false: 200, true: 404} {
		p := contract.Probed(t, hubspottest.Options{NoTokenInfo: missing})
		if got, _ := ask(t, p, http.MethodPost, "/oauth/v2/private-apps/get/access-token-info", `{"tokenKey":"`+p.Token()+`"}`); got != want {
			t.Errorf("missing %v: %d, want %d", missing, got, want)
		}
	}
}
