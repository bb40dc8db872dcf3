package admin

import (
	"net/netip"
	"sync"
	"time"
)

// The limits on wrong tokens.
const (
	maxGuesses  = 10     // of one address in a minute, answered 401; more get 429
	maxGuessers = 10_000 // addresses counted in a minute; all others share one count
)

// guesses counts wrong tokens by address and minute. An IPv6 address stands for
// its /64, which one subscriber has.
type guesses struct {
	mu    sync.Mutex
	began time.Time // of the minute that is counted
	n     map[netip.Prefix]int
}

// wrong counts a wrong token from this address. It returns how long the address
// must wait after too many, and 0 before; first reports whether this is the first
// that must.
func (g *guesses) wrong(remote string, now time.Time) (wait time.Duration, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if age := now.Sub(g.began); g.n == nil || age >= time.Minute || age < 0 {
		g.began, g.n = now, make(map[netip.Prefix]int)
	}
	who := guesser(remote)
	if _, counted := g.n[who]; !counted && len(g.n) >= maxGuessers {
		who = netip.Prefix{}
	}
	g.n[who]++
	if g.n[who] <= maxGuesses {
		return 0, false
	}
	return g.began.Add(time.Minute).Sub(now), g.n[who] == maxGuesses+1
}

// guesser returns what the requests of a host:port are counted by; the zero
// prefix if it has no address.
func guesser(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	a := ap.Addr().Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	who, _ := a.Prefix(bits) // the lengths are within range
	return who
}
