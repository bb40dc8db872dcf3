package webhook

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// TestFullTableOfForgers: the first ten thousand clients of a minute are counted each
// for itself, all others together.
func TestFullTableOfForgers(t *testing.T) {
	t.Parallel()
	var w watch
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	who := func(n int) client {
		return subscriber(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(n)))))
	}
	for n := range maxClients {
		if tooMany, _ := w.bad(who(n), now); tooMany {
			t.Fatalf("client %d is refused at its first bad signature", n+1)
		}
	}
	for range maxForged {
		if tooMany, _ := w.bad(who(maxClients), now); tooMany {
			t.Fatal("the first client without a count of its own is refused within the limit")
		}
	}
	if tooMany, _ := w.bad(who(maxClients+1), now); !tooMany {
		t.Error("the second client without a count of its own does not share that of the first")
	}
	if tooMany, _ := w.bad(who(maxClients-1), now); tooMany {
		t.Error("a client with a count of its own shares that of others")
	}
}

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
