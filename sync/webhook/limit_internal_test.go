package webhook

import (
	"net/netip"
	"testing"
)

// TestCrowd: a client that has as many requests under way as it may gets one more
// place for each that ends, and an address that has none takes no memory.
func TestCrowd(t *testing.T) {
	t.Parallel()
	var c crowd
	who := subscriber(netip.MustParseAddr("192.0.2.1"))
	for range 2 {
		if !c.enter(who, 2) {
			t.Fatal("refused within the limit")
		}
	}
	c.leave(who)
	if !c.enter(who, 2) || c.enter(who, 2) {
		t.Error("one that ended gave back another number of places than one")
	}
	c.leave(who)
	c.leave(who)
	if len(c.n) != 0 {
		t.Errorf("%d clients are counted when none has a request under way", len(c.n))
	}
}
