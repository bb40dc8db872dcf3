package hubspottest

import (
	"net/http"
	"strconv"
	"time"
)

// unlimited is what the headers announce where nothing is enforced.
const unlimited = 1_000_000

// A window counts calls in a true rolling interval: the stamps of the last
// limit calls, as a ring.
type window struct {
	span  time.Duration
	limit int // 0: nothing is enforced
	ring  []time.Time
	at    int // the oldest stamp, once the ring is full
}

// take accepts a call unless the window is full. Refused calls do not count.
func (w *window) take(now time.Time) bool {
	if w.limit == 0 {
		return true
	}
	if len(w.ring) < w.limit {
		w.ring = append(w.ring, now)
		return true
	}
	if now.Sub(w.ring[w.at]) < w.span {
		return false
	}
	w.ring[w.at] = now
	w.at = (w.at + 1) % w.limit
	return true
}

// left is how many calls fit now.
func (w *window) left(now time.Time) int {
	if w.limit == 0 {
		return unlimited - 1
	}
	n := w.limit
	for _, t := range w.ring {
		if now.Sub(t) < w.span {
			n--
		}
	}
	return n
}

func (w *window) max() int {
	if w.limit == 0 {
		return unlimited
	}
	return w.limit
}

// A dayCounter counts calls until midnight of the portal's zone.
type dayCounter struct {
	used  int
	until time.Time
}

// admit checks the token, the scopes and the rates of a call.
func (p *Portal) admit(c *call) *refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.area != "oauth" {
		if r := p.authenticate(c); r != nil {
			return r
		}
	}
	if r := p.spend(c); r != nil {
		return r
	}
	return p.permit(c)
}

// spend takes the call from its budget and prepares the headers.
// https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
func (p *Portal) spend(c *call) *refusal {
	if c.class == ClassOAuth {
		return nil
	}
	if p.opt.Limits.Daily > 0 && c.class != ClassSearch {
		if !c.now.Before(p.day.until) {
			p.day = dayCounter{until: p.midnight(c.now)}
		}
		if p.day.used >= p.opt.Limits.Daily {
			p.rateHeaders(c, &p.burst)
			return limited("You have reached your daily limit.", "DAILY")
		}
		p.day.used++
	}
	switch c.class {
	case ClassSearch:
		if !p.searches.take(c.now) {
			return limited("You have reached your secondly limit.", "SECONDLY")
		}
		return nil
	case ClassAssociations:
		ok := p.associations.take(c.now)
		p.rateHeaders(c, &p.associations)
		if !ok {
			return limited("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
		}
		return nil
	}
	ok := p.burst.take(c.now)
	p.rateHeaders(c, &p.burst)
	if !ok {
		return limited("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
	}
	return nil
}

func limited(message, policy string) *refusal {
	return &refusal{status: http.StatusTooManyRequests, Message: message, ErrorType: "RATE_LIMIT", PolicyName: policy}
}

// rateHeaders are those of the recordings: the deprecated secondly ones are
// there and mean nothing. Search has none.
func (p *Portal) rateHeaders(c *call, w *window) {
	secondly := w.max() / 10
	c.rateHeader = [][2]string{
		{"x-hubspot-ratelimit-max", strconv.Itoa(w.max())},
		{"x-hubspot-ratelimit-remaining", strconv.Itoa(w.left(c.now))},
		{"x-hubspot-ratelimit-interval-milliseconds", strconv.FormatInt(w.span.Milliseconds(), 10)},
		{"x-hubspot-ratelimit-secondly", strconv.Itoa(secondly)},
		{"x-hubspot-ratelimit-secondly-remaining", strconv.Itoa(max(secondly-1, 0))},
	}
	if l := p.opt.Limits; l.DailyHeaders {
		daily := l.Daily
		if daily == 0 {
			daily = unlimited
		}
		c.rateHeader = append(c.rateHeader,
			[2]string{"x-hubspot-ratelimit-daily", strconv.Itoa(daily)},
			[2]string{"x-hubspot-ratelimit-daily-remaining", strconv.Itoa(daily - p.day.used)})
	}
}

// SpendBudget uses up n calls of the ten-second budget, as another part of
// the same app would.
func (p *Portal) SpendBudget(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for range n {
		p.burst.take(now)
	}
}
