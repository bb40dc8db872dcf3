package store

import "testing"

// No test can cut the power in the midst of a commit, and the death of the
// process alone loses nothing that was written. So the switches are looked at
// that would make commits faster and not durable.
func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	if s.db.NoSync || s.db.NoGrowSync {
		t.Error("commits are not written through to the disk")
	}
}
