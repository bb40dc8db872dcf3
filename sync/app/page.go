package app

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// policy lets a page show itself and nothing else.
var policy = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// A page is what a person sees in the browser.
type page struct {
	status  int
	Good    bool
	Title   string
	Lines   []string
	List    []string
	Command string // to be typed
	reason  string // for the log
}

// The pages. None says anything about portals or accounts: a stranger who guesses an
// address may read them.
var (
	notFound    = page{status: http.StatusNotFound, Title: "There is nothing here", Lines: []string{"This address belongs to thnks-hubspot-sync, which copies Thnks gifts into HubSpot."}}
	otherMethod = page{status: http.StatusMethodNotAllowed, Title: "Only GET is answered here"}
	expiredLink = page{
		status: http.StatusNotFound, Title: "This link is not valid",
		Lines:   []string{"A link works once, and for ten minutes. Ask the person who runs thnks-hubspot-sync for a new one:"},
		Command: "thnks-hubspot-sync connect --portal NAME",
	}
	begunInHubSpot = page{
		status: http.StatusOK, Title: "One more step",
		Lines: []string{
			"You have installed the app inside HubSpot. Nothing is connected yet, and nothing was stored: which of its portals this account belongs to is known where thnks-hubspot-sync runs.",
			"Ask the person who runs it to type this, and open the link that it prints:",
		},
		Command: "thnks-hubspot-sync connect --portal NAME",
	}
	refusedPage = page{
		status: http.StatusOK, Title: "Not connected", reason: "refused on HubSpot's page",
		Lines: []string{"You have not granted access, so nothing was stored. To have another try, ask for a new link:"}, Command: "thnks-hubspot-sync connect --portal NAME",
	}
	hubspotRefuses = page{
		status: http.StatusBadGateway, Title: "Not connected", reason: "HubSpot did not accept the install",
		Lines: []string{"HubSpot did not accept the install. Nothing was stored. The command that printed your link says why."},
	}
	otherAccount = page{
		status: http.StatusConflict, Title: "That was another account", reason: "the grant is for another account",
		Lines: []string{"You have chosen another HubSpot account than the one that is configured. Nothing was stored. Ask for a new link, and choose the right account on HubSpot's page:"}, Command: "thnks-hubspot-sync connect --portal NAME",
	}
	notStored = page{
		status: http.StatusInternalServerError, Title: "Not connected", reason: "the grant could not be stored",
		Lines: []string{"You have granted access, but it could not be stored. The command that printed your link says why."},
	}
)

// connected is the page of a new connection.
func connected(c Connection) page {
	p := page{
		status: http.StatusOK, Good: true, Title: "Connected",
		Lines: []string{"thnks-hubspot-sync has access to HubSpot account " + c.Account + " now. The gifts of the past are copied first, by themselves. You can close this page."},
	}
	if len(c.Lost) > 0 {
		p.Lines = append(p.Lines, "HubSpot has not granted everything that was asked for. Without it:")
		p.List = c.Lost
	}
	return p
}

// write answers with the page.
func (p page) write(w http.ResponseWriter) {
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", policy)
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	var body bytes.Buffer
	err := pageTemplate.Execute(&body, struct {
		Page page
		CSS  template.CSS
	}{p, template.CSS(pageCSS)})
	if err != nil { // the template is ours
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(body.Bytes()) // the browser has gone
}
