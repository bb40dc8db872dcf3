package card

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// What the paths of all routes begin with.
const (
	CardPrefix   = "/hubspot/card/"
	ActionPrefix = "/hubspot/actions/"
)

// The limits of one request. HubSpot waits 15 s for a page and 20 s for a workflow.
const (
	maxBody    = 1 << 20         // bytes
	bodyTime   = 3 * time.Second // for reading it
	answerTime = 6 * time.Second // for what HubSpot is asked meanwhile
	maxAtOnce  = 64              // verified requests under way
	maxOfOne   = 40              // of them for one portal; of its pages HubSpot makes 20 at a time
)

// A StateFile is a portal's. [*store.Store] is one.
type StateFile interface {
	ByContact(contact string) ([]string, error)
	ByObject(record string) (id string, ok bool, err error)
	Gifts(ids []string) (map[string]plan.Stored, error)
	Send(id string) (store.Send, bool, error)
	OpenSends() ([]store.Send, error)
}

// A HubSpot reads people, and lets workflows go on. [*hubspot.Client] is one.
type HubSpot interface {
	Associated(ctx context.Context, fromType, toType string, ids []string) ([]hubspot.RelatedOutcome, error)
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	CompleteCallback(ctx context.Context, id string, fields map[string]string) error
}

// A Desk sends gifts. [*send.Desk] is one.
type Desk interface {
	Dispatch(ctx context.Context, e store.Send) (store.Send, error)
	Take(ctx context.Context, orders []send.Order) ([]send.Taken, error)
	Foresee(ctx context.Context, orders []send.Order) ([]send.Forecast, error)
	Budget(sender string, at time.Time) (send.Budget, error)
	Rules() send.Rules
	Senders() []string
	Called(id string) error
}

// A Portal is what the pages of one portal need. Its functions return what is there
// at the moment: a state file may have been opened anew.
type Portal struct {
	Name    string
	Account string // HubSpot's id of it
	// Connected reports whether the portal has access to HubSpot.
	Connected func() (bool, error)
	State     func() (StateFile, error)
	HubSpot   func() (HubSpot, error)
	Desk      func() (Desk, error)  // its error is [send.ErrOrder] where the configuration lets nothing be sent
	Wake      func()                // has what is due in the ledger sent
	Object    func() string         // type id of the custom object, "" before it is known
	Records   func() string         // what addresses of gift records begin with, "" before it is known
	Zone      func() *time.Location // nil before it is known
	Stats     func(context.Context) (stats.Report, error)
	Settings  func(context.Context) (Settings, error)
}

// An App is an app of HubSpot whose pages and workflows are served.
type App struct {
	Name string // in the log
	ID   int64  // HubSpot's
	// Verify checks that HubSpot has made a request for the app; see
	// [hubspot.SignedRequest.Verify]. Its error may be [hubspot.ErrNoSecret].
	Verify func(r hubspot.SignedRequest, now time.Time) error
	// Portals are those that are connected through the app, by the id of their
	// HubSpot account.
	Portals map[int64]*Portal
}

// A Config is what [New] needs.
type Config struct {
	Apps      []App
	PublicURL string // how HubSpot calls the root of this server, for its signatures
	Log       *slog.Logger
}

// A Server is the [http.Handler] of everything below [CardPrefix] and [ActionPrefix].
type Server struct {
	apps     []App
	public   string
	log      *slog.Logger
	busy     chan struct{} // one for each verified request under way
	asking   asking
	seldom   seldom
	linked   linkedCache
	counters map[*Portal]*counter
}

// A counter is where the requests of one portal are answered, so that those of one
// portal do not hold those of another.
type counter struct {
	busy  chan struct{} // one for each request under way
	stats statsCache
}

// New returns the server of some apps.
func New(c Config) *Server {
	s := &Server{
		apps: c.Apps, public: strings.TrimSuffix(c.PublicURL, "/"), log: c.Log,
		busy: make(chan struct{}, maxAtOnce), counters: make(map[*Portal]*counter),
	}
	for _, app := range c.Apps {
		for _, p := range app.Portals {
			s.counters[p] = &counter{busy: make(chan struct{}, maxOfOne)}
		}
	}
	return s
}

// busy refuses a request beyond those that are answered at a time. A workflow gives
// up after ten answers of 429, and repeats its request for three days after one of
// 503.
func busy(to route) *Problem {
	const why = "Too many requests are under way: try again in a moment."
	if to.action {
		return problem(Later, why)
	}
	return problem(Busy, why)
}

// A visit is one verified request.
type visit struct {
	app    *App
	portal *Portal
	query  url.Values
	body   []byte
	email  string // of the user, in canonical form; "" for a workflow
}

// A route answers one path.
type route struct {
	method string
	action bool // of a workflow: the account is in the body, and version 2 signs it, too
	always bool // also for a portal that is not connected
	answer func(*Server, context.Context, visit) (any, error)
}

