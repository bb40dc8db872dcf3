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

// hidden replaces a recipient.
const hidden = "(hidden)"

// A statsDocument is the document of /stats.json.
type statsDocument struct {
	Portals  []stats.Report `json:"portals"`
	Problems []problem      `json:"problems,omitempty"`
}

// A problem is why a portal's statistics are missing.
type problem struct {
	Portal  string `json:"portal"`
	Problem string `json:"problem"`
}

// readStats computes every portal's statistics, one after the other. The
// failure of one portal is listed and does not hide the others.
func readStats(ctx context.Context, service Service, log *slog.Logger) (statsDocument, error) {
	doc := statsDocument{Portals: []stats.Report{}}
	all, err := guarded(log, func() ([]giftsync.Status, error) { return service.Status(ctx) })
	if err != nil {
		return doc, err
	}
	for _, s := range all {
		rep, err := guarded(log, func() (stats.Report, error) { return service.Stats(ctx, s.Portal, stats.Filter{}) })
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

// masked returns the document without recipients' names, addresses and
// numbers. Senders stay: they are the portal's own staff.
func (d statsDocument) masked() statsDocument {
	d.Portals = slices.Clone(d.Portals)
	for i, rep := range d.Portals {
		recent := slices.Clone(rep.RecentActivity)
		for j := range recent {
			recent[j].Recipient = hidden
		}
		d.Portals[i].RecentActivity = recent
	}
	return d
}

// cached holds a value that is expensive to compute. Concurrent callers share
// one computation, and its result is served while it is fresh. A computation
// is cancelled when its last caller leaves.
type cached[T any] struct {
	compute func(context.Context) (T, error)

	mu      sync.Mutex
	current *computation[T] // under way; nil for none
	last    T
	until   time.Time // last is fresh
}

func newCached[T any](compute func(context.Context) (T, error)) *cached[T] {
	return &cached[T]{compute: compute}
}

// A computation is under way, or done.
type computation[T any] struct {
	waiting int // callers; guarded by cached.mu
	cancel  context.CancelFunc
	done    chan struct{}
	value   T // once done
	err     error
}

// get returns a fresh value, which the caller does not change.
func (s *cached[T]) get(ctx context.Context) (T, error) {
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

// begin starts a computation, which outlives the caller that caused it.
func (s *cached[T]) begin(ctx context.Context) *computation[T] {
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

// drop makes the next caller start a new computation.
func (s *cached[T]) drop(c *computation[T]) {
	if s.current == c {
		s.current = nil
	}
}
