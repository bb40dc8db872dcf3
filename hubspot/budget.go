package hubspot

import (
	"net/http"
	"strconv"
)

// A Budget is what HubSpot says of the calls of a day, which all programs with the
// same kind of access share. It is zero where HubSpot names no daily limit, as for
// OAuth apps.
//
// D/developer-tooling/platform/usage-guidelines
type Budget struct {
	Limit int // calls a day
	Left  int // of them
}

// Budget returns what the last answer with a daily limit said, zero before one.
func (c *Client) Budget() Budget {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.budget
}

// recordBudget stores what an answer says of the day's calls.
func (c *Client) recordBudget(h http.Header) {
	limit, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-Daily"))
	if err != nil || limit <= 0 {
		return
	}
	left, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-Daily-Remaining"))
	if err != nil || left < 0 || left > limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.budget = Budget{limit, left}
}