var routes = map[string]route{
	CardPrefix + "gifts":      {method: http.MethodGet, answer: (*Server).gifts},
	CardPrefix + "form":       {method: http.MethodGet, answer: (*Server).form},
	CardPrefix + "preview":    {method: http.MethodPost, answer: (*Server).preview},
	CardPrefix + "send":       {method: http.MethodPost, answer: (*Server).send},
	CardPrefix + "sends":      {method: http.MethodGet, answer: (*Server).sends},
	CardPrefix + "statistics": {method: http.MethodGet, answer: (*Server).statistics},
	CardPrefix + "settings":   {method: http.MethodGet, always: true, answer: (*Server).settings},
	ActionPrefix + "send":     {method: http.MethodPost, action: true, answer: (*Server).execute},
	ActionPrefix + "options":  {method: http.MethodPost, action: true, answer: (*Server).options},
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.serve(w, r)
	if err == nil {
		write(w, http.StatusOK, answer)
		return
	}
	var p *Problem
	if !errors.As(err, &p) {
		s.note("HubSpot app not served", r.URL.Path, keyReason, err.Error())
		p = problem(Later, "This cannot be done at the moment. Try again in a minute: nothing is sent twice.")
	}
	if p.Code == methodNotAllowed {
		w.Header().Set("Allow", routes[r.URL.EscapedPath()].method)
	}
	write(w, p.status(), p)
}

// serve checks a request and answers it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	to, ok := routes[r.URL.EscapedPath()]
	switch {
	case !ok:
		return nil, problem(NotFound, "There is no such page.")
	case r.Method != to.method:
		return nil, problem(methodNotAllowed, "This page is asked for by "+to.method+".")
	case to.method == http.MethodPost && !isJSON(r.Header):
		return nil, problem(unsupportedMedia, "The body must be JSON in UTF-8, without a content encoding.")
	}
	body, err := read(w, r)
	if err != nil {
		return nil, err
	}
	v := visit{query: r.URL.Query(), body: body}
	if v.app, err = s.verified(r, to, body); err != nil {
		return nil, err
	}
	account, err := v.account(to)
	if err != nil {
		return nil, err
	}
	if v.portal = v.app.Portals[account]; v.portal == nil {
		s.note("HubSpot app not served", r.URL.Path, keyReason, "no portal of this app has the account", keyApp, v.app.Name, keyAccount, account)
		return nil, problem(NotConnected, "This HubSpot account is not connected to Thnks by this app: ask your admin to run connect for it.")
	}
	// Only what HubSpot has made takes a place, so that slow bodies of others hold none.
	for _, places := range []chan struct{}{s.busy, s.counters[v.portal].busy} {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			return nil, busy(to)
		}
	}
	if connected, err := v.portal.Connected(); err != nil || !connected && !to.always {
		return nil, cmp.Or[error](err, problem(NotConnected, "This HubSpot account was disconnected from Thnks: ask your admin to run connect for it again."))
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	return to.answer(s, ctx, v)
}

// verified returns the app that HubSpot has made a request for. All apps are tried,
// so that the time taken does not reveal which one it is.
func (s *Server) verified(r *http.Request, to route, body []byte) (*App, error) {
	signed := hubspot.SignedRequest{Method: r.Method, URL: s.public + r.URL.EscapedPath(), Header: r.Header, Body: body}
	if r.URL.RawQuery != "" {
		signed.URL += "?" + r.URL.RawQuery
	}
	var app *App
	why := hubspot.ErrUnsigned
	// A signature of version 2 has no time, so that a request can be repeated by
	// anyone who has seen it: a workflow's does nothing twice. Version 1 does not even
	// cover the address.
	if version := signed.Version(); version == 3 || version == 2 && to.action {
		for i := range s.apps {
			switch err := s.apps[i].Verify(signed, time.Now()); {
			case err == nil:
				app = &s.apps[i]
			case !errors.Is(err, hubspot.ErrForged) || errors.Is(why, hubspot.ErrUnsigned):
				why = err // of all reasons, a wrong clock and a secret that cannot be read say most
			}
		}
	}
	switch {
	case app != nil:
		return app, nil
	case errors.Is(why, hubspot.ErrNoSecret):
		return nil, why // HubSpot asks again
	default:
		s.note("HubSpot app refused", r.URL.Path, keyReason, why.Error())
		return nil, problem(Unauthorized, "HubSpot has not signed this request.")
	}
}

// account returns the account that a visit is from, and notes who makes it.
func (v *visit) account(to route) (int64, error) {
	if to.action {
		var e struct {
			Origin Origin `json:"origin"`
		}
		if json.Unmarshal(v.body, &e) != nil || e.Origin.PortalID <= 0 {
			return 0, problem(BadRequest, "The body names no account of HubSpot in origin.portalId.")
		}
		return e.Origin.PortalID, nil
	}
	account, err := strconv.ParseInt(v.one("portalId"), 10, 64)
	app, errApp := strconv.ParseInt(v.one("appId"), 10, 64)
	if err != nil || account <= 0 || errApp != nil {
		return 0, problem(BadRequest, "The query does not say once who asks: portalId, appId.")
	}
	if app != v.app.ID {
		return 0, problem(NotConnected, "The request is of another app than the one that has signed it.")
	}
	v.email, _ = plan.CanonicalEmail(v.one("userEmail"))
	return account, nil
}

// one returns a value of the query that is there once, and otherwise "".
func (v *visit) one(name string) string {
	if values := v.query[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// isJSON reports whether the header announces a body of JSON.
func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/json" && h.Get("Content-Encoding") == ""
}

// read reads the whole body within its limits.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTime)) // fails only for a test's recorder
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, problem(TooLarge, "The request is larger than 1 MB.")
	case err != nil:
		return nil, problem(BadRequest, "The body is incomplete.")
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}
