package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
)

// Prefix begins the path of every endpoint: Prefix + portal + "/" + dialect.
const Prefix = "/webhooks/"

// The limits of one request.
const (
	maxBody   = 256 << 10       // bytes
	maxBatch  = 1 << 20         // bytes, of up to 100 events of HubSpot
	maxEvents = 1000            // of HubSpot in one request, ten times what it sends: one commit holds them
	bodyTime  = 3 * time.Second // for reading the whole body
	storeTime = 5 * time.Second // for the inbox; bodyTime + storeTime is less than the 10 s that senders wait
)

// The values of Retry-After, in seconds.
const (
	retryForged = 60 // until counting starts again
	retryCrowd  = 5
	retryStore  = 30
)

// A dialect is what a kind of sender sends.
type dialect struct {
	media []string // content types
	// head reads into e what the headers say of it; nil if they say nothing.
	head func(e *store.Event, h http.Header)
	// read reads the body of e into it. If it sets no key, the event has that of
	// [keyOf].
	read func(s *Source, e *store.Event)
}

var dialects = map[string]dialect{
	GiftEvents: {media: []string{"application/json"}, read: giftEvent},
	Thyngs:     {media: []string{"application/json", "application/xml", "text/xml"}, head: thyngsHead, read: thyngsEvent},
	ZohoThrive: {media: []string{"application/json"}, read: thriveEvent},
	HubSpot:    {media: []string{"application/json"}, read: hubspotEvent},
}

// Dialects returns the names of the dialects, sorted.
func Dialects() []string { return slices.Sorted(maps.Keys(dialects)) }

// A Source is one endpoint: a sender of events to one portal in one dialect.
type Source struct {
	Portal  string
	Dialect string // [GiftEvents], [Thyngs] or [ZohoThrive]
	Scheme  Scheme
	// CompanyID, if set, is the company that every event must name. It cannot be
	// used with senders that name none.
	CompanyID string
	// MetadataKeys are the keys of an event's metadata whose values are further
	// ids of the gift, in order of preference.
	MetadataKeys []string
	// MetadataProperties maps keys of an event's metadata to the properties that
	// their values go into.
	MetadataProperties map[string]string
	// Zone returns the time zone of times that name none; nil while it is not
	// known. Such events are answered 503 until it is. A nil Zone knows none.
	Zone  func() *time.Location
	Inbox Inbox
}

// zone returns the time zone of times that name none, nil if it is not known.
func (s *Source) zone() *time.Location {
	if s.Zone == nil {
		return nil
	}
	return s.Zone()
}

// Options are what [New] needs.
type Options struct {
	Sources        []Source // at most one for each portal and dialect
	Apps           []App    // whose webhooks HubSpot sends to [HubSpotPath]
	PublicURL      string   // how HubSpot calls the root of this endpoint, for its signatures
	TrustedProxies []netip.Prefix
	Log            *slog.Logger
}

// Hooks is the [http.Handler] of everything below [Prefix], and of [HubSpotPath].
type Hooks struct {
	sources map[string]*Source // by path
	apps    []App
	public  string // how HubSpot calls [HubSpotPath], without the query
	proxies proxies
	log     *slog.Logger
	watch   watch
}

// New returns the handler of the sources' endpoints. It refuses a source that
// is given twice, has no scheme or inbox, or has an unknown dialect.
func New(o Options) (*Hooks, error) {
	h := &Hooks{
		sources: make(map[string]*Source), proxies: o.TrustedProxies, log: o.Log,
		apps: o.Apps, public: strings.TrimSuffix(o.PublicURL, "/") + HubSpotPath,
	}
	for _, s := range o.Sources {
		path := Prefix + s.Portal + "/" + s.Dialect
		switch {
		case dialects[s.Dialect].read == nil || s.Dialect == HubSpot:
			return nil, fmt.Errorf("webhooks of portal %s: there is no dialect %q", s.Portal, s.Dialect)
		case s.Portal == "" || strings.Contains(s.Portal, "/"):
			return nil, fmt.Errorf("webhooks: %q cannot be a portal's name in a path", s.Portal)
		case s.Scheme.check == nil || s.Inbox == nil:
			return nil, fmt.Errorf("webhooks of portal %s: %s lacks its scheme or its inbox", s.Portal, s.Dialect)
		case h.sources[path] != nil:
			return nil, fmt.Errorf("webhooks of portal %s: %s is given twice", s.Portal, s.Dialect)
		}
		h.sources[path] = &s
	}
	return h, nil
}

