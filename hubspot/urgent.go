package hubspot

import (
	"context"
	"time"
)

// urgentKey is the key of a context whose calls are urgent.
type urgentKey struct{}

// Urgent returns a context whose calls come before the client's other calls:
// they are the next that the rate lets through. As long as there have been some
// within a minute, other calls are spread evenly over what these leave of the
// window, so that an urgent one need not wait for it to slide past a burst of
// them; together they still use the whole rate. Where that was not foreseen,
// urgent calls may use the last 5 % of the general limit, which others leave
// alone; a cap leaves no such rest.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

func isUrgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }

// spreadFor is for how long after an urgent call others are spread.
const spreadFor = time.Minute

// enqueue puts a waiter into the queue: behind those as urgent.
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

// spread returns until when a call has to wait so that urgent ones find room,
// and the zero time where it need not. A few calls make no burst that anybody
// would have to wait for long.
func (b *bucket) spread(w *waiter, now time.Time) time.Time {
	all := b.allowed(w)
	if w.urgent || b.urgentAt.IsZero() || now.Sub(b.urgentAt) >= spreadFor || b.occupied() < all/20 {
		return time.Time{}
	}
	return b.ordinaryAt.Add(b.interval / time.Duration(max(all-len(b.urgent), 1)))
}
