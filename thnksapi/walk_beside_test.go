package thnksapi

import (
	"sync"
	"testing"
)

// TestWalksBesideEachOther: two listings of one client are remembered and taken at
// once. The race detector judges.
func TestWalksBesideEachOther(t *testing.T) {
	var all walks
	var done sync.WaitGroup
	for _, cursor := range []string{"a", "b"} {
		done.Go(func() {
			w := new(walk)
			all.keep(cursor, w)
			if all.take(cursor) != w {
				t.Errorf("the listing at %s is another one", cursor)
			}
		})
	}
	done.Wait()
}