// ServeHTTP answers one request; the package comment has the order of checks.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(h.apps) > 0 && r.URL.EscapedPath() == HubSpotPath {
		h.serveHubSpot(w, r)
		return
	}
	source, refused := h.route(r)
	from := h.proxies.sender(r)
	if refused != nil {
		if source != nil {
			h.note(slog.LevelWarn, time.Now(), source, "webhook refused", refused.err, keyClient, from.String())
		}
		refused.write(w)
		return
	}
	body, refused := h.verified(w, r, source, from)
	if refused != nil {
		refused.write(w)
		return
	}
	h.receive(r.Context(), source, r.Header, body).write(w)
}

// route finds the source of a request, and refuses a request whose method,
// path or headers are wrong. It returns the source with the refusal if the
// path has one.
func (h *Hooks) route(r *http.Request) (*Source, *answer) {
	if r.Method != http.MethodPost {
		return nil, &answer{code: http.StatusMethodNotAllowed, err: "only POST is answered here"}
	}
	s, ok := h.sources[r.URL.EscapedPath()] // as received, so that a proxy's rules and ours see the same path
	switch {
	case !ok:
		return nil, &answer{code: http.StatusNotFound, err: "not found"}
	case r.ContentLength > maxBody:
		return s, tooLarge(maxBody)
	}
	if why := unreadable(r.Header, dialects[s.Dialect].media); why != "" {
		return s, &answer{code: http.StatusUnsupportedMediaType, err: why}
	}
	return s, nil
}

// verified reads the body and checks that it comes from the source.
func (h *Hooks) verified(w http.ResponseWriter, r *http.Request, s *Source, from sender) ([]byte, *answer) {
	return h.checked(w, r, s, from, maxBody, func(body []byte, now time.Time) refusal { return s.Scheme.check(r.Header, body, now) })
}

// checked reads a body of at most most bytes and checks where it comes from.
func (h *Hooks) checked(w http.ResponseWriter, r *http.Request, s *Source, from sender, most int64, check func(body []byte, now time.Time) refusal) ([]byte, *answer) {
	body, refused := read(w, r, most)
	now := time.Now()
	if refused != nil {
		h.note(slog.LevelWarn, now, s, "webhook refused", refused.err, keyClient, from.String())
		return nil, refused
	}
	bad := check(body, now)
	if bad == (refusal{}) {
		return body, nil
	}
	return nil, h.refuse(s, from, bad, now)
}

// refuse answers a request that does not prove where it comes from. The answer
// does not depend on the reason; it changes only after too many bad signatures.
// A good signature with a wrong time is not counted: it is not a forgery. One that
// cannot be checked may be good, so its sender is to try again.
func (h *Hooks) refuse(s *Source, from sender, bad refusal, now time.Time) *answer {
	if h.watch.first(note{s.Portal, s.Dialect, string(bad.why) + bad.form}, now) {
		h.log.Warn("webhook refused", slices.Concat(bad.attrs(), s.attrs(), []any{keyClient, from.String()})...)
	}
	switch bad.why {
	case stale:
		return &unauthorized
	case unchecked:
		return &later
	}
	tooMany, alarm := h.watch.bad(h.proxies.client(from), now)
	if alarm {
		h.log.Error("many forged webhooks", append([]any{keyCount, alarmAt, keyWithin, time.Minute}, s.attrs()...)...)
	}
	if tooMany {
		return &answer{code: http.StatusTooManyRequests, err: "too many requests", retry: retryForged}
	}
	return &unauthorized
}

// receive reads an event from a verified body and puts it into the inbox. It
// does so even if the sender disconnects meanwhile: the event is genuine.
func (h *Hooks) receive(ctx context.Context, s *Source, header http.Header, body []byte) *answer {
	e := store.Event{Dialect: s.Dialect, Signed: s.Scheme.signed, Body: body, ReceivedAt: time.Now().UTC()}
	e.MessageID = messageID(header)
	dialect := dialects[s.Dialect]
	if dialect.head != nil {
		dialect.head(&e, header)
	}
	dialect.read(s, &e)
	if e.Reason == noZone { // the sender repeats it, and by then we may know
		h.note(slog.LevelWarn, e.ReceivedAt, s, "webhook not stored", e.Reason)
		return &later
	}
	if e.Key == "" {
		e.Key = keyOf(&e)
	}
	return h.keep(ctx, s, e)
}

