package hubspottest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// codeLife is how long a code can be redeemed. HubSpot says only that it is
// short; this is the maximum that RFC 6749 (4.1.2) recommends.
const codeLife = 10 * time.Minute

// The user who installed the app; token info of static tokens names it, too.
const (
	installerID = 1
	appID       = 1
	installer   = "admin@example.com"
	hubDomain   = "hub.example.com"
)

// An App is the OAuth app that the portal knows. The portal accepts its access
// tokens as well as the static token; both have the same scopes.
type App struct {
	ClientID, ClientSecret string
	RedirectURI            string        // what a code must be redeemed with
	TokenLife              time.Duration // of access tokens; 30 minutes when zero
}

// grants are the app's codes and access tokens, with the time each expires, and
// its refresh tokens.
type grants struct {
	codes, access map[string]time.Time
	refresh       map[string]bool // valid ones
}

// Install installs the app as an administrator would, and returns the code that
// HubSpot's page passes to the redirect URI. It can be redeemed once, within ten
// minutes.
func (p *Portal) Install() (code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code = p.secret("")
	p.grants.codes[code] = time.Now().Add(codeLife)
	return code
}

// secret generates a code or a token.
func (p *Portal) secret(prefix string) string {
	return fmt.Sprintf("%s%08x-%016x-%016x", prefix, p.rng.Uint32(), p.rng.Uint64(), p.rng.Uint64())
}

// authenticate checks the bearer token of a call.
func (p *Portal) authenticate(c *call) *refusal {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	until, granted := p.grants.access[token]
	r := unauthenticated()
	switch {
	case ok && (token == p.opt.Token || granted && c.now.Before(until)):
		return nil
	case ok && granted:
		r.Category = "EXPIRED_AUTHENTICATION"
		r.Message = fmt.Sprintf("The OAuth token used to make this call expired %d second(s) ago.", int(c.now.Sub(until).Seconds()))
	}
	return r
}

// oauth answers /oauth: v1 (until 2027-02-16), its successors, and the v2 call
// for static tokens.
// https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
func (c *call) oauth() answer {
	if c.version == "v2" {
		if !c.p.opt.NoTokenInfo && c.is("POST", "private-apps", "get", "access-token-info") {
			return c.tokenInfo()
		}
		return c.noRoute()
	}
	old := c.version == "v1"
	switch {
	case c.is("POST", "token"):
		return c.withClient(c.issueToken)
	case !old && c.is("POST", "token", "introspect"):
		return c.withClient(c.introspect)
	case !old && c.is("POST", "token", "revoke"):
		return c.withClient(c.revoke)
	case old && (c.is("GET", "access-tokens", "*") || c.is("GET", "refresh-tokens", "*")):
		info := c.grant(c.seg[1])
		if info == nil || strings.HasPrefix(c.seg[0], "access") != (info["token_type"] == "access") {
			return c.refuse(notFound("The token was not found."))
		}
		return c.json(http.StatusOK, info)
	case old && c.is("DELETE", "refresh-tokens", "*"):
		delete(c.p.grants.refresh, c.seg[1])
		return answer{status: http.StatusNoContent}
	}
	return c.noRoute()
}

// badGrant is an OAuth refusal: RFC 6749's fields and HubSpot's own.
// https://developers.hubspot.com/changelog/new-oauth-v3-api-endpoints-and-standardized-error-responses
func (c *call) badGrant(code, status, message string) answer {
	return c.json(http.StatusBadRequest, map[string]string{"error": code, "error_description": message, "status": status, "message": message})
}

// withClient reads the form and checks who sends it. Only v1 takes parameters
// from the query as well.
func (c *call) withClient(next func(url.Values) answer) answer {
	form, err := url.ParseQuery(string(c.body))
	if ct := c.r.Header.Get("Content-Type"); err != nil || !strings.HasPrefix(ct, "application/x-www-form-urlencoded") {
		return c.refuse(&refusal{status: http.StatusUnsupportedMediaType, Category: "VALIDATION_ERROR", Message: "Unsupported media type; send application/x-www-form-urlencoded."})
	}
	if c.version == "v1" {
		for name, values := range c.query {
			form[name] = append(form[name], values...)
		}
	}
	app := c.p.opt.App
	switch {
	case app.ClientID == "" || form.Get("client_id") != app.ClientID:
		return c.badGrant("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id")
	case form.Get("client_secret") != app.ClientSecret:
		return c.badGrant("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")
	}
	return next(form)
}

// issueToken redeems a code, or gives a new access token for a refresh token,
// which stays the same.
func (c *call) issueToken(form url.Values) answer {
	g := &c.p.grants
	refresh := form.Get("refresh_token")
	switch form.Get("grant_type") {
	case "authorization_code":
		code := form.Get("code")
		until, known := g.codes[code]
		switch {
		case form.Get("redirect_uri") != c.p.opt.App.RedirectURI:
			return c.badGrant("invalid_grant", "BAD_REDIRECT_URI", "missing or invalid redirect uri")
		case !known || !c.now.Before(until):
			return c.badGrant("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
		}
		delete(g.codes, code)
		refresh = c.p.secret("na1-")
		g.refresh[refresh] = true
	case "refresh_token":
		if !g.refresh[refresh] {
			return c.badGrant("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
		}
	default:
		return c.badGrant("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")
	}
	access := c.p.secret("CK")
	g.access[access] = c.now.Add(c.p.opt.App.TokenLife)
	out := map[string]any{
		"token_type": "bearer", "access_token": access, "refresh_token": refresh, "expires_in": int(c.p.opt.App.TokenLife.Seconds()),
		"hub_id": c.p.opt.ID, "scopes": sortedKeys(c.p.scopes),
	}
	if c.version != "v1" {
		out["token_use"], out["user_id"] = "access_token", installerID
	}
	return c.json(http.StatusOK, out)
}

// grant describes a valid token; it is nil for any other. It omits the signed
// access token, which is for HubSpot's own use.
func (c *call) grant(token string) map[string]any {
	info := map[string]any{
		"token": token, "user": installer, "hub_domain": hubDomain, "scopes": sortedKeys(c.p.scopes),
		"hub_id": c.p.opt.ID, "user_id": installerID,
	}
	if until, ok := c.p.grants.access[token]; ok && c.now.Before(until) {
		info["token_type"], info["app_id"], info["expires_in"] = "access", appID, int(until.Sub(c.now).Seconds())
		info["is_private_distribution"] = false
		return info
	}
	if c.p.grants.refresh[token] {
		info["token_type"], info["client_id"] = "refresh", c.p.opt.App.ClientID
		return info
	}
	return nil
}

// introspect describes a token; an invalid one is no error.
func (c *call) introspect(form url.Values) answer {
	info := c.grant(form.Get("token"))
	if info == nil {
		return c.json(http.StatusOK, map[string]any{"active": false})
	}
	use := "refresh_token"
	if info["token_type"] == "access" {
		use = "access_token"
	}
	info["active"], info["token_use"], info["token_type"] = true, use, "bearer"
	info["client_id"], info["app_id"] = c.p.opt.App.ClientID, appID
	return c.json(http.StatusOK, info)
}

// revoke ends a refresh token. Access tokens live on until they expire.
func (c *call) revoke(form url.Values) answer {
	delete(c.p.grants.refresh, form.Get("token"))
	return answer{status: http.StatusOK}
}
