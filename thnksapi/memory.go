package thnksapi

import (
	"context"
	"sync/atomic"
)

// A Memory bounds what the answers of several clients may hold together.
// *semaphore.Weighted of golang.org/x/sync is one. A client acquires at most
// 64 MiB for an answer while it is read.
type Memory interface {
	// Acquire waits until n more bytes may be held, or ctx ends.
	Acquire(ctx context.Context, n int64) error
	// TryAcquire reports whether they may be held now, and does not wait.
	TryAcquire(n int64) bool
	Release(n int64)
}

// leastRoom is what most answers need.
const leastRoom = 1 << 20

// rooms says how much memory an answer gets. The size of an answer is known
// only at its end, so a listing gets what its last answer needed; an answer
// that needs more is asked for again. None waits for more while it holds some:
// all could wait for each other.
type rooms struct {
	memory Memory       // nil: no bound but that of a single answer
	listed atomic.Int64 // bytes that the last answer of a listing had
}

// estimate returns the room for the first attempt at a call.
func (r *rooms) estimate(call call) int64 {
	if r.memory == nil {
		return maxAnswer
	}
	room := int64(leastRoom)
	for !call.detail && room < maxAnswer && room < r.listed.Load()*5/4 {
		room = r.more(room)
	}
	return room
}

// more returns the room for an answer that did not fit.
func (r *rooms) more(room int64) int64 { return min(4*room, maxAnswer) }

// learn notes the size of an answer.
func (r *rooms) learn(call call, size int64) {
	if !call.detail {
		r.listed.Store(size)
	}
}

func (r *rooms) release(room int64) {
	if r.memory != nil {
		r.memory.Release(room)
	}
}

// reserve waits for memory.
func (c *Client) reserve(ctx context.Context, room int64) error {
	m := c.memory.memory
	if m == nil || m.TryAcquire(room) {
		return nil
	}
	resume := c.waiting(ctx)
	err := m.Acquire(ctx, room)
	if e := resume(ctx); e != nil {
		if err == nil {
			m.Release(room)
		}
		return e
	}
	return err
}
