package hubspot

import (
	"net/http"
	"testing"
)

func TestBudget(t *testing.T) {
	c := new(Client)
	for _, tt := range []struct {
		daily, remaining string
		want             Budget
	}{
		{"", "", Budget{}}, // as OAuth apps get it
		{"650000", "649000", Budget{650_000, 649_000}},
		{"", "", Budget{650_000, 649_000}}, // a search has no headers
		{"650000", "650001", Budget{650_000, 649_000}},
		{"650000", "-1", Budget{650_000, 649_000}},
		{"0", "0", Budget{650_000, 649_000}},
		{"650000", "0", Budget{650_000, 0}},
	} {
		h := make(http.Header)
		h.Set("x-hubspot-ratelimit-daily", tt.daily)
		h.Set("x-hubspot-ratelimit-daily-remaining", tt.remaining)
		c.recordBudget(h)
		if got := c.Budget(); got != tt.want {
			t.Errorf("daily %q, remaining %q: %+v, want %+v", tt.daily, tt.remaining, got, tt.want)
		}
	}
}
