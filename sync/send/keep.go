package send

import (
	"context"
	"log/slog"
	"time"
)

// look is how often the ledger is looked at, whatever the next time is: a clock
// may be set, and a machine may sleep.
const look = time.Minute

// Keep sends what becomes due until ctx ends. open returns the portal's desk, which
// may be another one when its state file had to be opened anew. wake is signalled
// when something may have become due earlier than was known.
func Keep(ctx context.Context, open func() (*Desk, error), wake <-chan struct{}, log *slog.Logger) {
	for ctx.Err() == nil {
		desk, err := open()
		var next time.Time
		if err == nil {
			next, err = desk.Due(ctx)
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("gifts that are due could not be sent; they are tried again in a minute", logError, err)
		}
		wait := look
		if !next.IsZero() && err == nil {
			wait = min(wait, max(0, time.Until(next)))
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(wait):
		}
	}
}
