package sync

import "context"

type aliveKey struct{}

// WithAlive returns a context with which [Engine.ApplyEvents], [Engine.FetchEvents],
// [Engine.FollowEvents] and [Engine.ShowSends] call alive each time they have recorded the
// outcome of a part of what is due. They return only when nothing is due any more,
// which may take days, so that their end alone does not tell one that works from one that
// hangs. A part takes minutes: its calls give up. alive must not block; where it ends the
// context, nothing that was begun is cut off.
func WithAlive(ctx context.Context, alive func()) context.Context {
	return context.WithValue(ctx, aliveKey{}, alive)
}

// partDone calls what [WithAlive] was given, if anything.
func partDone(ctx context.Context) {
	if alive, ok := ctx.Value(aliveKey{}).(func()); ok {
		alive()
	}
}
