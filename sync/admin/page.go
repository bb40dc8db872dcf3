package admin

import (
	"bytes"
	"context"
	"net/http"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/page"
)

// page answers GET /. Where there is a token, the page asks for it by status 401;
// a user who cancels the browser's question sees the page without recipients. The
// part that the page fetches again and again asks no one.
func (p *pages) page(w http.ResponseWriter, r *http.Request) {
	unmasked, ok := p.admit(r.Header.Values("Authorization"))
	if !ok {
		p.refuseToken(w, r, basic)
		return
	}
	part := r.URL.Query().Has(partParameter)
	q, wrong := parseQuestion(r.URL.Query())
	shown := page.Page{Served: &page.Served{Portal: q.portal, Filter: q.filter, Masked: !unmasked}}
	status := http.StatusBadRequest
	if wrong != nil {
		shown.Problems = []page.Problem{{Text: wrong.Error()}}
	} else {
		var tag string
		if tag, status = p.fill(&shown, w, r, q); part && tag != "" && unchanged(w, r, "page", tag, unmasked) {
			return
		}
	}
	write := page.Write
	if part {
		write = page.WriteNumbers
	} else if p.token != nil && !unmasked {
		w.Header().Set("WWW-Authenticate", basic)
		status = http.StatusUnauthorized
	}
	var out bytes.Buffer
	if err := write(&out, shown); err != nil {
		http.Error(w, "the page cannot be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", page.Policy(true))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// fill puts the answer to the question on the page, or why there is none. It
// returns the tag of the answer, "" for none, and the status.
func (p *pages) fill(shown *page.Page, w http.ResponseWriter, r *http.Request, q question) (tag string, status int) {
	if q.portal == "" {
		q.portal = p.first(r.Context())
		shown.Served.Portal = q.portal
	}
	a, err := p.ask(w, r, q)
	if err != nil {
		shown.Problems = []page.Problem{{Text: "the statistics cannot be read: " + err.Error()}}
		return "", http.StatusServiceUnavailable
	}
	doc := a.doc
	if shown.Served.Masked {
		doc = doc.masked()
	}
	shown.Reports, shown.Served.Portals = doc.Portals, a.portals
	for _, problem := range doc.Problems {
		shown.Problems = append(shown.Problems, page.Problem{Portal: problem.Portal, Text: problem.Problem})
	}
	return a.tag, statusOf(doc)
}

// first is the portal that is shown where no portal was chosen and a page cannot
// show all, and else "".
func (p *pages) first(ctx context.Context) string {
	all, err := guarded(p.log, func() ([]giftsync.Status, error) { return p.service.Status(ctx) })
	if err != nil || len(all) <= page.MaxPortals {
		return "" // the answer tells the error, too
	}
	return all[0].Portal
}
