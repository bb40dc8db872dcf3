package admin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// hidden replaces a recipient.
const hidden = "(hidden)"

// A question is what statistics are asked for.
type question struct {
	portal string // "" for all
	filter stats.Filter
}

// An answer is what is known about a question.
type answer struct {
	doc     statsDocument
	portals []string // all that there are
	tag     string   // changes with what the document says, but for when it was made
}

// A statsDocument is the document of /stats.json.
type statsDocument struct {
	Portals  []stats.Report `json:"portals"`
	Overall  *stats.Overall `json:"overall,omitempty"` // of several portals
	Problems []problem      `json:"problems,omitempty"`
}

// A problem is why a portal's statistics are missing.
type problem struct {
	Portal  string `json:"portal"`
	Problem string `json:"problem"`
}

// partParameter asks the page for its numbers alone.
const partParameter = "part"

// parseQuestion reads the parameters of a request. An empty one counts as one
// that is not there, as forms send them so.
func parseQuestion(query url.Values) (q question, err error) {
	fields := map[string]*string{
		"portal": &q.portal, "from": &q.filter.From, "to": &q.filter.To, "sender": &q.filter.Sender,
		"type": &q.filter.Type, "status": (*string)(&q.filter.Status), "currency": &q.filter.Currency, partParameter: new(string),
	}
	for name, values := range query {
		field := fields[name]
		switch {
		case field == nil:
			return q, fmt.Errorf("there is no parameter %q: use portal, from, to, sender, type, status or currency", name)
		case len(values) != 1:
			return q, fmt.Errorf("the parameter %s is given twice", name)
		}
		*field = values[0]
	}
	return q, q.filter.Check()
}

// readStats computes the statistics that are asked for, one portal after the
// other. The failure of one portal is listed and does not hide the others.
func readStats(ctx context.Context, service Service, q question, log *slog.Logger) (answer, error) {
	a := answer{doc: statsDocument{Portals: []stats.Report{}}}
	all, err := guarded(log, func() ([]giftsync.Status, error) { return service.Status(ctx) })
	if err != nil {
		return a, err
	}
	for _, s := range all {
		a.portals = append(a.portals, s.Portal)
	}
	asked := a.portals
	if q.portal != "" {
		asked = []string{q.portal}
	}
	for _, portal := range asked {
		rep, err := guarded(log, func() (stats.Report, error) { return service.Stats(ctx, portal, stats.Query{Filter: q.filter}) })
		switch {
		case ctx.Err() != nil:
			return a, ctx.Err()
		case err != nil:
			a.doc.Problems = append(a.doc.Problems, problem{portal, err.Error()})
		default:
			a.doc.Portals = append(a.doc.Portals, rep)
		}
	}
	if len(a.doc.Portals) > 1 {
		all, err := stats.Over(a.doc.Portals)
		if err != nil {
			return a, err
		}
		a.doc.Overall = &all
	}
	a.tag, err = a.doc.digest()
	return a, err
}

// digest returns what changes with the document, when it was made aside.
func (d statsDocument) digest() (string, error) {
	d.Portals = slices.Clone(d.Portals)
	for i := range d.Portals {
		d.Portals[i].MadeAt = time.Time{}
	}
	data, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("writing the statistics: %w", err)
	}
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// masked returns the document without recipients' names, addresses and
// numbers. Senders stay: they are the portal's own staff.
func (d statsDocument) masked() statsDocument {
	d.Portals = slices.Clone(d.Portals)
	for i, rep := range d.Portals {
		recent := slices.Clone(rep.RecentActivity)
		for j := range recent {
			recent[j].Recipient = hidden
		}
		d.Portals[i].RecentActivity = recent
	}
	return d
}

// statistics answers /stats.json.
func (p *pages) statistics(w http.ResponseWriter, r *http.Request) {
	unmasked, ok := p.admit(r.Header.Values("Authorization"))
	if !ok {
		p.refuseToken(w, r, bearer)
		return
	}
	q, err := parseQuestion(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := p.ask(w, r, q)
	if err != nil {
		http.Error(w, "the statistics cannot be read: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	doc := a.doc
	if !unmasked {
		doc = doc.masked()
	}
	if unchanged(w, r, "json", a.tag, unmasked) {
		return
	}
	writeJSON(w, statusOf(doc), doc)
}

// ask computes statistics for a request. That may take longer than an answer may
// take to be written, so the time limit starts again after it. The computation is
// cancelled when the client disconnects.
func (p *pages) ask(w http.ResponseWriter, r *http.Request, q question) (answer, error) {
	a, err := p.stats.get(r.Context(), q)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // fails where there is no limit
	return a, err
}

// unchanged answers a request whose client has this answer already, and reports
// that. The tag is a weak one: when the answer was made does not count.
func unchanged(w http.ResponseWriter, r *http.Request, form, tag string, unmasked bool) bool {
	if unmasked {
		form += "-whole"
	}
	tag = `W/"` + form + "-" + tag + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") != tag {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// statusOf is 503 where there is nothing but problems.
func statusOf(d statsDocument) int {
	if len(d.Portals) == 0 && len(d.Problems) > 0 {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
