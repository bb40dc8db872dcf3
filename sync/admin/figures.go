package admin

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// fresh is how long statistics are served before they are computed again.
const fresh = 10 * time.Second

// hidden is what stands for a recipient.
const hidden = "(hidden)"

// figures are the document of /stats.json.
type figures struct {
	Portals  []stats.Report `json:"portals"`
	Problems []problem      `json:"problems,omitempty"`
}

// A problem is why a portal's statistics are missing.
type problem struct {
	Portal  string `json:"portal"`
	Problem string `json:"problem"`
}

// readFigures computes every portal's statistics, one after the other. A
// portal that has none to show does not keep the others from being shown.
func readFigures(ctx context.Context, d Desk, log *slog.Logger) (figures, error) {
	doc := figures{Portals: []stats.Report{}}
	all, err := guarded(log, func() ([]giftsync.Status, error) { return d.Status(ctx) })
	if err != nil {
		return doc, err
	}
	for _, s := range all {
		rep, err := guarded(log, func() (stats.Report, error) { return d.Stats(ctx, s.Portal) })
		switch {
		case ctx.Err() != nil:
			return doc, ctx.Err()
		case err != nil:
			doc.Problems = append(doc.Problems, problem{s.Portal, err.Error()})
		default:
			doc.Portals = append(doc.Portals, rep)
		}
	}
	return doc, nil
}

// masked are the figures without a recipient's name, address or number.
// Senders stay: they are the portal's own staff.
func (f figures) masked() figures {
	f.Portals = slices.Clone(f.Portals)
	for i, rep := range f.Portals {
		recent := slices.Clone(rep.RecentActivity)
		for j := range recent {
			recent[j].Recipient = hidden
		}
		f.Portals[i].RecentActivity = recent
	}
	return f
}

// shared is a value that is dear to compute: those who ask at the same time
// wait for the same computation, and get its result for as long as it is
// fresh. A computation that nobody waits for any more is given up.
type shared[T any] struct {
	compute func(context.Context) (T, error)

	mu      sync.Mutex
	current *computation[T] // under way; nil for none
	last    T
	until   time.Time // last is fresh
}

func newShared[T any](compute func(context.Context) (T, error)) *shared[T] {
	return &shared[T]{compute: compute}
}

// A computation is under way, or done.
type computation[T any] struct {
	waiting int // askers; guarded by shared.mu
	cancel  context.CancelFunc
	done    chan struct{}
	value   T // once done
	err     error
}

// get returns a fresh value, which the caller does not change.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	s.mu.Lock()
	if time.Now().Before(s.until) {
		defer s.mu.Unlock()
		return s.last, nil
	}
	c := s.current
	if c == nil {
		c = s.begin(ctx)
	}
	c.waiting++
	s.mu.Unlock()

	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		s.drop(c)
	}
	var none T
	return none, ctx.Err()
}

// begin starts a computation, which outlives the one who asked first.
func (s *shared[T]) begin(ctx context.Context) *computation[T] {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &computation[T]{cancel: cancel, done: make(chan struct{})}
	s.current = c
	go func() {
		defer cancel()
		c.value, c.err = s.compute(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.err == nil && s.current == c {
			s.last, s.until = c.value, time.Now().Add(fresh)
		}
		s.drop(c)
		close(c.done)
	}()
	return c
}

// drop makes the next asker begin anew.
func (s *shared[T]) drop(c *computation[T]) {
	if s.current == c {
		s.current = nil
	}
}
