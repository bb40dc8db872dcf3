package webhook

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A client is who a request is counted under: an address, or for IPv6 its /64,
// which is what one subscriber has. The zero client is not counted.
type client = netip.Prefix

// proxies are the peers whose X-Forwarded-For is believed.
type proxies []netip.Prefix

func (p proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(net netip.Prefix) bool { return net.Contains(a) })
}

// client returns who sent r: the peer or, behind trusted proxies, the last
// address in X-Forwarded-For that is not one of them. A loopback peer that
// forwards for nobody is not counted: behind it may stand a proxy that is not
// configured, and then every sender would share one count.
func (p proxies) client(r *http.Request) client {
	peer, ok := addressOf(r.RemoteAddr)
	if !ok {
		return client{}
	}
	if !p.trusts(peer) {
		return p.count(peer)
	}
	from := peer
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, ok := addressOf(strings.TrimSpace(hop))
		if !ok {
			break // nothing to the left of it is to be believed
		}
		if from = a; !p.trusts(a) {
			break
		}
	}
	if from == peer {
		return p.count(peer)
	}
	return subscriber(from)
}

// count returns who a peer is counted under that forwards for nobody.
func (p proxies) count(peer netip.Addr) client {
	if peer.IsLoopback() {
		return client{}
	}
	return subscriber(peer)
}

// subscriber widens an address to what one subscriber has.
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
