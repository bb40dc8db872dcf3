package hubspot

import (
	"context"
	"time"
)

// urgentKey is the key of a context whose calls are urgent.
type urgentKey struct{}

// Urgent returns a context whose calls come before the client's other calls:
// they are the next that the rate lets through. As long as there have been some
// within a minute, other calls are spread evenly over time once half of the rate
// is used, so that an urgent one need not wait for the window to slide past a
// burst of them; together they still use the whole rate. Where that was not
// foreseen, urgent calls may use the last 5 % of the general limit, which others
// leave alone.
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
// and the zero time where it need not.
func (b *bucket) spread(w *waiter, now time.Time) time.Time {
	if w.urgent || b.urgentAt.IsZero() || now.Sub(b.urgentAt) >= spreadFor || b.occupied() <= b.allowed(w)/2 {
		return time.Time{}
	}
	return b.ordinaryAt.Add(b.interval / time.Duration(b.allowed(w)))
}