// keep puts events of a source into its inbox.
func (h *Hooks) keep(ctx context.Context, s *Source, events ...store.Event) *answer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	now := events[0].ReceivedAt
	repeats, err := s.Inbox.Receive(ctx, events...)
	var noRoom *store.FullError
	switch {
	case errors.Is(err, store.ErrInboxFull), errors.As(err, &noRoom):
		h.note(slog.LevelError, now, s, "webhook not stored", "the inbox is full")
		return &later
	case err != nil:
		if h.watch.first(note{s.Portal, s.Dialect, "not stored"}, now) {
			h.log.Error("webhook not stored", append(s.attrs(), keyError, err)...)
		}
		return &later
	}
	for _, e := range events {
		if e.Effect == store.EffectUnknown && repeats < len(events) {
			h.note(slog.LevelWarn, now, s, "webhook not understood", e.Reason)
		}
		h.log.Debug("webhook received", append(s.attrs(), keyKind, e.Kind, keyEffect, e.Effect, keyRepeats, repeats)...)
	}
	return &stored
}

// attrs returns what log lines say of the source.
func (s *Source) attrs() []any {
	if s.Portal == "" { // of all portals of HubSpot's apps
		return []any{keyDialect, s.Dialect}
	}
	return []any{keyPortal, s.Portal, keyDialect, s.Dialect}
}

// note logs an event about a source, with further attributes, at most once a
// minute for each reason.
func (h *Hooks) note(level slog.Level, now time.Time, s *Source, event, reason string, more ...any) {
	if h.watch.first(note{s.Portal, s.Dialect, event + reason}, now) {
		attrs := append(s.attrs(), keyReason, reason)
		h.log.Log(context.Background(), level, event, append(attrs, more...)...)
	}
}

// read reads the whole body within its limits of size, in bytes, and time.
func read(w http.ResponseWriter, r *http.Request, most int64) ([]byte, *answer) {
	// Setting a deadline fails only for a test's recorder.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge(most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &answer{code: http.StatusRequestTimeout, err: "the body took too long"}
	case err != nil:
		return nil, &answer{code: http.StatusBadRequest, err: "the body is incomplete"}
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}

// charsets are the names, in lower case, of encodings that are part of UTF-8.
var charsets = []string{"utf-8", "utf8", "us-ascii", "ascii"}

// unreadable says why the headers do not announce a body of one of the media
// types in UTF-8 without a content encoding, or "".
func unreadable(h http.Header, media []string) string {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return "the body has a content encoding: send it without Content-Encoding"
		}
	}
	text, ok := single(h, "Content-Type")
	if !ok {
		return "the content type is missing or given twice: send one Content-Type, " + strings.Join(media, " or ")
	}
	kind, params, err := mime.ParseMediaType(text)
	if err != nil || !slices.Contains(media, kind) {
		return "the content type is another one: send " + strings.Join(media, " or ")
	}
	if charset, given := params["charset"]; given && !slices.Contains(charsets, strings.ToLower(charset)) {
		return "the charset is not UTF-8: send " + kind + " without a charset"
	}
	return ""
}

// An answer is the response to a request; its body is a small JSON object.
type answer struct {
	code  int
	err   string // "" for success; fixed text, so that nothing of the request is echoed
	retry int    // Retry-After in seconds, 0 for none
}

var (
	stored       = answer{code: http.StatusOK}
	unauthorized = answer{code: http.StatusUnauthorized, err: "unauthorized"}
	later        = answer{code: http.StatusServiceUnavailable, err: "cannot take events now", retry: retryStore}
)

// tooLarge refuses a body of more than most bytes.
func tooLarge(most int64) *answer {
	return &answer{code: http.StatusRequestEntityTooLarge, err: fmt.Sprintf("the body is larger than %d KiB", most>>10)}
}

func (a *answer) write(w http.ResponseWriter) {
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	if a.code == http.StatusMethodNotAllowed {
		head.Set("Allow", http.MethodPost)
	}
	if a.retry > 0 {
		head.Set("Retry-After", strconv.Itoa(a.retry))
	}
	w.WriteHeader(a.code)
	body := "{}\n"
	if a.err != "" {
		body = `{"error":"` + a.err + `"}` + "\n"
	}
	_, _ = io.WriteString(w, body) // fails only if the sender has disconnected
}
