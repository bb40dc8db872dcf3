package hubspottest

import (
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// authorizePath is the page on which an administrator installs an app, for any
// account or for the one in the path. It stands on app.hubspot.com.
var authorizePath = regexp.MustCompile(`^/oauth(?:/(\d+))?/authorize$`)

// page is what the administrator sees.
var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Connect app · sandbox HubSpot</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem;margin-right:1rem}</style>
</head><body>
{{- if .Refused}}
<h1>The app cannot be connected</h1>
<p>{{.Refused}}</p>
{{- else}}
<h1>Connect the app to account {{.Account}}</h1>
<p>This is the sandbox, not HubSpot. The app asks for:</p>
<ul>{{range .Scopes}}<li><code>{{.}}</code></li>{{end}}</ul>
<form method="post"><button name="decision" value="connect">Connect app</button><button name="decision" value="cancel">Cancel</button></form>
{{- end}}
</body></html>
`))

// authorize shows the page, and on POST does what the administrator decided: it
// sends the browser back to the app with a code, or with a refusal. A link that
// the app's settings do not allow ends here.
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
func (p *Portal) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	scopes, refused := p.consentTo(q, authorizePath.FindStringSubmatch(r.URL.Path)[1])
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if refused != "" || r.Method != http.MethodPost {
		if refused != "" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = page.Execute(w, map[string]any{"Refused": refused, "Account": p.opt.ID, "Scopes": scopes}) // the caller has gone
		return
	}
	back, err := url.Parse(p.opt.App.RedirectURI)
	if err != nil {
		panic("hubspottest: the app's redirect URI is no URL")
	}
	answer := back.Query()
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	if r.FormValue("decision") == "connect" {
		answer.Set("code", p.consented(scopes, q.Get("code_challenge")))
	} else {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The user denied access to the app.")
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// consentTo returns the scopes that a link would be granted, or why it cannot be.
func (p *Portal) consentTo(q url.Values, account string) (scopes []string, refused string) {
	app := p.opt.App
	must, may := app.Required, app.Optional
	if must == nil {
		must = []string{"oauth"}
	}
	if may == nil {
		may = DefaultScopes()
	}
	asked, optional := strings.Fields(q.Get("scope")), strings.Fields(q.Get("optional_scope"))
	switch {
	case app.ClientID == "" || q.Get("client_id") != app.ClientID:
		return nil, "There is no app with this client id."
	case q.Get("redirect_uri") != app.RedirectURI:
		return nil, "The redirect URL is not one of the app's."
	case account != "" && account != strconv.FormatInt(p.opt.ID, 10):
		return nil, "You are not a user of account " + account + "."
	case app.NoChallenge && q.Has("code_challenge"):
		return nil, "Unknown parameter: code_challenge."
	case q.Has("code_challenge") && q.Get("code_challenge_method") != "S256":
		return nil, "Unknown code challenge method."
	}
	for _, s := range must {
		if !slices.Contains(asked, s) {
			return nil, "The link's scopes differ from the app's: it lacks " + s + "."
		}
	}
	for _, s := range slices.Concat(asked, optional) {
		if !slices.Contains(must, s) && !slices.Contains(may, s) {
			return nil, "The link's scopes differ from the app's: the app does not have " + s + "."
		}
	}
	for _, s := range asked {
		if !p.grantable(s) {
			return nil, "This account's subscription does not include " + s + "."
		}
	}
	for _, s := range optional {
		if p.grantable(s) && !slices.Contains(asked, s) {
			asked = append(asked, s)
		}
	}
	return asked, ""
}

// grantable reports whether the account's tier has what a scope is for.
func (p *Portal) grantable(scope string) bool {
	return p.opt.Tier == Enterprise || !strings.Contains(scope, ".custom.")
}
