package webhook

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A client is what requests are counted by: an IPv4 address, or for IPv6 the
// /64 that one subscriber has. The zero client is not counted.
type client = netip.Prefix

// proxies are the peers whose X-Forwarded-For is believed.
type proxies []netip.Prefix

func (p proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// client returns what the requests of sender are counted by. A loopback peer that
// is not a trusted proxy is not counted: it may be a proxy that is not
// configured, and then all senders would share one count.
func (p proxies) client(from sender) client {
	switch {
	case !from.addr.IsValid():
		return client{}
	case from.forwarded:
		return subscriber(from.addr)
	}
	return p.count(from.addr)
}

// A sender is where a request comes from.
type sender struct {
	addr      netip.Addr // invalid if it is not known
	forwarded bool       // by a trusted proxy, which says so
}

// String returns the address, for the log.
func (s sender) String() string {
	if !s.addr.IsValid() {
		return "unknown"
	}
	return s.addr.String()
}

// sender returns the sender of r: the peer or, behind trusted proxies, the last
// address in X-Forwarded-For that is not a trusted proxy.
func (p proxies) sender(r *http.Request) sender {
	peer, ok := addressOf(r.RemoteAddr)
	if !ok || !p.trusts(peer) {
		return sender{addr: peer}
	}
	from := peer
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, ok := addressOf(strings.TrimSpace(hop))
		if !ok {
			break // what stands to the left of it cannot be trusted
		}
		if from = a; !p.trusts(a) {
			break
		}
	}
	return sender{addr: from, forwarded: from != peer}
}

// peer returns the client whose connection comes from this address.
func (p proxies) peer(from net.Addr) client {
	a, ok := addressOf(from.String())
	if !ok || p.trusts(a) {
		return client{}
	}
	return p.count(a)
}

// count returns the client of a peer that sends for itself.
func (p proxies) count(peer netip.Addr) client {
	if peer.IsLoopback() {
		return client{}
	}
	return subscriber(peer)
}

// subscriber returns the range of addresses that one subscriber has.
func subscriber(a netip.Addr) client {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	c, _ := a.Prefix(bits) // the lengths are within range
	return c
}

// addressOf reads an address with or without a port.
func addressOf(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
