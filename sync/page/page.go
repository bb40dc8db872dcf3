package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"
)

// MaxPortals is how many portals one page shows. Browsers would take long to draw
// more.
const MaxPortals = 10

// refresh is how often a page that is served looks for new numbers.
const refresh = 5 * time.Second

// A Page is what is shown.
type Page struct {
	Reports  []stats.Report
	Problems []Problem
	Served   *Served // nil for a file
}

// A Problem is why a portal's statistics are missing.
type Problem struct {
	Portal string // "" for a problem of all
	Text   string
}

// Served is what a page has beside the reports where the program serves it.
type Served struct {
	Portals []string     // to choose from
	Portal  string       // the one that was chosen; "" for all
	Filter  stats.Filter // that was asked for, right or wrong
	Masked  bool         // recipients are hidden
}

//go:embed assets/page.html
var markup string

//go:embed assets/style.css
var style string

//go:embed assets/echarts.js
var library string

//go:embed assets/page.js
var script string

var pages = template.Must(template.New("page").Parse(markup))

// Write writes the whole page.
func Write(w io.Writer, p Page) error {
	return pages.Execute(w, newView(p))
}

// WriteNumbers writes the element with the numbers alone.
func WriteNumbers(w io.Writer, p Page) error {
	return pages.ExecuteTemplate(w, "numbers", newView(p))
}

// Policy returns the Content-Security-Policy of the page: nothing is loaded from
// anywhere, and of inline scripts and styles only its own count. A page that is
// served may ask the program that serves it, and send its form there.
func Policy(served bool) string {
	policy := "default-src 'none'; script-src " + digest(library) + " " + digest(script) + "; style-src " + digest(style) +
		"; img-src data:; base-uri 'none'; "
	if served {
		return policy + "connect-src 'self'; form-action 'self'; frame-ancestors 'none'"
	}
	return policy + "form-action 'none'"
}

// digest names an inline script or style in a policy.
//
// https://www.w3.org/TR/CSP3/#grammardef-hash-source
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// A view is what the template shows.
type view struct {
	Title    string
	Policy   string // in a file; a server sends it itself
	Style    template.CSS
	Library  template.JS
	Script   template.JS
	Refresh  int64 // in milliseconds; 0 for a file
	Form     *form
	Masked   bool
	Problems []Problem
	Portals  []portal
	Terms    []stats.Definition // that stand beside no number
}

func newView(p Page) view {
	v := view{
		Title:   "Thnks statistics",
		Style:   template.CSS(style),  //nolint:gosec // ours
		Library: template.JS(library), //nolint:gosec // ours
		Script:  template.JS(script),  //nolint:gosec // ours
	}
	for _, problem := range p.Problems {
		v.Problems = append(v.Problems, Problem{stats.Visible(problem.Portal), stats.Visible(problem.Text)})
	}
	if len(p.Reports) > 1 {
		if all, err := stats.Over(p.Reports); err == nil { // else the portals' own reports show what is wrong
			v.Portals = append(v.Portals, newOverall(all))
		}
	}
	for i, r := range p.Reports {
		v.Portals = append(v.Portals, newPortal("portal"+strconv.Itoa(i), r, sections(r), cards(r)))
	}
	if len(p.Reports) == 1 {
		v.Title += ": " + stats.Visible(p.Reports[0].Portal)
	}
	v.Terms = terms(v.Portals)
	if p.Served == nil {
		v.Policy = Policy(false)
		return v
	}
	v.Refresh, v.Masked, v.Form = refresh.Milliseconds(), p.Served.Masked, newForm(p)
	return v
}

// A form is what may be asked for.
type form struct {
	Portals    []string
	All        bool // they may be shown on one page
	Portal     string
	Filter     stats.Filter
	Statuses   []plan.Status
	Senders    []string
	Types      []string
	Currencies []string
	Filtered   bool
}

// newForm offers what the reports name, and keeps what was asked for.
func newForm(p Page) *form {
	f := &form{
		Portals: p.Served.Portals, All: len(p.Served.Portals) <= MaxPortals, Portal: p.Served.Portal, Filter: p.Served.Filter,
		Statuses: plan.Statuses(), Filtered: p.Served.Filter != (stats.Filter{}),
	}
	senders, types, currencies := make(names), make(names), make(names)
	f.Filter.Currency = strings.ToUpper(f.Filter.Currency)
	currencies.add(f.Filter.Currency)
	for _, r := range p.Reports {
		for _, s := range r.TopSenders {
			if s.Email != "" {
				senders.add(s.Email)
			} else {
				senders.add(s.Name)
			}
		}
		for _, t := range r.TopTypes {
			types.add(t.Name)
		}
		for _, m := range r.ByCurrency {
			currencies.add(m.Currency)
		}
	}
	f.Senders, f.Types, f.Currencies = senders.sorted(), types.sorted(), currencies.sorted()
	return f
}
