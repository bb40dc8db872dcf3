package admin

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/listen"
)

// Time limits of the pages, in addition to those of the socket.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
)

// PagesOptions configure [Pages].
type PagesOptions struct {
	// Hosts are the names or addresses, with or without a port, that a
	// request's Host may have, in addition to those of loopback. One that
	// stands for every address, such as ":9090", allows every address, but no
	// name.
	Hosts []string
	// Token unmasks the recipients in answers to requests that carry it as a
	// bearer token, or with any name as the password of a browser; "" masks them
	// always.
	Token string
	// Unmasked shows recipients to every client: they are invented.
	Unmasked bool
	// Metrics answers /metrics; nil where there is no such page.
	Metrics http.Handler
	// Logger gets panics. Nil discards them.
	Logger *slog.Logger
}

// Pages returns the private pages. They are read-only. Every client that can
// connect sees them, but only with the token does it see recipients.
//
//	/            a page with the statistics, which shows them live
//	/healthz     ok, as long as the process serves
//	/readyz      every portal's status; 503 if one needs attention
//	/stats.json  the portals' statistics, up to 10 seconds old
//	/metrics     how the daemon works, for Prometheus
//
// Page and statistics take the filters of [stats.Filter] as parameters, by their
// names in its JSON, and the name of a portal.
//
// An address that sends more than 10 wrong tokens in a minute gets 429 for the
// next wrong ones, never for the right one.
//
// A request must name one of our hosts: a web page can make the browser call a
// loopback address under the page's own name (DNS rebinding).
func Pages(service Service, o PagesOptions) http.Handler {
	p := &pages{service: service, log: o.Logger, hosts: make(map[string]bool), metrics: o.Metrics, unmasked: o.Unmasked}
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
	p.stats = newAnswers(func(ctx context.Context, q question) (answer, error) { return readStats(ctx, service, q, p.log) })
	return p
}

// ServePages serves the pages on l, which it closes, until ctx ends. It then
// waits a few seconds for the answers under way and returns nil. The log gets a
// line when connections cannot be accepted.
func ServePages(ctx context.Context, l net.Listener, pages http.Handler, log *slog.Logger) error {
	return serveUntil(ctx, stopGrace, listen.New(l, listen.Options{Places: connections, Log: log}), &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	})
}

// pages answers the requests of the private side.
type pages struct {
	service    Service
	log        *slog.Logger
	hosts      map[string]bool
	anyAddress bool   // the Host may be any address
	token      []byte // SHA-256 of the token; nil for none
	guesses    guesses
	stats      *answers
	unmasked   bool         // for every client
	metrics    http.Handler // nil for none
}

// ServeHTTP implements [http.Handler].
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	switch {
	case !p.known(r.Host):
		http.Error(w, "this host name is not allowed here: use a loopback address, or the host of admin_listen", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the private side is read-only: use GET", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		p.page(w, r)
	case r.URL.Path == "/healthz":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	case r.URL.Path == "/readyz":
		p.readiness(w, r)
	case r.URL.Path == "/stats.json":
		p.statistics(w, r)
	case r.URL.Path == "/metrics" && p.metrics != nil:
		p.metrics.ServeHTTP(w, r)
	default:
		http.Error(w, "there is no such page", http.StatusNotFound)
	}
}

// known reports whether a Host header names us.
func (p *pages) known(header string) bool {
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
	Problem string            `json:"problem,omitempty"` // why there is no status
}

func (p *pages) readiness(w http.ResponseWriter, r *http.Request) {
	all, err := guarded(p.log, func() ([]giftsync.Status, error) { return p.service.Status(r.Context()) })
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
