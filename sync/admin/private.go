package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	giftsync "thnks-hubspot-sync/sync"
)

// Time limits of the pages, beside those of the socket.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
)

// PrivateOptions say who gets what from [Private].
type PrivateOptions struct {
	// Hosts are further names or addresses, with or without a port, by which
	// the pages may be called: where they listen. Loopback's always work. One
	// that stands for every address, such as ":9090", adds every address, but
	// no name.
	Hosts []string
	// Token unmasks the recipients for whoever sends it as a bearer token; ""
	// masks them always.
	Token string
	// Logger hears of panics. Default: nobody.
	Logger *slog.Logger
}

// Private returns the private pages. They only read: whoever may connect may
// look at them, but learns the recipients' names with the token alone.
//
//	/healthz     ok, as long as the process serves
//	/readyz      every portal's status; 503 where one needs a person
//	/stats.json  every portal's statistics, up to 10 seconds old
//
// A request must name one of our hosts, as a browser can be made to call a
// loopback address by somebody else's name (DNS rebinding).
func Private(d Desk, o PrivateOptions) http.Handler {
	p := &private{desk: d, log: o.Logger, hosts: make(map[string]bool)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	for _, h := range o.Hosts {
		name := hostOf(h)
		ip, err := netip.ParseAddr(name)
		p.anyAddress = p.anyAddress || name == "" || err == nil && ip.IsUnspecified()
		p.hosts[name] = true
	}
	delete(p.hosts, "")
	if o.Token != "" {
		digest := sha256.Sum256([]byte(o.Token))
		p.token = digest[:]
	}
	p.figures = newShared(func(ctx context.Context) (figures, error) { return readFigures(ctx, d, p.log) })
	return p
}

// ServePrivate serves the pages on l, which it closes, until ctx ends. It then
// waits a few seconds for the answers under way and returns nil.
func ServePrivate(ctx context.Context, l net.Listener, pages http.Handler) error {
	return serveUntil(ctx, stopGrace, netutil.LimitListener(l, connections), &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	})
}

// private is the pages.
type private struct {
	desk       Desk
	log        *slog.Logger
	hosts      map[string]bool
	anyAddress bool   // any address is a host of ours
	token      []byte // SHA-256 of the token; nil for none
	figures    *shared[figures]
}

// ServeHTTP implements [http.Handler].
func (p *private) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	switch {
	case !p.known(r.Host):
		http.Error(w, "this is not a name of the private side: use a loopback address, or the host of admin_listen", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the private side is only read: use GET", http.StatusMethodNotAllowed)
	case r.URL.Path == "/healthz":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	case r.URL.Path == "/readyz":
		p.readiness(w, r)
	case r.URL.Path == "/stats.json":
		p.statistics(w, r)
	default:
		http.Error(w, "there is no such page", http.StatusNotFound)
	}
}

// known reports whether a Host header names us.
func (p *private) known(header string) bool {
	host := hostOf(header)
	if p.hosts[host] || host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (p.anyAddress || ip.IsLoopback())
}

// hostOf is a host without its port, in the one way to write it.
func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return host
}

// A readiness is the document of /readyz.
type readiness struct {
	Ready   bool              `json:"ready"` // every portal is
	Portals []giftsync.Status `json:"portals"`
	Problem string            `json:"problem,omitempty"` // why nothing is known
}

func (p *private) readiness(w http.ResponseWriter, r *http.Request) {
	all, err := guarded(p.log, func() ([]giftsync.Status, error) { return p.desk.Status(r.Context()) })
	doc := readiness{Ready: err == nil, Portals: all}
	for _, s := range all {
		doc.Ready = doc.Ready && s.Ready
	}
	if err != nil {
		doc.Problem = err.Error()
	}
	status := http.StatusOK
	if !doc.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, doc)
}

// statistics may take longer than other answers: the time limit on writing
// begins anew when there is something to write. An asker who leaves is noticed.
func (p *private) statistics(w http.ResponseWriter, r *http.Request) {
	unmasked, ok := p.admit(r.Header.Values("Authorization"))
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "that is not the token of admin_token_file; without one, recipients are hidden", http.StatusUnauthorized)
		return
	}
	doc, err := p.figures.get(r.Context())
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // fails where there is no limit
	if err != nil {
		http.Error(w, "the statistics cannot be read: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	if !unmasked {
		doc = doc.masked()
	}
	status := http.StatusOK
	if len(doc.Portals) == 0 && len(doc.Problems) > 0 {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, doc)
}

// admit says whether an asker sees recipients, and is false where it claims a
// right to that which it has not. Digests of one length are compared, so that
// the time taken tells nothing.
func (p *private) admit(authorization []string) (unmasked, ok bool) {
	if p.token == nil || len(authorization) == 0 {
		return false, true
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	digest := sha256.Sum256([]byte(token))
	ok = subtle.ConstantTimeCompare(digest[:], p.token) == 1 && len(authorization) == 1 && strings.EqualFold(scheme, "Bearer")
	return ok, ok
}
