package thnksapi

import (
	"context"
	"sync"
	"time"
)

// defaultPace is the default of [Config].RequestsPerSecond.
const defaultPace = 10

// A Pace is how fast calls with one API key may begin. Thnks counts them together,
// whichever portal makes them, so clients of one key share a Pace. It is safe for
// concurrent use.
type Pace struct {
	turn chan struct{} // of size 1: full while a call takes its place, or waits for it

	mu     sync.Mutex
	most   int         // calls in any second; 0 before the first client
	starts []time.Time // of the last calls, at most that many, oldest first
}

// NewPace returns the pace of a key that was not used before.
func NewPace() *Pace { return &Pace{turn: make(chan struct{}, 1)} }

// limit caps the calls in any second. Of several caps the lowest one counts.
func (p *Pace) limit(most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most == 0 || most < p.most {
		p.most = most
		p.starts = p.starts[max(0, len(p.starts)-most):]
	}
}

// tryTake takes a place, and reports false where one must be waited for.
func (p *Pace) tryTake() bool {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
		return p.place(time.Now()) <= 0
	default:
		return false
	}
}

// take waits for a place, in order of arrival. A call that is given up meanwhile
// takes none from the others.
func (p *Pace) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		wait := p.place(time.Now())
		if wait <= 0 {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// place takes a place if there is one, and otherwise says how long to wait for it.
func (p *Pace) place(now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.starts) == p.most {
		if wait = time.Second - now.Sub(p.starts[0]); wait > 0 {
			return wait
		}
		p.starts = p.starts[1:]
	}
	p.starts = append(p.starts, now)
	return 0
}
