package store

import "testing"

// No test can cut the power during a commit, and killing the process alone loses
// nothing that was written. So we check the switches that would make commits
// faster but not durable.
func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	if s.db.NoSync || s.db.NoGrowSync {
		t.Error("commits are not written through to the disk")
	}
}
