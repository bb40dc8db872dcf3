package hubspot

import (
	"context"
	"time"
)

// urgentKey is the key of a context whose calls are urgent.
type urgentKey struct{}

// Urgent returns a context whose calls go before the client's other calls. For
// a minute after an urgent call the others are spread evenly over the rest of the
// window, so that the next urgent call does not wait for a burst of them to leave
// it. Together they still use the whole rate. Urgent calls may also use the last
// 5 % of the general limit, which other calls leave free; with a cap there is no
// such reserve.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

func isUrgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }

// spreadFor is how long after an urgent call other calls are spread.
const spreadFor = time.Minute

// enqueue puts a waiter into the queue, behind those that are as urgent.
func (b *bucket) enqueue(w *waiter) {
	i := len(b.queue)
	if w.urgent {
		for i = 0; i < len(b.queue) && b.queue[i].urgent; i++ {
		}
		b.urgentAt = time.Now()
	}
	b.queue = append(b.queue, nil)
	copy(b.queue[i+1:], b.queue[i:])
	b.queue[i] = w
}

// urged reports whether there was an urgent call lately.
func (b *bucket) urged(now time.Time) bool {
	return !b.urgentAt.IsZero() && now.Sub(b.urgentAt) < spreadFor
}

// spread returns until when a call must wait to leave room for urgent ones, and
// the zero time if it need not. Below 5 % of the limit it need not, because so
// few calls delay an urgent one only briefly. Searches, which have no reserve, are
// always spread.
func (b *bucket) spread(w *waiter, now time.Time) time.Time {
	all := b.allowed(w)
	if w.urgent || !b.blind && !b.urged(now) || b.occupied() < all/20 {
		return time.Time{}
	}
	return b.ordinaryAt.Add(b.interval / time.Duration(max(all-len(b.urgent), 1)))
}
